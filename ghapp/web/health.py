"""Health, for whoever restarts processes and balances load: whether, and nothing else."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ghapp.log import log
from ghapp.web.front import Front

_READY_S = 5.0


async def healthy(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """The database answers, so deliveries can be accepted; and where work is done, the App's key and Vault."""
    front: Front = request.state.front
    try:
        async with asyncio.timeout(_READY_S):
            await front.store.runs.count_by_status()
    except Exception:
        log.exception("not_ready")
        return PlainTextResponse("not ready\n", status_code=503)
    lacking = await front.lacking.now()
    if lacking:
        return PlainTextResponse("".join(f"not ready: {each}\n" for each in lacking), status_code=503)
    return PlainTextResponse("ok\n")
