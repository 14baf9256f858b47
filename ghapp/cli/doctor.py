"""`planward doctor OWNER/REPO`."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ghapp.addresses import OWNER_AND_NAME
from ghapp.errors import SettingsError

if TYPE_CHECKING:
    from ghapp.doctor import Diagnosis


@click.command(short_help="Check how a repository is protected.")
@click.argument("repository", metavar="OWNER/REPO")
@click.option(
    "--terraform", is_flag=True, help="Print a github_repository_ruleset resource for each environment's branch."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with an administrator's token. An App cannot see who may bypass a ruleset; an administrator can.",
)
def doctor(repository: str, terraform: bool, token_file: Path | None) -> None:
    """Check the gates of a repository: the settings on GitHub and on the server that protect its environments.

    For each missing gate, the command says how to set the gate. The command reads the same settings as
    `planward serve`, and changes nothing. The exit status is 1 if a gate is missing.

    \b
    Examples:
      planward doctor acme/shop
      planward doctor acme/shop --terraform > rulesets.tf
    """
    from ghapp.doctor import render_diagnosis, render_terraform

    if not OWNER_AND_NAME.fullmatch(repository):
        raise click.UsageError(f"{repository} is not a repository: give OWNER/REPO")
    diagnosis = asyncio.run(_examine(repository, _read_token(token_file)))
    if terraform:
        click.echo(render_terraform(diagnosis.full_name, [guarded for guarded, _ in diagnosis.branches]), nl=False)
    else:
        click.echo(render_diagnosis(diagnosis))
    if diagnosis.missing:
        sys.exit(1)


async def _examine(repository: str, administrator: str | None) -> "Diagnosis":
    from ghapp.doctor import examine
    from ghapp.github import GitHubApp
    from ghapp.github.app_key import app_key
    from ghapp.local.config import complaints_of
    from ghapp.local.remote_config import read_tip
    from ghapp.settings import read_github_access, read_local_settings
    from ghapp.vault.session import Vault

    access, local = read_github_access(os.environ), read_local_settings(os.environ)
    vault = Vault(local.vault) if local.vault else None
    key = app_key(access.private_key, vault)
    async with GitHubApp(access.api_url, access.app_id, key) as github:
        diagnosis = await examine(
            github,
            access.app_id,
            repository,
            administrator=administrator,
            authority=local.authority,
            vault=vault,
            vault_role=local.vault.role if local.vault else None,
            sandbox=local.sandbox,
        )
        tip = await read_tip(repository, github, access.api_url, local)
        complaints = complaints_of(tip.config, tip.configuration, tip.layout, tip.engines)
        return replace(diagnosis, root_modules=tuple(complaints))


def _read_token(path: Path | None) -> str | None:
    if path is None:
        return None
    token = path.read_text(encoding="utf-8").strip()
    if not token or not token.isprintable():
        raise SettingsError(f"--token-file: {path} does not contain a token")
    return token
