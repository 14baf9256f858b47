"""Stream a run's masked log while it grows, as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ghapp.store import Store
from ghapp.values import RunId
from ghapp.web.front import Front, find_run, visitor_of

_POLL_S = 0.5
_HEART_BEAT_S = 15.0
_LONGEST_S = 900.0


async def stream_log(request: Request) -> Response:
    """`GET /runs/ID/log`: the log after `Last-Event-ID` (or `?after=`), until the run is completed.

    Events `log` carry `{"part": …, "text": …}`; the last event is `end`. A stream is closed after a quarter of an hour;
    browsers then reconnect and continue. `?format=text` returns the log so far as plain text.
    """
    front: Front = request.state.front
    run, _ = await find_run(request, await visitor_of(request))
    if request.query_params.get("format") == "text":
        text = "".join(f"[{part}] {line}\n" for part, line in await _lines(front.store, run.id))
        if run.log_removed_at is not None:
            text = "the log of this run was removed: it was too old, or the App was removed from the repository\n"
        return Response(text, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
    position = request.headers.get("Last-Event-ID") or request.query_params.get("after") or "0"
    after = int(position) if position.isdecimal() and len(position) < 19 else 0
    closing = getattr(request.app.state, "closing", None)
    return StreamingResponse(
        _events(front.store, run.id, after, closing) if request.method == "GET" else _nothing(),
        media_type="text/event-stream",
        # A proxy that buffers answers would delay the log. https://nginx.org/en/docs/http/ngx_http_proxy_module.html
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(store: Store, id: RunId, after: int, closing: Event | None) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    began = beat = loop.time()
    yield "retry: 1000\n\n"
    while loop.time() - began < _LONGEST_S and not (closing and closing.is_set()):
        # Read the status before the log, so that no line written before the completion is missed.
        run = await store.runs.find(id)
        for position, part, text in await store.runs.read_log(id, after=after):
            data = msgspec.json.encode({"part": part, "text": text}).decode()
            yield f"id: {position}\nevent: log\ndata: {data}\n\n"
            after, beat = position, loop.time()
        if run is None or run.status == "completed":
            yield f"id: {after}\nevent: end\ndata: {{}}\n\n"
            return
        if loop.time() - beat >= _HEART_BEAT_S:
            yield ": going on\n\n"
            beat = loop.time()
        await asyncio.sleep(_POLL_S)


async def _nothing() -> AsyncIterator[str]:
    return
    yield


async def _lines(store: Store, id: RunId) -> list[tuple[str, str]]:
    pieces = await store.runs.read_log(id)
    return [(part, line) for _, part, text in pieces for line in text.split("\n")]
