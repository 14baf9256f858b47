"""Send deliveries at a steady rate, from a separate process, so that sending does not slow the measured process down.

python -m tests.bench.deliveries URL PER_SECOND NUMBER FIRST SECRET < PAYLOAD

PAYLOAD is the payload of a push. Each delivery gets another commit. The process does not import Planward, since the
import would take longer than sending.
"""

import asyncio
import dataclasses
import hashlib
import hmac
import json
import subprocess
import sys
import time
import uuid
from typing import Any

import httpx


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """A delivery: when it was sent (seconds since 1970), the answer's status, and how long that took.

    Without an answer the status is 0, and `error` says why.
    """

    at: float
    status: int
    seconds: float
    error: str = ""


def pushed(number: int) -> str:
    """The SHA of the pushed commit in the delivery with this number."""
    return f"{number:040x}"


def deliver(url: str, payload: Any, *, per_second: float, number: int, secret: str, first: int = 1) -> list[Answered]:
    """Deliver `payload` as `number` pushes, numbered from `first`, without waiting for answers between them."""
    command = [sys.executable, "-m", "tests.bench.deliveries", url, str(per_second), str(number), str(first), secret]
    done = subprocess.run(command, input=json.dumps(payload).encode(), stdout=subprocess.PIPE, check=True)
    return [Answered(*each) for each in json.loads(done.stdout)]


async def _deliver(url: str, payload: Any, per_second: float, number: int, first: int, secret: str) -> list[Answered]:
    async def post(client: httpx.AsyncClient, which: int) -> Answered:
        body = json.dumps({**payload, "after": pushed(which)}).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        at, start = time.time(), time.perf_counter()
        status, error = 0, ""
        try:
            status = (await client.post(f"{url}/webhooks/github", content=body, headers=headers)).status_code
        except httpx.HTTPError as failure:
            error = repr(failure)
        return Answered(at, status, time.perf_counter() - start, error)

    # Both sides close an idle connection after five seconds. If one is used again just then, there is no answer.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        begun = time.perf_counter()
        posts = []
        for which in range(number):
            await asyncio.sleep(max(0.0, begun + which / per_second - time.perf_counter()))
            posts.append(asyncio.create_task(post(client, first + which)))
        return await asyncio.gather(*posts)


if __name__ == "__main__":
    address, rate, count, start, key = sys.argv[1:]
    answered = asyncio.run(_deliver(address, json.load(sys.stdin), float(rate), int(count), int(start), key))
    print(json.dumps([dataclasses.astuple(each) for each in answered]))
