"""The cost of deliveries whose signature has not been checked yet, over a real socket: anybody can send them."""

import contextlib
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from ghapp.web.deliveries import Deliveries
from ghapp.web.front import Front
from tests.ghapp.served import SECRET, listening, serving

LARGEST = 4_000_000
ROOM = 8_000_000
SLOWEST_S = 1.0
FORGED = "sha256=" + "0" * 64
PING = json.dumps({"zen": "Design for failure."}).encode()


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries(LARGEST, room_bytes=ROOM, deadline_s=SLOWEST_S)


@pytest.fixture
def url(deliveries: Deliveries, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as served:

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Front]]:
            yield {"front": served.front}

        routes = [Route("/webhooks/github", deliveries.receive, methods=["POST"])]
        with listening(Starlette(routes=routes, lifespan=lifespan)) as url:
            yield url


def begun(url: str, signature: str | None, sent: bytes, *, size: int = LARGEST) -> socket.socket:
    """Begin a delivery: send its first bytes only."""
    address = httpx.URL(url)
    connection = socket.create_connection((address.host, address.port or 80), timeout=10)
    signed = "" if signature is None else f"X-Hub-Signature-256: {signature}\r\n"
    head = (
        f"POST /webhooks/github HTTP/1.1\r\nHost: {address.host}\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: d-1\r\n"
        f"Content-Type: application/json\r\n{signed}Content-Length: {size}\r\n\r\n"
    )
    connection.sendall(head.encode() + sent)
    return connection


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(4096).split(b" ")[1])


def ping(url: str) -> int:
    headers = {
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": "d-2",
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), PING, hashlib.sha256).hexdigest(),
    }
    return httpx.post(
        f"{url}/webhooks/github", content=PING, headers=headers, trust_env=False, verify=False
    ).status_code


@pytest.mark.parametrize("signature", [None, "", "sha256=", "sha1=" + "0" * 40, "sha256=" + "g" * 64])
def test_a_delivery_without_a_well_formed_signature_is_refused_before_its_body_arrives(
    url: str, signature: str | None
) -> None:
    with begun(url, signature, b"") as connection:
        connection.settimeout(SLOWEST_S / 2)
        assert status_of(connection) == 401


def test_a_body_that_does_not_come_is_waited_for_only_until_the_deadline(url: str) -> None:
    began = time.monotonic()
    with begun(url, FORGED, b"{") as connection:
        assert status_of(connection) == 408
    assert time.monotonic() - began < 5 * SLOWEST_S


def test_forged_deliveries_together_stay_within_the_memory_limit_and_block_no_other_delivery(
    url: str, deliveries: Deliveries
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(begun(url, FORGED, b" " * (LARGEST - 1)))
            assert deliveries.bodies.held_bytes() <= ROOM
        assert ping(url) == 200
        assert 0 < deliveries.bodies.held_bytes() <= ROOM


def test_the_largest_body_makes_room_for_the_others(url: str) -> None:
    with contextlib.ExitStack() as stack:
        small = [stack.enter_context(begun(url, FORGED, b" " * 1_900_000, size=1_900_001)) for _ in range(3)]
        large = stack.enter_context(begun(url, FORGED, b" " * (LARGEST - 1)))
        large.sendall(b" ")
        assert status_of(large) == 503
        for connection in small:
            connection.sendall(b" ")
            assert status_of(connection) == 401


def test_a_body_takes_no_room_once_it_is_answered(url: str, deliveries: Deliveries) -> None:
    assert ping(url) == 200
    assert deliveries.bodies.held_bytes() == 0
