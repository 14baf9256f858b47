"""`planward demo`."""

from pathlib import Path

import click


@click.command(short_help="Try Planward on this machine, without any account.")
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), help="Keep all files there. Default: a temporary directory."
)
@click.option(
    "--repo",
    "repository",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Use a copy of this Terraform directory, with its states in local files.",
)
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Planward's port. Default: any free port.")
@click.option("--exit", "ends", is_flag=True, help="Stop at the end, instead of keeping the servers running.")
def demo(directory: Path | None, repository: Path | None, port: int, ends: bool) -> None:
    """Run the whole cycle on this machine, from a pull request to production.

    Terraform and a Vault-compatible server are real, and GitHub is simulated. You need no account and no cloud.

    \b
    Examples:
      planward demo --exit
      planward demo --repo ~/infrastructure
    """
    try:
        from ghapp.demo.play import play
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the demo needs the package {error.name}: install it with: pip install 'planward[demo]'"
        ) from error
    play(directory, port=port, leave_running=not ends, repository=repository)
