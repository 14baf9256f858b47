"""The REST API as an ASGI application: credentials, versions, limits, conditional requests, faults."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Any

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ghapp.demo.github import rest
from ghapp.demo.github.access import Actor, Anonymous, AppItself, Client, Installed, Person, SignedIn, authenticate
from ghapp.demo.github.errors import ApiError
from ghapp.demo.github.faults import Fault, Faults
from ghapp.demo.github.routing import VERSIONS, Call, Reply, Router, check_kind
from ghapp.demo.github.state import JSON
from ghapp.demo.github.world import World

_MEDIA_TYPE = "application/json; charset=utf-8"
_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A request that was answered; `actor` is a login, an App's slug or empty."""

    method: str
    path: str
    query: str
    actor: str
    status: int
    body: JSON
    known: bool


class RateLimits:
    """Requests left for each credential. The clock's hour ends them."""

    def __init__(self, world: World, *, per_hour: int) -> None:
        self._world = world
        self.per_hour = per_hour
        self._used: dict[tuple[str, int], int] = {}

    def of(self, key: str) -> tuple[int, int, int]:
        """(limit, remaining, reset as epoch seconds)"""
        hour = int(self._world.now().timestamp()) // 3600
        limit = self.per_hour if key else 60
        return limit, max(limit - self._used.get((key, hour), 0), 0), (hour + 1) * 3600

    def count(self, key: str) -> None:
        hour = int(self._world.now().timestamp()) // 3600
        self._used[key, hour] = self._used.get((key, hour), 0) + 1


class Api:
    def __init__(self, world: World, *, requests_per_hour: int = 15_000) -> None:
        self.world = world
        self.faults = Faults()
        self.limits = RateLimits(world, per_hour=requests_per_hour)
        self.recorded: deque[Recorded] = deque(maxlen=_KEPT)
        self._router = Router(rest.ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        path = str(scope["path"]).removeprefix("/api/v3").rstrip("/") or "/"
        fault = self.faults.take(request.method, path)
        if fault is not None and fault.delay_s:
            await anyio.sleep(fault.delay_s)
        response = await to_thread.run_sync(self._answer, request, path, raw, fault)
        if fault is not None and fault.kind == "lose":
            await _break_off(send)
            return
        await response(scope, receive, send)

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
            self._record(request, path, raw, actor, reply, known)
            return self._respond(request, actor, reply)

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
        key = _key(actor)
        _, remaining, _ = self.limits.of(key)
        if remaining == 0:
            raise ApiError(403, f"API rate limit exceeded for {key or 'this address'}.")
        found = self._router.find(request.method, path)
        if found is None:
            self.limits.count(key)
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
        limit, remaining, reset = self.limits.of(_key(actor))
        core = {"limit": limit, "used": limit - remaining, "remaining": remaining, "reset": reset}
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
        return {"resources": {"core": core, "search": search}, "rate": core}

    def _record(self, request: Request, path: str, raw: bytes, actor: Actor, reply: Reply, known: bool) -> None:
        try:
            body = _read_body(raw)
        except ApiError:
            body = {}
        entry = Recorded(
            method=request.method,
            path=path,
            query=request.url.query,
            actor=_key(actor),
            status=reply.status,
            body=body,
            known=known,
        )
        self.recorded.append(entry)

    def _respond(self, request: Request, actor: Actor, reply: Reply) -> Response:
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
            tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
            headers["ETag"] = tag
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60" if key else "public, max-age=60, s-maxage=60"
            if tag in request.headers.get("if-none-match", ""):
                status, content = 304, b""
        if status != 304 and not request.url.path.endswith("/rate_limit"):
            self.limits.count(key)
        limit, remaining, reset = self.limits.of(key)
        headers |= {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Used": str(limit - remaining),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Resource": "core",
        }
        return Response(content, status, headers, media_type=_MEDIA_TYPE if content else None)


class _NoRoute(ApiError):
    """Nothing lives at this path: a request that a test did not expect."""


async def _break_off(send: Send) -> None:
    """Promise a body and send none: the server closes the connection, the client sees a broken answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


def _key(actor: Actor) -> str:
    match actor:
        case Person(account) | SignedIn(account, _):
            return account.login
        case Client(app):
            return f"client {app.slug}"
        case AppItself(app):
            return f"app {app.slug}"
        case Installed(token):
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
