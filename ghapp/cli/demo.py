"""`planward demo`."""

from pathlib import Path

import click


@click.command(short_help="Play the whole loop on this machine.")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Keep everything there, not in a new place.")
@click.option(
    "--repo",
    "repository",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Play with a copy of this Terraform directory, its states kept by the demo.",
)
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Planward's port; by default any that is free.")
@click.option("--exit", "ends", is_flag=True, help="End when it is through, rather than leave the servers running.")
def demo(directory: Path | None, repository: Path | None, port: int, ends: bool) -> None:
    """Run the whole cycle on this machine, with real programs: no account, no cloud, no recording.

    \b
    Example:
      planward demo --exit
      planward demo --repo ~/infrastructure
    """
    try:
        from ghapp.demo.play import play
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the demo needs the package {error.name}: pip install 'planward[demo]' brings it"
        ) from error
    play(directory, port=port, leave_running=not ends, repository=repository)
