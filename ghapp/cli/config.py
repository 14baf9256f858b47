"""`planward config check`, `schema`, `show`, and `planward import`."""

import asyncio
import os
from pathlib import Path

import click

from ghapp.addresses import OWNER_AND_NAME
from ghapp.local import config as config_commands
from ghapp.settings import read_github_access, read_local_settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def config() -> None:
    """Check and show the config of a repository, .github/planward.yml.

    \b
    Example:
      planward config check
    """


@config.command(short_help="Check a config file, or a whole working copy.")
@click.argument("path", default=".", metavar="[FILE | DIR]", type=click.Path(exists=True, path_type=Path))
def check(path: Path) -> None:
    """Check a config file, or the config and the root modules of a working copy.

    With a directory, the working copy that contains it is checked. The default is ".".

    \b
    Examples:
      planward config check
      planward config check .github/planward.yml
    """
    _print(config_commands.check(path))


@config.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors.

    \b
    Example:
      planward config schema > planward.schema.json
    """
    click.echo(config_commands.schema(), nl=False)


@config.command(short_help="Show what Planward finds in a repository.")
@click.argument("place", default=".", metavar="[OWNER/REPO | DIR]")
def show(place: str) -> None:
    """Show what Planward finds in a working copy, or in a repository on GitHub, with the defaults filled in.

    Lists the environments, the root modules in the order in which they run, versions, workspaces, files, and the paths
    of the secrets. An argument that is a directory is read as a working copy. A repository on GitHub is fetched with
    the App's credentials, for which this command needs the settings of `planward serve`.

    \b
    Examples:
      planward config show
      planward config show acme/infra
    """
    if Path(place).is_dir():
        _print(config_commands.show_working_copy(Path(place)))
        return
    if not OWNER_AND_NAME.fullmatch(place):
        raise click.UsageError(f"{place} is neither a directory nor a repository: give DIR or OWNER/REPO.")
    from ghapp.local.remote_config import show_repository

    access, local = read_github_access(os.environ), read_local_settings(os.environ)
    _print(asyncio.run(show_repository(place, access, local)))


@click.command("import", short_help="Convert an atlantis.yaml to a config.")
@click.argument("path", metavar="atlantis.yaml", type=_FILE)
def import_(path: Path) -> None:
    """Convert an atlantis.yaml. The config goes to stdout, and notes for you go to stderr.

    The notes begin with the parts that could not be converted. Add these parts to the config by hand. If there are
    such parts, the exit status is 1.

    \b
    Example:
      planward import atlantis.yaml > .github/planward.yml
    """
    imported = config_commands.import_from_atlantis(path)
    click.echo(imported.text, nl=False)
    for note in imported.unresolved:
        click.echo(f"planward: unresolved: {note}", err=True)
    for note in imported.explained:
        click.echo(f"planward: {note}", err=True)
    if imported.unresolved:
        raise SystemExit(1)


def _print(answer: config_commands.Answer) -> None:
    for line in answer.lines:
        click.echo(line)
    if answer.exit_status:
        raise SystemExit(answer.exit_status)
