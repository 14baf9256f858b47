"""Executors: this worker's identity and heartbeat, and the takeover of dead workers' work.

Every start of a worker is a new executor, so that nobody resumes work that another one may be taking over. With SQLite
there is one worker at a time, which resumes all unfinished work. With PostgreSQL, the previous executor in the same
data directory is known to be dead. Any other one counts as dead if its heartbeat has not changed for 45 seconds, by the
observer's clock. It has stopped by then: an executor that cannot write its heartbeat for 12 seconds stops its own runs,
and its keeper interrupts Terraform after 15 seconds and kills it after 40.
"""

import asyncio
import contextlib
import fcntl
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TextIO

from ghapp.durable.job_queue import JobQueue
from ghapp.errors import SettingsError
from ghapp.log import log
from ghapp.processes.keeper import Keeper
from ghapp.store import Executors, Heartbeat, Store
from ghapp.timings import Timings

_ENDING_S = 5.0
"""How long to wait for the worker of a killed `serve`, which ends together with `serve`."""
_POLL_S = 0.1


@contextlib.asynccontextmanager
async def executor(job_queue: JobQueue, store: Store, data_dir: Path) -> AsyncIterator[str]:
    """Put the work of this data directory's previous worker back into its queues, and return this worker's name.

    Raises SettingsError if another worker uses this directory's SQLite database.
    """
    name = f"{socket.gethostname()}-{secrets.token_hex(6)}"
    with (data_dir / "executor").open("a+", encoding="ascii") as file:
        alone = _try_lock(file)
        if not job_queue.shared:
            end = time.monotonic() + _ENDING_S
            while not alone and time.monotonic() < end:
                await asyncio.sleep(_POLL_S)
                alone = _try_lock(file)
            if not alone:
                raise SettingsError(
                    f"another Planward works in {data_dir}: end it first, or set PLANWARD_DATABASE_URL to a PostgreSQL "
                    "database, which several workers can share"
                )
            _log_takeover(name, None, await job_queue.take_over(None))
            yield name
            return
        await store.executors.register(name)
        if alone:
            file.seek(0)
            before = await store.executors.find(file.read().strip())
            if before is not None:
                await _take_over(job_queue, store.executors, name, before)
            file.seek(0)
            file.truncate()
            file.write(name)
            file.flush()
        yield name


async def hand_over(job_queue: JobQueue, store: Store, name: str) -> None:
    """Release this executor's work to others. Call this only when this executor no longer runs anything."""
    try:
        await job_queue.take_over(name)
        if job_queue.shared:
            await store.executors.remove(name)
    except Exception as error:
        # The other workers notice when its heartbeat stops.
        log.warning("not_handed_over", executor=name, error=type(error).__name__)


class Heart:
    """Writes the heartbeat of one executor, and watches those of the others."""

    def __init__(
        self,
        job_queue: JobQueue,
        executors: Executors,
        name: str,
        keeper: Keeper | None,
        timings: Timings,
        *,
        lost: Callable[[], None],
    ) -> None:
        """`lost` is called once if this executor has to stop because others may take over its work."""
        self._job_queue = job_queue
        self._executors = executors
        self._name = name
        self._lost = lost
        self._keeper = keeper
        self._timings = timings
        self._seen: dict[str, tuple[Heartbeat, float]] = {}

    async def beat(self) -> None:
        """Write heartbeats until cancelled, or until this executor has to stop."""
        well_at = time.monotonic()
        beats = 0
        while time.monotonic() - well_at <= self._timings.own_silence_s:
            began = time.monotonic()
            beats += 1
            try:
                async with asyncio.timeout(self._timings.heartbeat_s):
                    mine = await self._executors.beat(self._name, beats)
                if not mine:
                    break
                well_at = began
                if self._keeper is not None:
                    self._keeper.beat()
                await self._take_over_others()
            except Exception as error:
                log.warning("heartbeat_failed", executor=self._name, error=type(error).__name__)
            await asyncio.sleep(self._timings.heartbeat_s)
        log.error("executor_stops", executor=self._name, silent_s=round(time.monotonic() - well_at))
        self._lost()

    async def _take_over_others(self) -> None:
        now = time.monotonic()
        seen = {each.id: (each, now) for each in await self._executors.all() if each.id != self._name}
        for id, (heartbeat, at) in self._seen.items():
            if id in seen and seen[id][0] == heartbeat:
                seen[id] = heartbeat, at
        self._seen = seen
        for heartbeat, at in seen.values():
            if now - at >= self._timings.takeover_s:
                await _take_over(self._job_queue, self._executors, self._name, heartbeat)


async def _take_over(job_queue: JobQueue, executors: Executors, name: str, gone: Heartbeat) -> None:
    """Take over the work of a dead executor. Only one of several observers gets the claim. If that one dies before it
    has finished, another one can claim the work later."""
    if await executors.claim(gone, by=name):
        _log_takeover(name, gone.id, await job_queue.take_over(gone.id))
        await executors.remove(gone.id)


def _log_takeover(name: str, gone: str | None, jobs: tuple[str, ...]) -> None:
    if jobs:
        log.info("jobs_taken_over", executor=name, of=gone, jobs=list(jobs))


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
