"""`planward serve` and `planward worker`."""

import asyncio
import signal
from collections.abc import Mapping

import click

from ghapp.keys_apart import take_environment
from ghapp.log import configure_logging
from ghapp.settings import SECRETS, read_settings

# These imports load the engine and the web server, which the other commands should not wait for.


@click.command(short_help="Answer deliveries, serve the pages, do the work.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535), help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Only answer deliveries and pages; `planward worker` does the work.")
def serve(host: str, port: int, no_worker: bool) -> None:
    """Answer GitHub's deliveries, serve the pages, and (without --no-worker) do the work.

    \b
    Example:
      planward serve --host 0.0.0.0 --port 8000
    """
    environ = take_environment(SECRETS)
    from ghapp.app import serve as serve_app

    configure_logging()
    serve_app(read_settings(environ), host=host, port=port, worker=not no_worker)


@click.command(short_help="Do the work that `serve --no-worker` accepts.")
def worker() -> None:
    """Do the work that `planward serve --no-worker` accepts, on the same database.

    \b
    Example:
      PLANWARD_DATABASE_URL=postgresql://planward@db/planward planward worker
    """
    environ = take_environment(SECRETS)
    configure_logging()
    asyncio.run(_work(environ))


async def _work(environ: Mapping[str, str]) -> None:
    from ghapp.app import run_worker

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_worker(read_settings(environ), stop)
