"""`planward serve` and `planward worker`."""

import asyncio
import signal
from collections.abc import Mapping

import click

from ghapp.errors import PlanwardError
from ghapp.keys_apart import take_environment
from ghapp.log import configure_logging
from ghapp.settings import SECRETS, read_settings
from ghapp.worker_process.link import ServeLink, inherited_link
from ghapp.worker_process.supervising import WorkerBeside

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
    configure_logging()
    settings = read_settings(environ)
    # It loads its half of Planward while this process loads the other.
    beside = None if no_worker else WorkerBeside({name: environ[name] for name in SECRETS if name in environ})
    from ghapp.app import serve as serve_app

    serve_app(settings, beside, host=host, port=port)


@click.command(short_help="Do the work that `serve --no-worker` accepts.")
def worker() -> None:
    """Do the work that `planward serve --no-worker` accepts, on the same database.

    \b
    Example:
      PLANWARD_DATABASE_URL=postgresql://planward@db/planward planward worker
    """
    link = inherited_link()
    environ = take_environment(SECRETS)
    configure_logging()
    if link is None:
        asyncio.run(_work(environ, None))
        return
    link.wait_until_begun()
    try:
        asyncio.run(_work(environ, link))
    except PlanwardError as error:
        link.refused(str(error))  # it says so, as if it were alone
        raise SystemExit(1) from None


async def _work(environ: Mapping[str, str], link: ServeLink | None) -> None:
    from ghapp.work import run_worker

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_worker(read_settings(environ), stop, link)
