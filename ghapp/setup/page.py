"""The page on loopback: it posts the manifest form to GitHub, and receives the code that GitHub sends back."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn
from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ghapp.errors import SettingsError

_HOST = "127.0.0.1"


class SetupPage:
    """Serves the page of one setup. `state` proves that a code belongs to the form that this page sent."""

    def __init__(self, listener: socket.socket, on_refusal: Callable[[str], None]) -> None:
        self.url = f"http://{_HOST}:{listener.getsockname()[1]}"
        self.state = secrets.token_urlsafe(32)
        self._on_refusal = on_refusal
        self._form: Mapping[str, Any] = {}
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._outcome: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        loader = PackageLoader("ghapp.setup")
        self._templates = Environment(loader=loader, autoescape=True)

    @property
    def redirect_url(self) -> str:
        """The address to which GitHub sends the browser with the code."""
        return f"{self.url}/created"

    def offer(self, action: str, manifest: Mapping[str, Any]) -> None:
        """Set the form's content, and its target."""
        self._form = {"action": action, "manifest": json.dumps(manifest), "name": manifest["name"]}

    async def code(self) -> str:
        """The code, once GitHub has sent it with the right state."""
        return await self._code

    def show(self, *, done: bool, text: str) -> None:
        """Show the result in the browser."""
        if not self._outcome.done():
            self._outcome.set_result((done, text))

    def application(self) -> Starlette:
        """The application with two pages: the first leads to GitHub, and GitHub leads to the second."""
        routes = [Route("/", self._show_form), Route("/created", self._take_code)]
        # Against DNS rebinding: if a foreign host name resolves to this address, requests still carry that name.
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"])
        return Starlette(routes=routes, middleware=[hosts])

    async def _show_form(self, _: Request) -> Response:
        return self._page("form.html", **self._form)

    async def _take_code(self, request: Request) -> Response:
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        if not secrets.compare_digest(state.encode(), self.state.encode()) or not code:
            said = "the state does not match: this answer belongs to another form, and its code is not used"
            self._on_refusal(said)
            return self._page("said.html", 400, heading="Refused", text=f"{said}.")
        if not self._code.done():
            self._code.set_result(code)
        done, text = await asyncio.shield(self._outcome)
        return self._page("said.html", 200 if done else 502, heading="Done" if done else "Failed", text=text)

    def _page(self, template: str, status: int = 200, /, **values: Any) -> Response:
        html = self._templates.get_template(template).render(values)
        # There is no form-action, since the form goes to GitHub, whose address varies. Nothing but inline styles loads.
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return HTMLResponse(html, status, headers)


@asynccontextmanager
async def serve_setup_page(port: int, on_refusal: Callable[[str], None]) -> AsyncIterator[SetupPage]:
    """Serve the page on loopback. Raises SettingsError if the port is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except OSError:
            raise SettingsError(f"port {port} is taken: choose another --port, or leave it out") from None
        listener.listen()
        page = SetupPage(listener, on_refusal)
        server = _Server(
            uvicorn.Config(page.application(), log_level="critical", lifespan="off", timeout_graceful_shutdown=5)
        )
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield page
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await running


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: Ctrl-C ends the command, and the server with it."""
        yield
