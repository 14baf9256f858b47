"""Processes of Planward's that are forked with everything imported: a start takes a tenth of the usual time."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

_forking = multiprocessing.get_context("forkserver")
_LATE = (
    "alembic.command",
    "anyio._backends._asyncio",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "httpcore",
    "psycopg",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""What the libraries import when they first need it, which would be in each process."""
_forking.set_forkserver_preload(["pytest", "tests.stories.faults.serve", "tests.ghapp.durable_worker", *_LATE])


class Forked:
    """One such process, as `subprocess.Popen` would have it; it ends when `target` returns."""

    def __init__(self, target: Callable[..., object], *arguments: Any) -> None:
        self._process = _forking.Process(target=target, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"{self.pid} did not end within {timeout} s")
        return code
