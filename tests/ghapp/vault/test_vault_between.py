"""Between Planward and Vault each request fails once; secrets are read and tokens revoked anyway."""

import asyncio
from collections.abc import Callable, Mapping

import hvac  # type: ignore[import-untyped]
import pytest

from checks.authority.teams import open_by_own_login
from ghapp.vault import DEFAULT_SOURCES, VaultRun, VaultSettings
from ghapp.vault.session import Vault
from tests.openbao import OpenBao
from tests.stories.faults.proxies import fates, once_each

ONCE_EACH = [fates.REFUSED, fates.RESET, fates.LIMITED, fates.LOST, fates.CUT, fates.FAILED_AFTERWARDS]


@pytest.fixture
def app_role(openbao: OpenBao) -> Callable[[str], VaultSettings]:
    client = openbao.client()
    if "between/" not in client.sys.list_auth_methods():
        client.sys.enable_auth_method("approle", path="between")
        client.sys.create_or_update_policy("between", 'path "kv/*" { capabilities = ["read", "list"] }')
        client.auth.approle.create_or_update_approle("app", token_policies=["between"], mount_point="between")
        openbao.put("kv/between/testing/db", password="s3cret")
    role_id = client.auth.approle.read_role_id("app", mount_point="between")["data"]["role_id"]
    secret_id = client.auth.approle.generate_secret_id("app", mount_point="between")["data"]["secret_id"]
    return lambda address: VaultSettings(
        address=address, auth_mount="between", role_id=role_id, secret_id=secret_id, timeout_s=2.0
    )


@pytest.mark.parametrize("fate", ONCE_EACH)
def test_secrets_are_read_and_the_token_is_given_back(
    openbao: OpenBao, app_role: Callable[[str], VaultSettings], fate: str
) -> None:
    async def run(settings: VaultSettings) -> Mapping[str, object]:
        async with Vault(settings).session(
            VaultRun(team="between", environment="testing", branch="testing", operation="plan")
        ) as session:
            return (await session.read(DEFAULT_SOURCES, open_by_own_login("between"))).tfvars

    with once_each(fate, openbao.address) as (address, proxy):
        assert asyncio.run(run(app_role(address))) == {"password": "s3cret"}
    [token] = {each.header(b"x-vault-token") for each, _ in proxy.seen} - {b""}
    with pytest.raises(hvac.exceptions.Forbidden):
        openbao.client(token.decode()).auth.token.lookup_self()
