"""Health checks for supervisors and load balancers."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ghapp.log import log
from ghapp.web.front import Front

_READY_S = 5.0


async def healthy(_: Request) -> Response:
    """Answer that the process is running."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """Answer whether deliveries can be accepted, which needs only the database. Also name the other services that fail.

    Without Vault, the App's key or a worker, jobs just wait. If a load balancer stopped sending requests because of
    that, Planward would lose deliveries, which GitHub does not send again by itself.
    """
    front: Front = request.state.front
    try:
        async with asyncio.timeout(_READY_S):
            await front.store.runs.count_by_status()
    except Exception:
        log.exception("not_ready")
        return PlainTextResponse("not ready\n", status_code=503)
    failing = () if front.worker is None else await front.worker.failing()
    return PlainTextResponse("".join(["ok\n", *(f"but {each}\n" for each in failing)]))
