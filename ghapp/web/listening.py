"""Serve an application on a socket until a signal arrives, then let open requests finish."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from ghapp.errors import SettingsError
from ghapp.log import log
from ghapp.web.middleware import Answering

_GRACE_S = 10


async def listen(app: Starlette, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. The application's lifespan ends after the last answer.

    The event `app.state.closing` is set when the signal arrives, so that streamed answers can end. Raises SettingsError
    if the address cannot be bound, and any exception from the start of the application's lifespan.
    """
    closing = threading.Event()
    app.state.closing = closing
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    listener = _listener(host, port)
    try:
        async with app.router.lifespan_context(app) as state:

            async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
                scope["state"] = dict(state or {})
                await app(scope, receive, send)

            config = uvicorn.Config(
                with_state, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE_S
            )
            log.info("listening", host=host, port=listener.getsockname()[1])
            await _Server(config, closing).serve(sockets=[listener])
            log.info("ending")
    finally:
        listener.close()


@contextlib.asynccontextmanager
async def listen_beside(
    routes: Sequence[BaseRoute], state: dict[str, Any], address: tuple[str, int], setting: str
) -> AsyncIterator[None]:
    """Serve a few routes on another address until the context ends.

    Raises SettingsError, naming the setting, if the address cannot be bound.
    """
    app = Starlette(routes=routes, middleware=[Middleware(Answering, routes=routes)])

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(state)
        await app(scope, receive, send)

    listener = _listener(*address, way_out=f"choose another with {setting}")
    config = uvicorn.Config(with_state, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = _SecondServer(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        log.info("listening", host=address[0], port=listener.getsockname()[1], setting=setting)
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _SecondServer(uvicorn.Server):
    """A second server, which leaves signals to the main one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Server(uvicorn.Server):
    """A server that handles signals itself. uvicorn would raise them again after it has ended, which would kill the
    process before the application's lifespan ends."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let signals end this server, and nothing else."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end, number)
        yield

    def _end(self, number: int) -> None:
        self._closing.set()
        self.handle_exit(number, None)


def _listener(host: str, port: int, *, way_out: str = "choose others with --host and --port") -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError(f"cannot listen on {host}:{port}: {reason}; {way_out}") from None
    return listener
