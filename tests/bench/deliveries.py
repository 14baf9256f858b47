"""Send deliveries at a steady rate, from a separate process, so that sending does not slow the measured process down.

python -m tests.bench.deliveries URL PER_SECOND NUMBER FIRST < PAYLOAD   (of a push; each gets another commit)
"""

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.stories.line import SECRET


@dataclass(frozen=True, slots=True)
class Answered:
    """A delivery: when it was sent (seconds since 1970), the answer's status (0: no answer), and how long that took."""

    at: float
    status: int
    seconds: float


def pushed(number: int) -> str:
    """The SHA of the pushed commit in the delivery with this number."""
    return f"{number:040x}"


def deliver(url: str, payload: Any, *, per_second: float, number: int, first: int = 1) -> list[Answered]:
    """Deliver `payload` as `number` pushes, numbered from `first`, without waiting for answers between them."""
    command = [sys.executable, "-m", "tests.bench.deliveries", url, str(per_second), str(number), str(first)]
    done = subprocess.run(command, input=json.dumps(payload).encode(), stdout=subprocess.PIPE, check=True)
    return [Answered(*each) for each in json.loads(done.stdout)]


async def _deliver(url: str, payload: Any, per_second: float, number: int, first: int) -> list[Answered]:
    async def post(client: httpx.AsyncClient, which: int) -> Answered:
        body = json.dumps({**payload, "after": pushed(which)}).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        at, start = time.time(), time.perf_counter()
        try:
            status = (await client.post(f"{url}/webhooks/github", content=body, headers=headers)).status_code
        except httpx.HTTPError:
            status = 0
        return Answered(at, status, time.perf_counter() - start)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        begun = time.perf_counter()
        posts = []
        for which in range(number):
            await asyncio.sleep(max(0.0, begun + which / per_second - time.perf_counter()))
            posts.append(asyncio.create_task(post(client, first + which)))
        return await asyncio.gather(*posts)


if __name__ == "__main__":
    address, rate, count, start = sys.argv[1:]
    answered = asyncio.run(_deliver(address, json.load(sys.stdin), float(rate), int(count), int(start)))
    print(json.dumps([[each.at, each.status, each.seconds] for each in answered]))
