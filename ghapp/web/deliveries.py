"""GitHub's deliveries: verified, accepted durably, answered.

https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
"""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ghapp.jobs import jobs_for
from ghapp.log import log
from ghapp.web.front import Front
from ghapp.webhook import Delivery, MalformedDelivery, SignatureMismatch, read_delivery

_ACCEPT_S = 8.0
"""GitHub hangs up after ten seconds. https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks"""


class TooLarge(Exception):
    """The body is larger than any that GitHub sends."""


class Deliveries:
    """`POST /webhooks/github`."""

    def __init__(self, max_body_size: int) -> None:
        self._max_body_size = max_body_size

    async def receive(self, request: Request) -> Response:
        """Verify, accept durably, answer; nothing else is written before.

        202: a job is owed (a repeated one included); 200: `ping`, or an event that leaves nothing owed; 401: the
        signature fits no secret; 400: says which header or field; 413; 503: the database does not take it, so that
        GitHub shows the delivery as failed and it can be redelivered.
        """
        front: Front = request.state.front
        event = request.headers.get("X-GitHub-Event", "")
        answer, response = await self._answer(front, request)
        front.metrics.delivery(event, answer)
        return response

    async def _answer(self, front: Front, request: Request) -> tuple[str, Response]:
        try:
            body = await self._read_body(request)
            delivery = read_delivery(request.headers, body, front.settings.github.webhook_secrets)
        except TooLarge:
            return "too_large", _refused(413, f"the body is larger than {self._max_body_size} bytes")
        except SignatureMismatch as error:
            return "unsigned", _refused(401, str(error))
        except MalformedDelivery as error:
            return "malformed", _refused(400, str(error))
        except ClientDisconnect:
            return "broken_off", _refused(400, "the connection was closed before the whole body was there")
        try:
            async with asyncio.timeout(_ACCEPT_S):
                owed = await _accept(front, delivery)
        except Exception:
            # Whatever the reason, it is not owed: GitHub has to see a failure.
            log.exception("delivery_not_accepted", delivery=delivery.id)
            return "unavailable", _refused(503, "the delivery could not be stored: redeliver it later")
        answer = JSONResponse({"delivery": delivery.id, "accepted": owed}, status_code=202 if owed else 200)
        return ("accepted" if owed else "nothing_owed"), answer

    async def _read_body(self, request: Request) -> bytes:
        """Read the body, and stop at the limit. Raises TooLarge."""
        declared = request.headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > self._max_body_size:
            raise TooLarge
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_size:
                raise TooLarge
        return bytes(body)


async def _accept(front: Front, delivery: Delivery) -> int:
    jobs = jobs_for(delivery)
    for job in jobs:
        fresh = await front.accept(job)
        log.info("delivery_accepted", delivery=delivery.id, job=job.key, fresh=fresh)
    return len(jobs)


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)
