"""Read secrets (`read`), or get the error of a refused reading (`refusal`)."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from checks.authority.teams import open_by_own_login
from ghapp.vault import DEFAULT_SOURCES, Credentials, SecretSource, VaultError, VaultRun, VaultSettings
from ghapp.vault.session import Vault
from tests.openbao import OpenBao


def settings_of(server: OpenBao, **more: Any) -> VaultSettings:
    return VaultSettings(**{"address": server.address, "token": None if "role_id" in more else server.token, **more})


def read(
    settings: VaultSettings,
    sources: Sequence[SecretSource] = DEFAULT_SOURCES,
    *,
    team: str,
    environment: str = "testing",
    branch: str = "testing",
    operation: str = "plan",
) -> Credentials:
    async def reading() -> Credentials:
        async with Vault(settings).session(
            VaultRun(team=team, environment=environment, branch=branch, operation=operation)
        ) as session:
            return await session.read(sources, open_by_own_login(team))

    return asyncio.run(reading())


def refusal(settings: VaultSettings, sources: Sequence[SecretSource] = DEFAULT_SOURCES, **names: str) -> VaultError:
    with pytest.raises(VaultError) as refused:
        read(settings, sources, **{"team": "nobody", **names})
    return refused.value


def policy(server: OpenBao, name: str, *rules: str) -> str:
    """Write a policy of lines `PATH: CAPABILITY CAPABILITY`."""
    text = ""
    for rule in rules:
        path, _, capabilities = rule.partition(": ")
        text += f'path "{path}" {{ capabilities = {json.dumps(capabilities.split())} }}\n'
    server.client().sys.create_or_update_policy(name=name, policy=text)
    return name
