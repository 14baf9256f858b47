"""The local GitHub itself: its socket, its threads, and the controls for tests and the demo."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import uvicorn
from anyio import to_thread
from starlette.types import Receive, Scope, Send

from ghapp.local_github.api import Api, RecordedRequest
from ghapp.local_github.controls import Controls
from ghapp.local_github.deliveries import redeliver
from ghapp.local_github.faults import Fault
from ghapp.local_github.git_http import GitHttp, is_git
from ghapp.local_github.limits import Limits
from ghapp.local_github.outbox import DeliveryRule, RuleKind
from ghapp.local_github.pages import Pages
from ghapp.local_github.sender import DeliverySender
from ghapp.local_github.state import Delivery, Installation
from ghapp.local_github.world import World

_GENEROUS = Limits()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalGitHub(Controls):
    """GitHub on loopback, with state.

    It runs in its own thread, so it works with and without an event loop: `async with` and `with` do the same.
    Everything that changes state takes `world.lock`, and the methods may be called from any thread.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        clock: Callable[[], datetime] = _utc_now,
        delivery_timeout_s: float = 10.0,
        limits: Limits = _GENEROUS,
    ) -> None:
        self.world = World(directory=directory, clock=clock)
        self._sender = DeliverySender(self.world, timeout_s=delivery_timeout_s)
        self._api = Api(self.world, limits)
        self._git = GitHttp(self.world)
        self._pages = Pages(self.world)
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return self.world.url

    @property
    def api_url(self) -> str:
        return self.world.api_url

    # -- start and stop ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on loopback. Returns once the socket accepts connections; the server answers them soon after."""
        # With IPPROTO_TCP, asyncio sets TCP_NODELAY. Otherwise each call on a reused connection takes 40 ms longer.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(128)
        self._port = listener.getsockname()[1]
        self.world.url = f"http://127.0.0.1:{self._port}"
        config = uvicorn.Config(self, log_level="error", lifespan="off", access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(listener,), name="local-github", daemon=True)
        self._thread.start()
        self._sender.start()

    def _run(self, listener: socket.socket) -> None:
        assert self._server is not None
        with listener:
            self._server.run(sockets=[listener])

    def stop(self) -> None:
        self._sender.stop()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = self._thread = None

    def __enter__(self) -> LocalGitHub:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> LocalGitHub:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await to_thread.run_sync(self.stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/api/v3"):
            await self._api(scope, receive, send)
        elif is_git(path):
            await self._git(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    # -- for the waits and assertions of tests -------------------------------------------------------------------------

    def on_write(self, call: Callable[[], None]) -> None:
        """Register a function that runs, in any thread, after each REST request that may have changed something."""
        self._api.on_write = call

    @property
    def requests(self) -> list[RecordedRequest]:
        """The REST requests that were answered, oldest first."""
        return list(self._api.recorded)

    @property
    def unexpected(self) -> list[RecordedRequest]:
        """Requests to paths that GitHub does not have, or that the local GitHub does not implement."""
        return [request for request in self._api.recorded if not request.known]

    @property
    def deliveries(self) -> list[Delivery]:
        return list(self.world.outbox.deliveries)

    def wait_for_deliveries(self, timeout_s: float = 30.0) -> None:
        """Return once every delivery that is not held back has been sent. Raises TimeoutError."""
        self.world.outbox.wait(timeout_s)

    async def delivered(self, timeout_s: float = 30.0) -> None:
        await to_thread.run_sync(self.wait_for_deliveries, timeout_s)

    # -- faults in deliveries and answers ------------------------------------------------------------------------------

    def hold_deliveries(self, event: str | None = None, action: str | None = None) -> None:
        """Hold deliveries back until `release`: all, or those of an event or action."""
        self._add_delivery_rule("hold", event, action, None)

    def lose_deliveries(self, event: str | None = None, action: str | None = None, times: int | None = None) -> None:
        self._add_delivery_rule("lose", event, action, times)

    def duplicate_deliveries(
        self, event: str | None = None, action: str | None = None, times: int | None = None
    ) -> None:
        self._add_delivery_rule("duplicate", event, action, times)

    def release(self, order: Callable[[list[Delivery]], Iterable[Delivery]] = list) -> None:
        """Send the deliveries that were held back, in the order that `order` gives (such as `reversed`)."""
        with self.world.lock:
            self.world.outbox.release(lambda held: list(order(held)))

    def hide_deliveries(self, event: str | None = None, action: str | None = None, times: int | None = None) -> None:
        """Send deliveries, but leave them out of `GET /app/hook/deliveries` until `show_deliveries`.

        GitHub lists a delivery some time after it was sent; it is not documented how long that takes.
        """
        self._add_delivery_rule("hide", event, action, times)

    def show_deliveries(self) -> None:
        """List the deliveries that were hidden. New ones are listed at once."""
        with self.world.lock:
            self.world.outbox.show()

    def _add_delivery_rule(self, kind: RuleKind, event: str | None, action: str | None, times: int | None) -> None:
        with self.world.lock:
            self.world.outbox.add_rule(DeliveryRule(kind=kind, event=event, action=action, times=times))

    def let_through(self) -> None:
        """Send the deliveries that were held back. From now on, none are held back, lost, sent twice or hidden."""
        with self.world.lock:
            self.world.outbox.clear_rules()

    def redeliver(self, guid: str) -> Delivery:
        """Send the delivery of that guid again. Raises KeyError."""
        with self.world.lock:
            for delivery in self.deliveries:
                if delivery.guid == guid:
                    return redeliver(self.world, delivery)
        raise KeyError(guid)

    def fail(
        self,
        method: str,
        path: str,
        *,
        status: int = 502,
        message: str = "Server Error",
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
    ) -> None:
        """Refuse requests whose path matches the pattern: answer with this status instead of serving them."""
        self._api.faults.add(
            Fault(
                method=method,
                path=re.compile(path),
                kind="refuse",
                status=status,
                message=message,
                headers=dict(headers or {}),
                times=times,
            )
        )

    def lose_answer(self, method: str, path: str, *, times: int | None = 1) -> None:
        """Serve the request, but break the connection in the middle of the answer."""
        self._api.faults.add(Fault(method=method, path=re.compile(path), kind="lose", times=times))

    def delay(self, method: str, path: str, delay_s: float, *, times: int | None = 1) -> Fault:
        """Serve requests later. `times` of the returned fault counts down when a request arrives."""
        fault = Fault(method=method, path=re.compile(path), kind="delay", delay_s=delay_s, times=times)
        self._api.faults.add(fault)
        return fault

    def clear_faults(self) -> None:
        self._api.faults.clear()

    def set_limits(self, limits: Limits, *, installation: Installation | None = None) -> None:
        """Change the rate limits of everyone, or of one installation, whose hour starts again."""
        with self.world.lock:
            if installation is None:
                self._api.meter.limits = limits
            else:
                self._api.meter.restart(f"installation {installation.id}", limits)
