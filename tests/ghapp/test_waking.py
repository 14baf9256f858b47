"""A queue's loop waits for its event."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import ANY

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from ghapp.durable import JobQueue, waking
from ghapp.durable.waking import WakeableEvent
from ghapp.jobs import SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.values import BranchName, CommitSha, RepositoryId
from tests.databases import NewDatabase

HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("act", "ended"), [(WakeableEvent.wake, False), (WakeableEvent.set, True)], ids=["woken", "set"]
)
def test_a_waiting_loop_looks_again_when_it_is_woken_and_ends_when_it_is_stopped(
    act: Callable[[WakeableEvent], None], ended: bool
) -> None:
    event = WakeableEvent()
    said: list[bool] = []
    waiting = threading.Thread(target=lambda: said.append(event.wait(HOUR_S)))
    waiting.start()
    act(event)
    waiting.join()
    assert said == [ended]
    assert event.is_set() is ended


def test_an_event_that_is_set_stays_set() -> None:
    event = WakeableEvent()
    event.set()
    assert [event.wait(HOUR_S), event.wait(HOUR_S)] == [True, True]


def test_a_loop_that_polls_is_not_waiting() -> None:
    event, polled = WakeableEvent(), threading.Event()
    seen: list[bool] = []

    def loop() -> None:
        while not event.wait(HOUR_S):
            seen.append(event.is_waiting)
            polled.set()

    waiting = threading.Thread(target=loop)
    waiting.start()
    while not event.is_waiting:
        threading.Event().wait(0.001)
    event.wake()
    assert polled.wait(60)
    event.set()
    waiting.join()
    assert seen == [False]


class Database:
    """The tables of DBOS, as a worker reads them."""

    def __init__(self, url: str) -> None:
        self._job_queue = JobQueue(url)
        self._sys_db: Any = getattr(self._job_queue, "_client")._sys_db  # noqa: B009

    def add(self, cause: str, *, branch: str = "staging") -> None:
        """Enqueue a job of the queue "branches"."""
        job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName(branch), cause=Missed(tip=CommitSha(cause)))
        assert asyncio.run(self._job_queue.enqueue(job))

    def begin_one(self) -> None:
        """Record that one of the enqueued jobs runs."""
        jobs = self._sys_db.tables.workflow_status
        with self._sys_db.engine.begin() as connection:
            first = select(func.min(jobs.c.workflow_uuid)).scalar_subquery()
            connection.execute(jobs.update().where(jobs.c.workflow_uuid == first).values(status="PENDING"))

    def break_down(self) -> None:
        """Make every query of the jobs fail."""
        with self._sys_db.engine.begin() as connection:
            connection.execute(text(f"alter table {self._schema}workflow_status rename to lost"))

    @property
    def _schema(self) -> str:
        return "" if self._sys_db.engine.dialect.name == "sqlite" else "dbos."

    def close(self) -> None:
        """Close its connections."""
        self._job_queue.close()


@pytest.fixture
def jobs(new_database: NewDatabase, tmp_path: Path) -> Iterator[Database]:
    with closing(Database(new_database(tmp_path))) as database:
        yield database


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> "SimpleQueue[str]":
    """Record the name of a queue whenever its loop polls."""
    names: SimpleQueue[str] = SimpleQueue()

    def loop(event: WakeableEvent, _: object, queue: Any) -> None:
        while not event.wait(0):
            names.put(queue.name)

    monkeypatch.setattr(waking, "queue_worker_thread", loop)
    return names


@contextmanager
def polling(jobs: Database, every_s: float) -> Iterator[waking.QueuePollers]:
    pollers = waking.QueuePollers()
    begin(pollers, jobs, ("events", "branches", "plans"), every_s=every_s)
    try:
        yield pollers
    finally:
        pollers.end()


def begin(pollers: waking.QueuePollers, jobs: Database, names: Sequence[str], *, every_s: float) -> None:
    queues = [cast("Any", SimpleNamespace(name=name)) for name in names]
    pollers.begin(cast("Any", jobs), queues, one_by_one=["branches"], every_s=every_s)


def test_a_loop_that_failed_is_begun_again(jobs: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    again = threading.Event()

    def loop(event: WakeableEvent, *_: object) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise RuntimeError
        again.set()
        event.wait(HOUR_S)

    monkeypatch.setattr(waking, "queue_worker_thread", loop)
    monkeypatch.setattr(waking, "_AGAIN_S", 0.001)
    pollers = waking.QueuePollers()
    begin(pollers, jobs, ["events"], every_s=HOUR_S)
    assert again.wait(60)
    pollers.end()


def test_a_queue_with_a_waiting_job_of_another_process_is_polled_and_no_other(
    jobs: Database, polled: "SimpleQueue[str]"
) -> None:
    with polling(jobs, every_s=0.01):
        jobs.add("a" * 40)
        assert {polled.get(timeout=60) for _ in range(3)} == {"branches"}


def test_a_queue_is_not_polled_for_a_job_that_waits_for_another_of_its_branch(
    jobs: Database, polled: "SimpleQueue[str]"
) -> None:
    jobs.add("a" * 40)
    jobs.add("b" * 40)
    jobs.begin_one()
    with polling(jobs, every_s=0.01) as pollers:
        pollers.wake("plans")
        assert polled.get(timeout=60) == "plans"
        with pytest.raises(Empty):
            polled.get(timeout=0.5)
        jobs.add("c" * 40, branch="production")
        assert polled.get(timeout=60) == "branches"


def test_a_queue_that_is_woken_by_its_name_is_polled_before_the_lookout_looks(
    jobs: Database, polled: "SimpleQueue[str]"
) -> None:
    with polling(jobs, every_s=HOUR_S) as pollers:
        pollers.wake("plans")
        assert polled.get(timeout=60) == "plans"


def test_every_queue_is_polled_where_the_lookout_gets_no_answer_and_the_log_says_so_once(
    jobs: Database, polled: "SimpleQueue[str]"
) -> None:
    jobs.break_down()
    with capture_logs() as logs, polling(jobs, every_s=0.01):
        assert {polled.get(timeout=60) for _ in range(9)} == {"events", "branches", "plans"}
    assert [(each["event"], each["reason"]) for each in logs] == [("lookout_failed", ANY)]


def test_the_end_of_a_job_is_looked_for_more_and_more_rarely(
    jobs: Database, polled: "SimpleQueue[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    pollers = waking.QueuePollers()
    ended = threading.Event()

    class Look(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            if len(pauses) == 6:
                ended.set()
                return super().wait(60)
            return len(pauses) == 4  # the loop was woken

    monkeypatch.setattr(pollers, "_look", Look())
    begin(pollers, jobs, ["events"], every_s=0.5)
    assert ended.wait(60)
    pollers.end()
    assert pauses == [0.1, 0.2, 0.4, 0.5, 0.1, 0.2]
