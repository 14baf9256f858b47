"""The worker: takes jobs from their queues, runs their flows, and enqueues deferred jobs when they are due."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from sqlalchemy import Engine

from ghapp.durable import queues
from ghapp.durable.claims import recover_lost_claims
from ghapp.durable.executors import Heart, executor, hand_over
from ghapp.durable.job_queue import (
    APPLICATION,
    APPLICATION_VERSION,
    JobQueue,
    attempt_of,
    raising_store_unavailable,
)
from ghapp.durable.patient_sqlite import patient_engine
from ghapp.durable.steps import FlowState, OwnFailure, RecordedOtherwise, flow_state
from ghapp.durable.waking import QueuePollers
from ghapp.jobs import read_job
from ghapp.log import log
from ghapp.processes.keeper import Keeper
from ghapp.store import Store
from ghapp.timings import Timings

_TICK_S = 0.2
_LOOK_S = 1.0
"""The longest time between two queries for due jobs. Jobs that this process itself deferred are enqueued on time."""
_GRACE_S = 60.0
_RETRY_S = 2.0
"""The delay of a job's next attempt: long enough for the end of this attempt to be recorded."""
_UNKNOWN_JOB_RETRY_S = 30.0
"""A job that only another version knows is deferred for this long. Then some worker reads it again."""

Flow = Callable[[Any], Awaitable[None]]
"""Carries out a `Job`, whatever its kind, in durable steps (steps.py)."""


class Worker:
    """Runs flows. A process can have only one worker, since DBOS allows only one instance of itself in a process."""

    def __init__(
        self,
        job_queue: JobQueue,
        store: Store,
        data_dir: Path,
        flow: Flow,
        stopping: asyncio.Event,
        *,
        keeper: Keeper | None = None,
        timings: Timings = Timings(),  # noqa: B008 - a value
    ) -> None:
        """The worker sets `stopping` when the process has to end. Root runs then interrupt their programs.

        A step whose program was interrupted does not return but waits for the end of the process (`park` in steps.py):
        if it returned, it would count as done instead of running again.
        """
        self._job_queue = job_queue
        self._store = store
        self._data_dir = data_dir
        self._flow = flow
        self._stopping = stopping
        self._keeper = keeper
        self._timings = timings
        self._flows: set[FlowState] = set()
        self._engine: Engine | None = None
        self._pollers = QueuePollers()
        self._deferred = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Put the previous worker's unfinished jobs back into their queues, and run jobs until the context ends.

        At the end of the context, each unfinished job stops before its next step, or within a step that the next worker
        repeats from its beginning. Raises StoreUnavailable if the database is unavailable on startup.
        """
        async with contextlib.AsyncExitStack() as stack:
            with raising_store_unavailable():
                name = await stack.enter_async_context(executor(self._job_queue, self._store, self._data_dir))
                await self._launch(name)
            heart = Heart(self._job_queue, self._store.executors, name, self._keeper, self._timings, lost=self._end)
            beating = asyncio.create_task(heart.beat()) if self._job_queue.shared else None
            self._store.deferred.on_deferred = self._deferred.set
            ticking = asyncio.create_task(self._tick())
            try:
                yield
            finally:
                self._stopping.set()
                await _cancel_and_wait(ticking)
                parked = await self._wait_until_parked()
                self._job_queue.on_enqueued = self._store.deferred.on_deferred = None
                await asyncio.to_thread(self._pollers.end)
                await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
                if self._engine is not None:
                    self._engine.dispose()
                # DBOS had replaced the event loop's default thread pool with its own, which has ended.
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
                if beating is not None:
                    await _cancel_and_wait(beating)
                # If a flow is not parked, one of its steps may still be running. No other worker may repeat it yet.
                if parked:
                    await hand_over(self._job_queue, self._store, name)

    async def _launch(self, name: str) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._job_queue.url,
            "application_version": APPLICATION_VERSION,
            "executor_id": name,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "ERROR",
            "enable_otlp": False,
        }
        if not self._job_queue.shared:
            self._engine = config["system_database_engine"] = patient_engine(self._job_queue.url)
        dbos = DBOS(config=config)

        @DBOS.workflow(name="job")
        async def job(encoded: str) -> None:
            await self._run(encoded)

        # DBOS itself polls no queue: the pollers do (waking.py).
        DBOS.listen_queues([])
        DBOS.launch()
        # End the threads that look for queues, for jobs in DBOS' internal queue, for schedules, and for workflows with
        # a delay or a time limit. Planward needs none of these threads, but together they send several statements every
        # second.
        for event in (*dbos.background_thread_stop_events, dbos._background_jobs_stop_event):
            event.set()
        recover_lost_claims(dbos)
        self._pollers.begin(
            dbos,
            await queues.register(),
            one_by_one=queues.one_by_one(),
            every_s=queues.interval_s(shared=self._job_queue.shared),
        )
        self._job_queue.on_enqueued = self._pollers.wake

    async def _run(self, encoded: str) -> None:
        try:
            job = read_job(msgspec.json.decode(encoded))
        except msgspec.ValidationError:
            await self._leave_to_newer_version(f"again:{DBOS.workflow_id}", msgspec.json.decode(encoded))
            raise OwnFailure(f"unknown: {DBOS.workflow_id}") from None
        state = FlowState(self._stopping, attempt=attempt_of(DBOS.workflow_id or job.key))
        flow_state.set(state)
        self._flows.add(state)
        try:
            await self._flow(job)
        except RecordedOtherwise as step:
            log.info("job_starts_again", job=job.key, step=str(step))
            await self._store.deferred.defer(f"again:{job.key}", msgspec.to_builtins(job), in_s=_RETRY_S)
            raise OwnFailure(f"starts again: {job.key}") from None
        except Exception:
            log.exception("flow_failed", job=job.key)
            # DBOS stores the exception's text in the database. The text of an exception from another library may
            # contain secrets.
            raise OwnFailure(f"internal error in {job.key}") from None
        finally:
            self._flows.discard(state)
            # The queue has room for a waiting job.
            self._pollers.wake()

    async def _leave_to_newer_version(self, key: str, job: Any) -> None:
        """Defer a job that only a newer version knows: in a rolling restart, a worker of that version takes it."""
        log.warning("job_of_another_version", key=key)
        await self._store.deferred.defer(key, job, in_s=_UNKNOWN_JOB_RETRY_S)

    def _end(self) -> None:
        """Interrupt all runs and end the process, since other workers may take over its jobs.

        The supervisor then starts a new process.
        """
        self._stopping.set()
        os.kill(os.getpid(), signal.SIGTERM)

    async def _wait_until_parked(self) -> bool:
        """Wait until each flow is done, or has only steps that wait for the end of the process.

        This gives interrupted programs time to end by themselves. Returns False if it takes too long.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                while not all(each.all_parked for each in self._flows):  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(_TICK_S)
                return True
        return False

    async def _tick(self) -> None:
        """Enqueue deferred jobs when they are due."""
        while True:
            pause_s = _TICK_S
            self._deferred.clear()
            try:
                due_in_s = await self._store.deferred.next_due_in_s()
                if due_in_s is None or due_in_s > 0:
                    pause_s = _LOOK_S if due_in_s is None else min(due_in_s, _LOOK_S)
                else:
                    await self._enqueue_due()
            except Exception:
                log.exception("tick_failed")
                await asyncio.sleep(_TICK_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._deferred.wait()

    async def _enqueue_due(self) -> None:
        for key, due_at, encoded in await self._store.deferred.due():
            try:
                job = read_job(encoded)
            except msgspec.ValidationError:
                await self._leave_to_newer_version(key, encoded)
                continue
            if await self._job_queue.enqueue_or_find(job) == "pending":
                # An attempt at this job has not ended. Perhaps it has just deferred the job, and so has written this
                # row. Until its end is recorded, no other attempt can be enqueued. So keep the row and try again.
                await self._store.deferred.defer(key, encoded, in_s=_RETRY_S)
            else:
                await self._store.deferred.remove(key, due_at)


async def _cancel_and_wait(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
