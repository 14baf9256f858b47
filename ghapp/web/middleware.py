"""The middleware around every route: security headers, timing, and the last handler of exceptions."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ghapp.log import log

_HEADERS: Mapping[str, str] = {
    # Nothing is loaded from other hosts, nothing is inline, and no page may be put into a frame.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_METHODS = frozenset({"GET", "HEAD", "POST"})


class Answering:
    """The outermost of Planward's own middlewares."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._templates: dict[Any, str] = {each.endpoint: each.path for each in routes if isinstance(each, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. An exception is logged without its text, and answered with 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                self._count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            log.exception("request_failed", route=self._route(scope))
            if not started:
                await PlainTextResponse("an internal error occurred\n", status_code=500)(scope, receive, answer)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        scope["state"]["front"].metrics.answer(method, self._route(scope), status, seconds)

    def _route(self, scope: Scope) -> str:
        return self._templates.get(scope.get("endpoint"), "other")
