"""Routes: deliveries are verified, accepted durably, and answered; pages show runs.

https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from checks.html import render_html
from checks.report import RunReport
from ghapp.durable import Acceptor
from ghapp.jobs import Job, jobs_for
from ghapp.log import log
from ghapp.settings import Settings
from ghapp.store import Store
from ghapp.values import RunId
from ghapp.webhook import MalformedDelivery, SignatureMismatch, read_delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the routes are given."""

    settings: Settings
    store: Store
    acceptor: Acceptor
    accept: Callable[[Job], Awaitable[bool]]


def create_server(lifespan: Lifespan[Starlette], *, max_body_size: int) -> Starlette:
    """The routes over a lifespan whose state has a `front`; larger bodies are answered 413."""
    return Starlette(
        routes=[
            Route("/webhooks/github", receive, methods=["POST"]),
            Route("/healthz", healthy),
            Route("/readyz", ready),
            Route("/runs/{id}", show_run),
        ],
        lifespan=lifespan,
        max_body_size=max_body_size,
    )


async def receive(request: Request) -> Response:
    """Verify, accept durably, answer 202; 401, 400 and 413 where they belong. Nothing else is written before."""
    front: Front = request.state.front
    body = await request.body()
    try:
        delivery = read_delivery(request.headers, body, front.settings.github.webhook_secrets)
    except SignatureMismatch as error:
        return _refused(401, error)
    except MalformedDelivery as error:
        return _refused(400, error)
    jobs = jobs_for(delivery)
    for job in jobs:
        fresh = await front.accept(job)
        log.info("delivery_accepted", delivery=delivery.id, job=job.key, fresh=fresh)
    return JSONResponse({"accepted": len(jobs)}, status_code=202 if jobs else 200)


def _refused(status: int, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=status)


async def healthy(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """The database answers, so deliveries can be accepted."""
    front: Front = request.state.front
    try:
        await front.store.runs.count_by_status()
    except Exception:
        log.exception("not_ready")
        return PlainTextResponse("the database does not answer\n", status_code=503)
    return PlainTextResponse("ok\n")


async def show_run(request: Request) -> Response:
    """A run's report and its masked log."""
    front: Front = request.state.front
    run = await front.store.runs.find(RunId(request.path_params["id"]))
    if run is None:
        return PlainTextResponse("there is no such run\n", status_code=404)
    raw = await front.store.runs.report(run.id)
    reports = () if raw is None else msgspec.json.decode(raw, type=list[RunReport])
    return HTMLResponse("\n".join(render_html(report) for report in reports))
