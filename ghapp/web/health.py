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
    """Whether deliveries can be accepted, which takes the database alone, and what else does not answer.

    Without Vault or the App's key jobs wait. Taken out of a load balancer for that, Planward would lose deliveries,
    which GitHub does not send again by itself.
    """
    front: Front = request.state.front
    try:
        async with asyncio.timeout(_READY_S):
            await front.store.runs.count_by_status()
    except Exception:
        log.exception("not_ready")
        return PlainTextResponse("not ready\n", status_code=503)
    lacking = await front.lacking.now()
    return PlainTextResponse("".join(["ok\n", *(f"but {each}\n" for each in lacking)]))
