"""Routes. What they do is in `web/`: deliveries, pages, the live log, sign-in, health and metrics."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from ghapp.web.answering import Answering
from ghapp.web.deliveries import Deliveries
from ghapp.web.front import Front as Front
from ghapp.web.health import healthy, ready
from ghapp.web.live_log import stream_log
from ghapp.web.metrics import show_metrics
from ghapp.web.pages import show_dashboard, show_repository, show_run
from ghapp.web.rendering import message_page
from ghapp.web.static_files import show_static
from ghapp.web.visitors import LoopbackOnly, NotServedHere

_HEADINGS = {404: "Not found", 405: "Not that way"}
_TEXTS = {
    404: "There is nothing here, or it is not for you to see.",
    405: "This address does not take that method.",
}


def create_server(lifespan: Lifespan[Starlette], *, max_body_size: int) -> Starlette:
    """The routes over a lifespan whose state has a `front`; larger deliveries are answered 413."""

    @contextlib.asynccontextmanager
    async def with_admission(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with lifespan(app) as state:
            assert state is not None
            yield {**state, "admission": LoopbackOnly()}

    routes = [
        Route("/webhooks/github", Deliveries(max_body_size).receive, methods=["POST"]),
        # The route of a repository would take it otherwise.
        Route("/webhooks/github", _refuse_method, methods=["GET", "PUT", "PATCH", "DELETE"]),
        Route("/healthz", healthy),
        Route("/readyz", ready),
        Route("/metrics", show_metrics),
        Route("/static/{name}", show_static),
        Route("/", show_dashboard),
        Route("/runs/{id}", show_run),
        Route("/runs/{id}/log", stream_log),
        Route("/{owner}/{repo}", show_repository),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Answering, routes=routes)],
        exception_handlers={HTTPException: _say, NotServedHere: _say_not_here},
        lifespan=with_admission,
    )


async def _refuse_method(_: Request) -> Response:
    raise HTTPException(405, headers={"Allow": "POST"})


async def _say(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    heading = _HEADINGS.get(error.status_code, error.detail)
    page = message_page(error.status_code, heading, _TEXTS.get(error.status_code, ""))
    page.headers.update(error.headers or {})
    return page


async def _say_not_here(_: Request, error: Exception) -> Response:
    return message_page(403, "Not from here", str(error))
