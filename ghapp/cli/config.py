"""`planward config check`, `schema`, `show`, and `planward import`."""

from pathlib import Path

import click

from ghapp import config_commands

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def config() -> None:
    """Look at the config of a repository, .github/planward.yml.

    \b
    Example:
      planward config check
    """


@config.command()
@click.argument("path", default=".", metavar="[FILE]", type=click.Path(exists=True, path_type=Path))
def check(path: Path) -> None:
    """Check a config file; with a directory (the default, "."), its working copy's config and root modules.

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


@config.command()
@click.argument("directory", default=".", metavar="[DIR]", type=_DIRECTORY)
def show(directory: Path) -> None:
    """Show what is found in a working copy, with the defaults filled in.

    Environments, root modules in their layers, versions, workspaces, files and the secrets' paths.

    \b
    Example:
      planward config show
    """
    _print(config_commands.show_working_copy(directory))


@click.command("import", short_help="Make a config of an atlantis.yaml.")
@click.argument("path", metavar="atlantis.yaml", type=_FILE)
def import_(path: Path) -> None:
    """Make a config of an atlantis.yaml: the config on stdout, what a person has to know on stderr.

    \b
    Example:
      planward import atlantis.yaml > .github/planward.yml
    """
    imported = config_commands.import_from_atlantis(path)
    click.echo(imported.text, nl=False)
    for note in imported.notes:
        click.echo(f"planward: {note}", err=True)


def _print(answer: config_commands.Answer) -> None:
    for line in answer.lines:
        click.echo(line)
    if answer.exit_status:
        raise SystemExit(answer.exit_status)
