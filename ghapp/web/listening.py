"""The socket and its end: serve an application until a signal comes, then let what goes on finish."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from ghapp.errors import SettingsError
from ghapp.log import log

_GRACE_S = 10


async def listen(app: Starlette, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; the application's life ends behind the last answer.

    `app.state.closing` is set first, by which answers that never end by themselves know. Raises SettingsError where
    the address cannot be listened on, and whatever the beginning of the application's life raises.
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


class _Server(uvicorn.Server):
    """uvicorn raises a signal again once it has ended, which would end the process before the application's life."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end this server, once and for all."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end, number)
        yield

    def _end(self, number: int) -> None:
        self._closing.set()
        self.handle_exit(number, None)


def _listener(host: str, port: int) -> socket.socket:
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
        raise SettingsError(f"cannot listen on {host}:{port}: {reason}; choose others with --host and --port") from None
    return listener
