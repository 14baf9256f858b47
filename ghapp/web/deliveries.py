"""Receive GitHub's deliveries: verify them, accept them durably, and answer.

https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
"""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ghapp.jobs import jobs_for
from ghapp.log import log
from ghapp.web.bodies import Bodies, NoRoom, TooLarge, TooSlow
from ghapp.web.front import Front
from ghapp.webhook import Delivery, MalformedDelivery, SignatureMismatch, read_delivery, require_signature

_ACCEPT_S = 8.0
"""GitHub hangs up after ten seconds. https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks"""
_ROOM_BYTES = 64 * 1024 * 1024


class Deliveries:
    """`POST /webhooks/github`."""

    def __init__(self, max_body_size: int, *, room_bytes: int = _ROOM_BYTES, deadline_s: float = _ACCEPT_S) -> None:
        self.bodies = Bodies(largest_bytes=max_body_size, room_bytes=room_bytes, deadline_s=deadline_s)

    async def receive(self, request: Request) -> Response:
        """Verify, accept durably, answer. Nothing else is written before the answer.

        202: a job was enqueued (now or before); 200: `ping`, or an event without a job; 401: the signature is missing,
        which is checked before the body is read, or matches no secret; 400: the answer names the wrong header or field;
        408 and 413: the body is too slow or too large; 503: the database is unavailable, or there is no memory for the
        body. After 503, GitHub shows the delivery as failed, and it can be redelivered.
        """
        front: Front = request.state.front
        event = request.headers.get("X-GitHub-Event", "")
        answer, response = await self._answer(front, request)
        front.metrics.delivery(event, answer)
        return response

    async def _answer(self, front: Front, request: Request) -> tuple[str, Response]:
        try:
            require_signature(request.headers)
            with self.bodies.reading() as body:
                content = await body.read(request)
                secrets = front.settings.github.webhook_secrets
                # Computing the signature of a large body takes a tenth of a second.
                delivery = await asyncio.to_thread(read_delivery, request.headers, content, secrets)
        except TooLarge:
            return "too_large", _refused(413, f"the body is larger than {self.bodies.largest_bytes} bytes")
        except TooSlow:
            return "too_slow", _refused(408, "the body did not arrive in time")
        except NoRoom:
            return "no_room", _refused(503, "too many large deliveries at once: redeliver this one later")
        except SignatureMismatch as error:
            return "unsigned", _refused(401, str(error))
        except MalformedDelivery as error:
            return "malformed", _refused(400, str(error))
        except ClientDisconnect:
            return "broken_off", _refused(400, "the connection was closed before the whole body had arrived")
        try:
            async with asyncio.timeout(_ACCEPT_S):
                enqueued = await _enqueue(front, delivery)
        except Exception:
            # Whatever the reason, no job is enqueued, so GitHub has to see a failure.
            log.exception("delivery_not_accepted", delivery=delivery.id)
            return "unavailable", _refused(503, "the delivery could not be stored: redeliver it later")
        answer = JSONResponse({"delivery": delivery.id, "accepted": enqueued}, status_code=202 if enqueued else 200)
        return ("accepted" if enqueued else "nothing_to_do"), answer


async def _enqueue(front: Front, delivery: Delivery) -> int:
    jobs = jobs_for(delivery)
    for job in jobs:
        fresh = await front.enqueue(job)
        log.info("delivery_accepted", delivery=delivery.id, job=job.key, fresh=fresh)
    return len(jobs)


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)
