"""`planward serve` and `planward worker`."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterator, Mapping

import click

from ghapp.errors import PlanwardError
from ghapp.keys_apart import take_environment
from ghapp.log import configure_logging
from ghapp.settings import SECRETS, read_settings
from ghapp.worker_process.link import ServeLink, inherited_link
from ghapp.worker_process.supervising import WorkerBeside

# The imports inside functions load DBOS and the web server. They run only after `take_environment` has restarted the
# program without secrets in its environment, and `--help` does not wait for them.

_MOST_NEW_OBJECTS = 10_000
"""Garbage collection starts when this many more objects have been created than removed."""


@click.command(short_help="Answer deliveries, serve the pages, run jobs.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535), help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Do not run jobs here; `planward worker` runs them.")
def serve(host: str, port: int, no_worker: bool) -> None:
    """Answer GitHub's deliveries, serve the pages, and run jobs (plans and applies) unless --no-worker is given.

    It is configured by environment variables: see docs/settings.md.

    \b
    Example:
      planward serve --host 0.0.0.0 --port 8000
    """
    environ = take_environment(SECRETS)
    configure_logging()
    settings = read_settings(environ)
    # The worker starts here, so that it imports its modules while this process imports the web server.
    own_worker = None if no_worker else WorkerBeside({name: environ[name] for name in SECRETS if name in environ})
    with _loading():
        from ghapp.app import serve as serve_app

    serve_app(settings, own_worker, host=host, port=port)


@click.command(short_help="Run the jobs of `serve --no-worker`.")
def worker() -> None:
    """Run the jobs that `planward serve --no-worker` enqueues. Both need the same database and the same settings.

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
        link.refused(str(error))  # `serve` prints the reason
        raise SystemExit(1) from None


async def _work(environ: Mapping[str, str], link: ServeLink | None) -> None:
    with _loading():
        from ghapp.work import run_worker

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_worker(read_settings(environ), stop, link)


@contextlib.contextmanager
def _loading() -> Iterator[None]:
    """Turn garbage collection off while modules are imported, since imports leave hardly any garbage.

    What was imported is never searched for garbage later. From then on, collections are rarer than by Python's default,
    because that default suits small programs.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(_MOST_NEW_OBJECTS)
        gc.enable()
