"""The REST API as an ASGI application: credentials, versions, limits, conditional requests, faults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ghapp.local_github import rest
from ghapp.local_github.access import (
    Actor,
    Anonymous,
    AppJwt,
    ClientCredentials,
    InstallationAccess,
    Person,
    UserAccess,
    authenticate,
)
from ghapp.local_github.errors import ApiError
from ghapp.local_github.faults import Fault, Faults
from ghapp.local_github.limits import Limits, Meter
from ghapp.local_github.routing import VERSIONS, Call, Reply, Router, check_kind
from ghapp.local_github.state import JSON
from ghapp.local_github.world import World

_MEDIA_TYPE = "application/json; charset=utf-8"
_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request and its status. `actor` is a login, `app SLUG`, `client SLUG`, `installation ID`, or empty."""

    method: str
    path: str
    query: str
    actor: str
    status: int
    body: JSON
    known: bool


class Api:
    def __init__(self, world: World, limits: Limits) -> None:
        self.world = world
        self.faults = Faults()
        self.meter = Meter(world, limits)
        self.recorded: deque[RecordedRequest] = deque(maxlen=_KEPT)
        self.on_write: Callable[[], None] = lambda: None
        self._router = Router(rest.ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        path = str(scope["path"]).removeprefix("/api/v3").rstrip("/") or "/"
        fault = self.faults.take(request.method, path)
        with self._under_way(request):
            if fault is not None and fault.delay_s:
                await anyio.sleep(fault.delay_s)
            response = await to_thread.run_sync(self._answer, request, path, raw, fault)
        if fault is not None and fault.kind == "lose":
            await _break_off_answer(send)
            return
        await response(scope, receive, send)

    @contextlib.contextmanager
    def _under_way(self, request: Request) -> Iterator[None]:
        """Count the request as concurrent while it is served, if the server limits concurrent requests."""
        if self.meter.limits.at_once is None:
            yield
            return
        with self.world.lock:
            key = self._who(request)
            self.meter.begin(key)
        try:
            yield
        finally:
            with self.world.lock:
                self.meter.end(key)

    def _who(self, request: Request) -> str:
        try:
            return _key(authenticate(self.world, request.headers.get("authorization")))
        except ApiError:
            return ""

    def _answer(self, request: Request, path: str, raw: bytes, fault: Fault | None) -> Response:
        with self.world.lock:
            actor: Actor = Anonymous()
            known = True
            try:
                if fault is not None and fault.kind == "refuse":
                    raise ApiError(fault.status, fault.message, headers=fault.headers)
                actor = authenticate(self.world, request.headers.get("authorization"))
                reply = self._serve(request, path, raw, actor)
            except ApiError as error:
                known = not isinstance(error, _NoRoute)
                reply = Reply(body=error.body(), status=error.status, headers=error.headers)
            # A request that a fault refuses does not count against the limits.
            counted = fault is None or fault.kind != "refuse"
            response = self._respond(request, actor, reply, counted=counted)
            self._record(request, path, raw, actor, response.status_code, known)
            return response

    def _serve(self, request: Request, path: str, raw: bytes, actor: Actor) -> Reply:
        if not request.headers.get("user-agent"):
            raise ApiError(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            )
        version = request.headers.get("x-github-api-version", VERSIONS[0])
        if version not in VERSIONS:
            raise ApiError(400, f"Invalid X-GitHub-Api-Version: {version}. Supported versions: {', '.join(VERSIONS)}")
        if path == "/rate_limit" and request.method == "GET":
            return Reply(body=self._rate_limit(actor))
        creates = request.method == "POST" and not isinstance(actor, AppJwt | ClientCredentials)
        self.meter.admit(_key(actor), request.method, creates=creates)
        found = self._router.find(request.method, path)
        if found is None:
            raise _NoRoute(404, "Not Found")
        route, params = found
        call = Call(
            world=self.world,
            actor=actor,
            version=version,
            path=path,
            params=params,
            query=dict(request.query_params),
            body=_read_body(raw),
            permission=route.permission,
        )
        check_kind(route, actor)
        if "repo" in params or "repository_id" in params:
            _ = call.repository if route.kind != "app" else None
        return route.handler(call)

    def _rate_limit(self, actor: Actor) -> JSON:
        found = self.meter.of(_key(actor))
        if found is None:
            raise ApiError(404, "Rate limiting is not enabled.")
        limit, remaining, reset = found
        core = {"limit": limit, "used": limit - remaining, "remaining": remaining, "reset": reset}
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
        return {"resources": {"core": core, "search": search}, "rate": core}

    def _record(self, request: Request, path: str, raw: bytes, actor: Actor, status: int, known: bool) -> None:
        try:
            body = _read_body(raw)
        except ApiError:
            body = {}
        entry = RecordedRequest(
            method=request.method,
            path=path,
            query=request.url.query,
            actor=_key(actor),
            status=status,
            body=body,
            known=known,
        )
        self.recorded.append(entry)
        if request.method != "GET":
            self.on_write()

    def _respond(self, request: Request, actor: Actor, reply: Reply, *, counted: bool) -> Response:
        content = b"" if reply.body is None else json.dumps(reply.body, separators=(",", ":")).encode()
        headers = {
            "X-GitHub-Request-Id": uuid.uuid4().hex[:16].upper(),
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Api-Version-Selected": request.headers.get("x-github-api-version", VERSIONS[0]),
            **reply.headers,
        }
        key = _key(actor)
        status = reply.status
        if request.method == "GET" and status == 200:
            # As at GitHub, each token gets its own ETag for the same document.
            who = request.headers.get("authorization", "").encode()
            tag = f'W/"{hashlib.sha256(who + content).hexdigest()}"'
            headers["ETag"] = tag
            headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With"
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60" if key else "public, max-age=60, s-maxage=60"
            if tag in request.headers.get("if-none-match", ""):
                status, content = 304, b""
        if counted and status != 304 and not request.url.path.endswith("/rate_limit"):
            self.meter.count(key)
        found = self.meter.of(key) if counted else None
        if found is not None:
            limit, remaining, reset = found
            headers |= {
                "X-RateLimit-Limit": str(limit),
                "X-RateLimit-Remaining": str(remaining),
                "X-RateLimit-Used": str(limit - remaining),
                "X-RateLimit-Reset": str(reset),
                "X-RateLimit-Resource": "core",
            }
        return Response(content, status, headers, media_type=_MEDIA_TYPE if content else None)


class _NoRoute(ApiError):
    """There is no such route: the request is listed in `LocalGitHub.unexpected`."""


async def _break_off_answer(send: Send) -> None:
    """Announce a body and send none. The server then closes the connection, and the client sees a broken answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


def _key(actor: Actor) -> str:
    match actor:
        case Person(account) | UserAccess(account, _):
            return account.login
        case ClientCredentials(app):
            return f"client {app.slug}"
        case AppJwt(app):
            return f"app {app.slug}"
        case InstallationAccess(token):
            return f"installation {token.installation.id}"
        case Anonymous():
            return ""


def _read_body(raw: bytes) -> JSON:
    if not raw.strip():
        return {}
    try:
        body: Any = json.loads(raw)
    except ValueError:
        raise ApiError(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "Body should be a JSON object")
    return body
