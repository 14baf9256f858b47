"""Enqueue jobs once under their key, list them, and take them over from a dead worker."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import stamina
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, error, run_dbos_database_migrations
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ghapp.errors import SettingsError
from ghapp.jobs import Job, queue_of, read_job
from ghapp.store import StoreUnavailable, explain_unavailable, require_undamaged

APPLICATION = "planward"
APPLICATION_VERSION = "1"
"""This never changes: DBOS gives work only to workers of the version that enqueued it, but any version of Planward must
resume the jobs of any other. If a flow's steps have changed since, the flow starts again (`RecordedOtherwise`)."""

_AT_ONCE = 4
_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)
_TRIES = 3
_PAUSE_S = 0.3
_EXAMINED_ATTEMPTS = 10
_PATIENCE_S = 30.0
_ATTEMPT_SEPARATOR = "~"
_UNFINISHED = ["ENQUEUED", "PENDING"]
_FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

JobState = Literal["enqueued", "pending", "done"]
"""Whether this call enqueued the job, or it was already waiting or running, or it was already done."""


@contextmanager
def raising_store_unavailable() -> Iterator[None]:
    """Raise StoreUnavailable, with a text for the operator, if the database fails."""
    try:
        yield
    except _UNAVAILABLE as failure:
        raise StoreUnavailable(explain_unavailable(failure)) from failure


class JobQueue:
    """Enqueues jobs. This is the part of `durable/` that a process without a worker needs."""

    def __init__(self, database_url: str) -> None:
        """Migrate DBOS' own tables and connect.

        Raises StoreUnavailable, and SettingsError if SQLite's file is damaged.
        """
        self.url = _system_url(database_url)
        self.shared = make_url(database_url).get_backend_name() != "sqlite"
        """Whether workers on other machines may use the same database."""
        if not self.shared:
            path = Path(make_url(self.url).database or "")
            require_undamaged(path)
            _write_ahead(path)
        with raising_store_unavailable():
            run_dbos_database_migrations(self.url)
            self._client = DBOSClient(
                system_database_url=self.url,
                serializer=DBOSPortableJSONSerializer(),
                application_name=APPLICATION,
                retry_connection_errors=False,
            )
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="enqueue")
        self.on_enqueued: Callable[[str], None] | None = None
        """Called with the queue of each job that is enqueued after this is set; from any thread."""

    async def enqueue(self, job: Job) -> bool:
        """Enqueue the job durably. Returns False if it is already pending or done.

        If the last attempt failed (`OwnFailure`, for example because of a bug in Planward), the job gets another one.
        Any other result is final. Raises StoreUnavailable.
        """
        return await self.enqueue_or_find(job) == "enqueued"

    async def enqueue_or_find(self, job: Job) -> JobState:
        """Like `enqueue`, but returns the state that was found."""
        # Use separate threads: flows may keep all of the event loop's threads busy, and GitHub waits only a few seconds
        # for the answer to a delivery.
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._enqueue_patiently, job)

    def _enqueue_patiently(self, job: Job) -> JobState:
        # If the answer to an insertion was lost, the next try finds the inserted job.
        attempts = stamina.retry_context(
            on=_UNAVAILABLE, attempts=_TRIES, timeout=None, wait_initial=_PAUSE_S, wait_max=_PAUSE_S, wait_jitter=0.0
        )
        with raising_store_unavailable():
            for attempt in attempts:
                with attempt:
                    return self._enqueue_next(job)
        raise AssertionError("stamina ends with a value or an error")

    def _enqueue_next(self, job: Job) -> JobState:
        # Nearly every job is new, so insert it first and look at earlier attempts only if there is one.
        status_of_first = self._insert(job.key, job)
        if status_of_first != "ERROR":
            return _state(status_of_first)
        first = 1
        while True:
            ids = [_workflow_id(job.key, attempt) for attempt in range(first, first + _EXAMINED_ATTEMPTS)]
            seen = self._client.list_workflows(workflow_ids=ids, load_input=False, load_output=False)
            status = {each.workflow_id: each.status for each in seen}
            for workflow_id in ids:
                if workflow_id not in status:
                    return _state(self._insert(workflow_id, job))
                if status[workflow_id] != "ERROR":
                    return _state(status[workflow_id])
            first += _EXAMINED_ATTEMPTS

    def _insert(self, workflow_id: str, job: Job) -> str | None:
        """Insert the job. Returns the status of the existing workflow with this id, or None if there was none."""
        queue, partition = queue_of(job)
        options: EnqueueOptions = {
            "workflow_name": "job",
            "queue_name": queue,
            "workflow_id": workflow_id,
            "workflow_id_reuse_policy": "reject",
            "app_version": APPLICATION_VERSION,
        }
        if partition is not None:
            options["queue_partition_key"] = partition
        try:
            self._client.enqueue(options, msgspec.json.encode(job).decode())
        except error.DBOSWorkflowIDInUseError as there:
            return there.workflow_status
        self.tell_enqueued(queue)
        return None

    def tell_enqueued(self, queue: str) -> None:
        """Report that a job was put into the queue, possibly by another process."""
        if (on_enqueued := self.on_enqueued) is not None:
            on_enqueued(queue)

    async def pending(self) -> tuple[Job, ...]:
        """The jobs that wait or run, without kinds of jobs that only another version knows."""
        with raising_store_unavailable():
            found = await self._client.list_workflows_async(status=_UNFINISHED, load_output=False)
        jobs: list[Job] = []
        for each in found:
            (encoded,) = (each.input or {"args": ()})["args"] or (None,)
            with contextlib.suppress(msgspec.ValidationError):
                jobs.append(read_job(msgspec.json.decode(str(encoded))))
        return tuple(jobs)

    async def take_over(self, executor_id: str | None) -> tuple[str, ...]:
        """Put jobs back into their queues if an executor began them and will not finish them.

        None means the jobs of every executor. Returns the jobs' workflow ids.
        """
        found = await self._client.list_workflows_async(
            status="PENDING",
            executor_id=None if executor_id is None else [executor_id],
            queues_only=True,
            load_input=False,
            load_output=False,
        )
        taken: dict[str, list[str]] = {}
        for each in found:
            taken.setdefault(str(each.queue_name), []).append(each.workflow_id)
        for queue, ids in taken.items():
            await self._client.resume_workflows_async(ids, queue_name=queue)
        return tuple(id for ids in taken.values() for id in ids)

    async def forget(self, before: float, limit: int) -> int:
        """Delete up to `limit` jobs that finished before this time, and return how many. They may be enqueued again."""
        found = await self._client.list_workflows_async(
            status=_FINISHED,
            completed_before=datetime.fromtimestamp(before, UTC).isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if found:
            await self._client.delete_workflows_async([each.workflow_id for each in found])
        return len(found)

    def close(self) -> None:
        """Close the connections, after all running calls of `enqueue`."""
        self._threads.shutdown()
        self._client.destroy()


def _state(status: str | None) -> JobState:
    if status is None:
        return "enqueued"
    return "pending" if status in _UNFINISHED else "done"


def _write_ahead(path: Path) -> None:
    """Enable SQLite's write-ahead log.

    A transaction then needs one disk sync instead of three, and readers do not block writers.
    """
    with closing(sqlite3.connect(path, timeout=_PATIENCE_S)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def attempt_of(workflow_id: str) -> int:
    """The number of a workflow's attempt at its job, from 0."""
    return int(workflow_id.partition(_ATTEMPT_SEPARATOR)[2] or 0)


def _workflow_id(key: str, attempt: int) -> str:
    return key if attempt == 0 else f"{key}{_ATTEMPT_SEPARATOR}{attempt}"


def _system_url(database_url: str) -> str:
    """The URL of DBOS' tables: with PostgreSQL a schema in the same database, with SQLite a file beside ours."""
    parsed = make_url(database_url)
    if parsed.get_backend_name() != "sqlite":
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if not parsed.database:
        raise SettingsError("PLANWARD_DATABASE_URL: SQLite needs a file, as in sqlite:////var/lib/planward/planward.db")
    path = Path(parsed.database)
    return f"sqlite:///{path.with_name(path.stem + '-durable' + path.suffix)}"
