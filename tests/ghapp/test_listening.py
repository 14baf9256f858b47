"""The start and the end of `planward serve` as a process."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ghapp.sealing import Sealer
from ghapp.store import Store
from tests.databases import NewDatabase
from tests.forked import ForkedPlanward
from tests.ghapp.served import KEY, PEM, Clock, Served
from tests.ports import free_port


@contextmanager
def serve(directory: Path, *words: str, **environ: str) -> Iterator[ForkedPlanward]:
    """Run `planward serve --no-worker`."""
    process = ForkedPlanward(
        ["serve", "--no-worker", *words],
        {
            "PATH": os.environ["PATH"],
            "PLANWARD_GITHUB_APP_ID": "1",
            "PLANWARD_GITHUB_PRIVATE_KEY": PEM,
            "PLANWARD_GITHUB_WEBHOOK_SECRET": "s3cret",
            "PLANWARD_DATA_DIR": str(directory),
            "PLANWARD_SANDBOX": "none",
            "PLANWARD_ENCRYPTION_KEY": KEY,
            **environ,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.close()


def listening_at(process: ForkedPlanward) -> str:
    line = json.loads(process.stderr.readline())
    assert line["event"] == "listening"
    return f"http://{line['host']}:{line['port']}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_live_logs_and_the_process_at_once(
    new_database: NewDatabase, tmp_path: Path, number: int
) -> None:
    database = new_database(tmp_path)
    store = Store(database, Sealer([KEY]), clock=Clock())
    seed = Served(url="", store=store, clock=Clock(), front=None, app=None)  # type: ignore[arg-type]
    seed.repository()
    seed.run("r1")
    store.close()
    with serve(tmp_path, "--port", "0", PLANWARD_DATABASE_URL=database) as process:
        url = listening_at(process)
        with (
            httpx.Client(trust_env=False, verify=False, timeout=20) as client,
            client.stream("GET", f"{url}/runs/r1/log") as answer,
        ):
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            reading = threading.Thread(target=list, args=(lines,), daemon=True)
            reading.start()
            process.send_signal(number)
            assert process.wait(timeout=20) == 0
            reading.join(timeout=20)
            assert not reading.is_alive()


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    port = str(free_port())
    with serve(tmp_path, "--port", port) as first:
        listening_at(first)
        with serve(tmp_path, "--port", port) as second:
            assert second.wait(timeout=30) == 1
            assert second.stderr.read() == (
                f"planward: cannot listen on 127.0.0.1:{port}: Address already in use; "
                "choose others with --host and --port\n"
            )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"PLANWARD_DATABASE_URL": "mysql://db/planward"},
            "PLANWARD_DATABASE_URL: only postgresql:// and sqlite:/// are supported",
        ),
        (
            {"PLANWARD_ENCRYPTION_KEY": "short"},
            "PLANWARD_ENCRYPTION_KEY: a key has fewer than 16 characters; `openssl rand -hex 32` makes one",
        ),
    ],
)
def test_a_reason_not_to_start_is_reported_in_one_line(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    with serve(tmp_path, "--port", "0", **environ) as process:
        assert process.wait(timeout=30) == 1
        assert process.stderr.read() == f"planward: {said}\n"
