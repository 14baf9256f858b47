"""`planward serve`: the web process, which answers GitHub and people. Its worker is a second process."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

from starlette.applications import Starlette

from ghapp.opened import opened
from ghapp.settings import Settings
from ghapp.web.front import Front
from ghapp.web.listening import listen, listen_beside
from ghapp.web.metrics import metrics_routes
from ghapp.web.server import create_server
from ghapp.worker_process.supervising import WorkerBeside

MAX_DELIVERY_BYTES = 25 * 1024 * 1024
"""GitHub's deliveries are never larger. https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""


def create_app(settings: Settings, worker: WorkerBeside | None) -> Starlette:
    """The web application. `worker` runs the jobs that the application enqueues; None if other workers do."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Front]]:
        async with _front(settings, worker) as front, contextlib.AsyncExitStack() as stack:
            if worker is not None:
                await stack.enter_async_context(worker.running(_end_in_order))
            if settings.metrics.listen is not None:
                served = listen_beside(
                    metrics_routes(), {"front": front}, settings.metrics.listen, "PLANWARD_METRICS_LISTEN"
                )
                await stack.enter_async_context(served)
            yield {"front": front}

    return create_server(lifespan, max_body_size=MAX_DELIVERY_BYTES)


def serve(settings: Settings, worker: WorkerBeside | None, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises WorkerEnded if the worker does not start, keeps ending, or has an error at the end.
    """
    asyncio.run(listen(create_app(settings, worker), host=host, port=port))


@contextlib.asynccontextmanager
async def _front(settings: Settings, worker: WorkerBeside | None) -> AsyncIterator[Front]:
    """The services that routes use."""
    async with opened(settings) as here:
        front = Front(
            settings=settings,
            store=here.store,
            job_queue=here.job_queue,
            enqueue=here.job_queue.enqueue,
            sealer=here.sealer,
            worker=worker,
        )
        if worker is not None:
            here.job_queue.on_enqueued = worker.wake
            front.metrics.watch_worker_starts(lambda: worker.starts)
        yield front


def _end_in_order() -> None:
    """End this process in the way a supervisor does: with SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)
