"""The memory that a running `planward serve` needs for deliveries that anybody can send."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.forked import ForkedPlanward
from tests.ghapp.served import KEY, PEM, SECRET
from tests.ports import free_port

MB = 1_000_000
SIZE = 24 * MB
SENDERS = 20
MOST_GROWTH = 60 * MB
PATIENCE_S = 60.0


@contextmanager
def running_serve(directory: Path) -> Iterator[tuple[int, int]]:
    """Start `planward serve --no-worker` in a process of its own; returns its process id and port."""
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PLANWARD_GITHUB_APP_ID": "1",
        "PLANWARD_GITHUB_PRIVATE_KEY": PEM,
        "PLANWARD_GITHUB_WEBHOOK_SECRET": SECRET,
        "PLANWARD_DATA_DIR": str(directory / "data"),
        "PLANWARD_SANDBOX": "none",
        "PLANWARD_ENCRYPTION_KEY": KEY,
        "PLANWARD_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    process = ForkedPlanward(["serve", "--no-worker", "--port", str(port)], environ)
    try:
        listening = json.loads(process.stderr.readline())
        assert listening["event"] == "listening", listening
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        process.close()


def answers(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False, verify=False).status_code == 200
    return False


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    [size] = [line.split()[1] for line in status if line.startswith("VmRSS:")]
    return int(size) * 1024


def send(port: int, ended: threading.Event) -> None:
    """Send a delivery without a signature, except for its last byte."""
    head = (
        f"POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: d-1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {SIZE}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection, suppress(OSError):
        connection.sendall(head.encode())
        connection.sendall(b" " * (SIZE - 1))
        ended.wait(PATIENCE_S)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this platform does not say what a process takes")
def test_twenty_unsigned_deliveries_of_twenty_four_megabytes_take_little_memory(tmp_path: Path) -> None:
    with running_serve(tmp_path) as (pid, port):
        before = resident_bytes(pid)
        ended = threading.Event()
        senders = [threading.Thread(target=send, args=(port, ended)) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        most = before
        until = time.monotonic() + 5
        while time.monotonic() < until:
            most = max(most, resident_bytes(pid))
            time.sleep(0.02)
        ended.set()
        for sender in senders:
            sender.join(timeout=PATIENCE_S)
        assert answers(port)
    assert most - before < MOST_GROWTH
