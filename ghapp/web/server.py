"""Routes. Their functions are in `web/`: deliveries, pages, the live log, sign-in, health and metrics."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from ghapp.log import log
from ghapp.sealing import UnsealError
from ghapp.store import StoreUnavailable
from ghapp.web.deliveries import Deliveries
from ghapp.web.front import Front
from ghapp.web.github_people import GitHubAway, GitHubPeople
from ghapp.web.health import healthy, ready
from ghapp.web.live_log import stream_log
from ghapp.web.metrics import show_metrics
from ghapp.web.middleware import Answering
from ghapp.web.pages import show_dashboard, show_repository, show_run
from ghapp.web.pictures import show_picture, show_public_picture
from ghapp.web.rendering import message_page
from ghapp.web.sessions import Cookies
from ghapp.web.sign_in import CALLBACK, SignIn, SignInNeeded, login_path
from ghapp.web.static_files import show_static
from ghapp.web.visitors import Admission, LoopbackOnly, NotServedHere

_HEADINGS = {404: "Not found", 405: "Method not allowed"}
_TEXTS = {
    404: "This page does not exist, or you may not see it.",
    405: "This address does not accept that method.",
}
_ASK_GITHUB_S = 10.0


def create_server(lifespan: Lifespan[Starlette], *, max_body_size: int) -> Starlette:
    """The routes, for a lifespan whose state has a `front`. Deliveries above `max_body_size` are answered with 413."""

    @contextlib.asynccontextmanager
    async def with_admission(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with lifespan(app) as state, httpx.AsyncClient(timeout=_ASK_GITHUB_S) as client:
            assert state is not None
            yield {**state, "admission": _admission(state["front"], client)}

    routes = [
        Route("/webhooks/github", Deliveries(max_body_size).receive, methods=["POST"]),
        # This comes before the route of a repository, which would match it, too.
        Route("/webhooks/github", _refuse_method, methods=["GET", "PUT", "PATCH", "DELETE"]),
        Route("/healthz", healthy),
        Route("/readyz", ready),
        Route("/metrics", show_metrics),
        Route("/static/{name}", show_static),
        Route("/login", _begin_sign_in),
        Route(CALLBACK, _finish_sign_in),
        Route("/logout", _sign_out, methods=["POST"]),
        Route("/", show_dashboard),
        Route("/runs/{id}", show_run),
        Route("/runs/{id}/log", stream_log),
        Route("/runs/{id}/picture/{number:int}", show_picture),
        Route("/pictures/{id}/{number:int}/{tag}.svg", show_public_picture),
        Route("/{owner}/{repo}", show_repository),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Answering, routes=routes)],
        exception_handlers={
            HTTPException: _error_page,
            NotServedHere: _not_served_here_page,
            SignInNeeded: _ask_to_sign_in,
            GitHubAway: _github_unavailable_page,
            StoreUnavailable: _store_unavailable_page,
            UnsealError: _sealed_page,
        },
        lifespan=with_admission,
    )


def _admission(front: Front, client: httpx.AsyncClient) -> Admission:
    settings = front.settings
    if not settings.client_id or not settings.client_secret:
        return LoopbackOnly()
    people = GitHubPeople(
        client,
        api_url=settings.github.api_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
    )
    cookies = Cookies(front.sealer, secure=settings.public_url.startswith("https:"))
    return SignIn(people, cookies, public_url=settings.public_url)


def _sign_in_of(request: Request) -> SignIn:
    admission = request.state.admission
    if not isinstance(admission, SignIn):
        raise HTTPException(404)
    return admission


async def _begin_sign_in(request: Request) -> Response:
    return _sign_in_of(request).begin(request)


async def _finish_sign_in(request: Request) -> Response:
    return await _sign_in_of(request).finish(request)


async def _sign_out(request: Request) -> Response:
    return await _sign_in_of(request).sign_out(request)


async def _refuse_method(_: Request) -> Response:
    raise HTTPException(405, headers={"Allow": "POST"})


async def _error_page(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    heading = _HEADINGS.get(error.status_code, error.detail)
    page = message_page(error.status_code, heading, _TEXTS.get(error.status_code, ""))
    page.headers.update(error.headers or {})
    return page


async def _not_served_here_page(_: Request, error: Exception) -> Response:
    return message_page(403, "Not available from here", str(error))


async def _ask_to_sign_in(request: Request, _: Exception) -> Response:
    if request.scope.get("endpoint") is stream_log:
        # A browser's event source cannot sign in; its page can.
        return PlainTextResponse("sign in first\n", status_code=401)
    return RedirectResponse(login_path(request), status_code=303, headers={"Cache-Control": "no-store"})


async def _store_unavailable_page(_: Request, error: Exception) -> Response:
    log.warning("page_not_shown", reason=str(error))
    return message_page(503, "Temporarily unavailable", "Planward cannot reach its storage. Try again in a minute.")


async def _sealed_page(_: Request, error: Exception) -> Response:
    log.warning("page_not_shown", reason=str(error))
    text = (
        "The report and the log of this run were encrypted with a key that Planward no longer has. The operator can "
        "list that key in PLANWARD_ENCRYPTION_KEY, after the new one."
    )
    return message_page(410, "Encrypted with a lost key", text)


async def _github_unavailable_page(_: Request, __: Exception) -> Response:
    text = "Planward asks GitHub who may see this page, and GitHub does not answer. Try again in a minute."
    return message_page(503, "GitHub does not answer", text)
