"""One pool of connections for all clients, and a count of the requests."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from importlib.util import find_spec
from types import TracebackType
from urllib.request import getproxies, proxy_bypass

import httpx

if find_spec("sniffio") is None:
    # httpcore imports this module four times for each request. Without the entry, each failed import searches all
    # directories again. https://docs.python.org/3/reference/import.html#the-module-cache
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

OnCall = Callable[[str, str, int], None]
"""Receives every sent request: method, path template, status (0 without an answer)."""

path_template: ContextVar[str] = ContextVar("path_template", default="(unknown)")
"""The template of the path being called, so that metrics have few names."""


class Wire(httpx.AsyncBaseTransport):
    """A transport that outlives githubkit's clients. These are created for each call; closing one leaves the pool open.

    https://www.python-httpx.org/advanced/transports/
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, on_call: OnCall | None) -> None:
        self._inner = inner
        self._on_call = on_call

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and count it whatever its result."""
        status = 0
        try:
            response = await self._inner.handle_async_request(request)
            status = response.status_code
            for name in ("Retry-After", "X-RateLimit-Reset"):
                if not response.headers.get(name, "0").isdecimal():
                    # A proxy may send a date, which githubkit cannot parse. Without the header the wait is a minute.
                    del response.headers[name]
            return response
        finally:
            if self._on_call is not None:
                self._on_call(request.method, path_template.get(), status)

    async def close(self) -> None:
        """Close the connections permanently."""
        await self._inner.aclose()

    async def aclose(self) -> None:
        """Do nothing: only a client was closed, and the pool stays open."""

    async def __aenter__(self) -> "Wire":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Do nothing: only a client was closed, and the pool stays open."""


def connections(api_url: str) -> httpx.AsyncHTTPTransport:
    """A pool of connections to one API, through the proxy from the environment, if any."""
    url = httpx.URL(api_url)
    proxy = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
    return httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=60),
        proxy=proxy,
    )
