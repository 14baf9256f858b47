"""The durable engine: accept jobs, run flows, carry out what is due. The only room that knows DBOS.

A job is accepted by one enqueue; its flow runs in a worker, step by step, and goes on behind its last finished step
after a crash. What steps return is kept in clear as JSON: ids, digests, counts, never a secret. Steps return values for
what is expected; what is raised is a fault of our own and ends the workflow in ERROR, and then the same job may be
accepted again with its next attempt.

https://docs.dbos.dev/python/reference/queues
"""

import asyncio
import contextlib
import fcntl
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import msgspec
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions, run_dbos_database_migrations
from sqlalchemy.engine import make_url

from ghapp.errors import JobError, PlanwardError, SettingsError
from ghapp.jobs import Job, queue_of
from ghapp.log import log
from ghapp.store import Store

APPLICATION_VERSION = "1"
"""DBOS recovers a workflow only in the version that began it. Raise it when a flow's steps change their order."""

_APPLICATION = "planward"
_POLL_S = 0.1
_TICK_S = 0.2
_MOST_ATTEMPTS = 20
_GRACE_S = 60.0

Flow = Callable[[Any], Awaitable[None]]
T = TypeVar("T")


class OwnFailure(PlanwardError):
    """A flow failed by a fault of Planward's own; the log has the rest under the job's key."""


class Acceptor:
    """Accepts jobs: all that a process without a worker needs of the engine."""

    def __init__(self, database_url: str) -> None:
        """Bring DBOS' own tables up to date and connect."""
        self.url = _system_url(database_url)
        run_dbos_database_migrations(self.url)
        self._client = DBOSClient(
            system_database_url=self.url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=_APPLICATION,
            retry_connection_errors=False,
        )

    async def accept(self, job: Job) -> bool:
        """Have the job owed; durable when this returns. False: it was owed already, or is done.

        An attempt that ended by a fault of our own is followed by the next; a result, whatever it is, by nothing.
        """
        for attempt in range(_MOST_ATTEMPTS):
            workflow_id = job.key if attempt == 0 else f"{job.key}~{attempt}"
            found = await self._client.list_workflows_async(
                workflow_ids=[workflow_id], load_input=False, load_output=False
            )
            if not found:
                await self._enqueue(workflow_id, job)
                return True
            if found[0].status != "ERROR":
                return False
        log.error("job_given_up", job=job.key)
        return False

    async def _enqueue(self, workflow_id: str, job: Job) -> None:
        queue, partition = queue_of(job)
        options: EnqueueOptions = {
            "workflow_name": "job",
            "queue_name": queue,
            "workflow_id": workflow_id,
            "app_version": APPLICATION_VERSION,
        }
        if partition is not None:
            options["queue_partition_key"] = partition
        await self._client.enqueue_async(options, msgspec.json.encode(job).decode())

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()


class Worker:
    """Runs flows: at most one in a process, since DBOS is one a process."""

    def __init__(self, acceptor: Acceptor, store: Store, data_dir: Path, flow: Flow, stopping: asyncio.Event) -> None:
        """`stopping` is set when the process is to end: programs are interrupted, and their steps never return."""
        self._acceptor = acceptor
        self._store = store
        self._data_dir = data_dir
        self._flow = flow
        self._stopping = stopping
        self._going_on = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take jobs up, the unfinished ones of this executor first, until the context ends."""
        with _executor_id(self._data_dir) as executor_id:
            config: DBOSConfig = {
                "name": _APPLICATION,
                "system_database_url": self._acceptor.url,
                "application_version": APPLICATION_VERSION,
                "executor_id": executor_id,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "ERROR",
                "enable_otlp": False,
            }
            DBOS(config=config)

            @DBOS.workflow(name="job")
            async def job(encoded: str) -> None:
                await self._run(encoded)

            DBOS.launch()
            await DBOS.register_queue_async("work", polling_interval_sec=_POLL_S)
            await DBOS.register_queue_async("branches", partition_concurrency=1, polling_interval_sec=_POLL_S)
            ticking = asyncio.create_task(self._tick())
            try:
                yield
            finally:
                self._stopping.set()
                ticking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ticking
                await self._all_parked()
                await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

    async def _run(self, encoded: str) -> None:
        job = msgspec.json.decode(encoded, type=Job)
        _stopping.set(self._stopping)
        self._going_on += 1
        try:
            await self._flow(job)
        except Exception:
            log.exception("flow_failed", job=job.key)
            # What is raised out of a workflow is kept in the database: never a foreign exception's text.
            raise OwnFailure(f"internal error in {job.key}") from None
        finally:
            self._going_on -= 1

    async def _all_parked(self) -> None:
        """Wait until every flow is done or stands between two steps, so that Terraform has ended by itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                while self._going_on > _parked.count:  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(_TICK_S)

    async def _tick(self) -> None:
        while True:
            try:
                for key, due_at, job in await self._store.later.due():
                    await self._acceptor.accept(msgspec.convert(job, type=Job))
                    await self._store.later.done(key, due_at)
            except Exception:
                log.exception("tick_failed")
            await asyncio.sleep(_TICK_S)


class _Parked:
    """Flows that wait for the end of the process."""

    count = 0


_parked = _Parked()
_stopping: ContextVar[asyncio.Event] = ContextVar("stopping")


async def park() -> NoReturn:
    """Wait for the end of the process: a step that returned would be taken for done, and is made again instead."""
    _parked.count += 1
    while True:
        await asyncio.Event().wait()


async def step(name: str, kind: type[T], work: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Do one durable step: `work` is called once and its result, as JSON, is what a recovery finds.

    `kind` is the result's type. After an interruption the step is made again from its start and finds what it left.
    """

    if _stopping.get().is_set():
        await park()
    raised: list[Exception] = []

    async def as_json() -> Any:
        try:
            return {"value": msgspec.to_builtins(await work(*args))}
        except Exception as error:
            # What a step raises is kept in the database as it is: a foreign exception's text never goes there.
            raised.append(error)
            return {"raised": str(error) if isinstance(error, JobError) else None}

    result = await DBOS.run_step_async({"name": name}, as_json)
    if raised:
        raise raised[0]
    if "raised" in result:
        raise OwnFailure(f"{name} failed before") if result["raised"] is None else JobError(result["raised"])
    return msgspec.convert(result["value"], type=kind)


async def side_by_side(steps: Sequence[Awaitable[T]]) -> tuple[T, ...]:
    """Do steps at once; they are numbered in this order, so the order must not depend on chance."""
    return tuple(await asyncio.gather(*steps))


def _system_url(database_url: str) -> str:
    """Where DBOS keeps its tables: PostgreSQL's own schema in the same database, on SQLite a file beside ours."""
    parsed = make_url(database_url)
    if parsed.get_backend_name() != "sqlite":
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if not parsed.database:
        raise SettingsError("PLANWARD_DATABASE_URL: SQLite needs a file, as in sqlite:////var/lib/planward/planward.db")
    path = Path(parsed.database)
    return f"sqlite:///{path.with_name(path.stem + '-durable' + path.suffix)}"


@contextlib.contextmanager
def _executor_id(data_dir: Path) -> Any:
    """Give this worker's name, kept in the data directory, so that it takes its own pending work up again.

    A second worker on one data directory gets a name of its own that ends with it.
    """
    path = data_dir / "executor"
    with path.open("a+", encoding="ascii") as file:
        if not _locked(file):
            yield f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
            return
        file.seek(0)
        name = file.read().strip()
        if not name:
            name = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
            file.write(name)
            file.flush()
        yield name


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
