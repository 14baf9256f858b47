"""Arguments. Exit status: 0 done, 1 failed, 2 wrong use."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click

from ghapp.app import run_worker
from ghapp.app import serve as serve_app
from ghapp.errors import PlanwardError
from ghapp.log import configure_logging
from ghapp.settings import read_settings


@click.group()
@click.version_option(package_name="planward")
def planward() -> None:
    """Gate Terraform changes: plan on the pull request, apply on the merge, secrets from Vault."""


def main() -> None:
    """Run the command; what an operator can mend is one line on stderr and exit status 1."""
    try:
        planward(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except PlanwardError as error:
        click.echo(f"planward: {error}", err=True)
        sys.exit(1)


@planward.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Only answer deliveries and pages; `planward worker` does the work.")
def serve(host: str, port: int, no_worker: bool) -> None:
    """Answer GitHub's deliveries, serve the pages, and (without --no-worker) do the work.

    \b
    Example:
      planward serve --host 0.0.0.0 --port 8000
    """
    configure_logging()
    serve_app(read_settings(os.environ), host=host, port=port, worker=not no_worker)


@planward.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Keep everything there, not in a new place.")
@click.option("--port", default=0, help="Planward's port; by default any that is free.")
@click.option("--exit", "ends", is_flag=True, help="End when it is through, rather than leave the servers running.")
def demo(directory: Path | None, port: int, ends: bool) -> None:
    """Play the whole loop on this machine: no account, no cloud, and nothing is played back.

    \b
    Example:
      planward demo --exit
    """
    from ghapp.demo.play import play

    play(directory, port=port, leave_running=not ends)


@planward.command()
def worker() -> None:
    """Do the work that `planward serve --no-worker` accepts, on the same database.

    \b
    Example:
      PLANWARD_DATABASE_URL=postgresql://planward@db/planward planward worker
    """
    configure_logging()
    asyncio.run(_work())


async def _work() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_worker(read_settings(os.environ), stop)
