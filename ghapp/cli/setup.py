"""`planward setup`."""

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ghapp.errors import SettingsError

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")

if TYPE_CHECKING:
    from ghapp.setup import Keeper


@click.command(short_help="Create the GitHub App and keep its credentials.")
@click.option("--public-url", help="Planward's own address, for GitHub and for people. Default: PLANWARD_PUBLIC_URL.")
@click.option("--organization", help="Register the App in this organization. Default: in your own account.")
@click.option("--name", default="Planward", show_default=True, help="The App's name, which has to be unique on GitHub.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("planward.env"),
    show_default=True,
    help="Store the credentials in this file, with mode 0600.",
)
@click.option(
    "--vault",
    "vault_path",
    metavar="PATH",
    help="Store the credentials in Vault's KV engine instead, for example at kv/planward/github.",
)
@click.option("--force", is_flag=True, help="Overwrite existing credentials.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="The port of the page. Default: any free port.")
def setup(
    public_url: str | None,
    organization: str | None,
    name: str,
    file: Path,
    vault_path: str | None,
    force: bool,
    port: int,
) -> None:
    """Create the GitHub App from app.yml, on GitHub or an Enterprise Server (PLANWARD_GITHUB_API_URL).

    Serves a page on this machine that leads to GitHub, and stores GitHub's answer: the App's id, its private key and
    its secrets. If your browser is on another machine, set --port 8123, and run this on the browser's machine, with
    this machine's name as HOST: ssh -L 8123:127.0.0.1:8123 HOST.

    \b
    Examples:
      planward setup --public-url https://planward.example.com --organization acme
      planward setup --public-url https://planward.example.com --vault kv/planward/github
    """
    from ghapp.settings import read_addresses
    from ghapp.setup import Plan, set_up

    if organization is not None and not _ACCOUNT.fullmatch(organization):
        raise click.UsageError(f"{organization} is not the name of an organization")
    given = {"PLANWARD_PUBLIC_URL": public_url} if public_url else {}
    api_url, address = read_addresses({**os.environ, **given})
    plan = Plan(api_url=api_url, public_url=address, organization=organization, name=name, port=port)
    asyncio.run(set_up(plan, _keeper(file, vault_path, force), click.echo))


def _keeper(file: Path, vault_path: str | None, force: bool) -> "Keeper":
    from ghapp.settings import read_vault_settings
    from ghapp.setup import FileKeeper, VaultKeeper
    from ghapp.vault.session import Vault

    if vault_path is None:
        return FileKeeper(path=file.absolute(), overwrite=force)
    settings = read_vault_settings(os.environ)
    if settings is None:
        raise SettingsError("--vault: VAULT_ADDR is not set: set it, and VAULT_TOKEN or another login")
    return VaultKeeper(vault=Vault(settings), path=vault_path.strip("/"), overwrite=force)
