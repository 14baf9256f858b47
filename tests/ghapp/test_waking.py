"""A queue's loop waits for its event."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Column, MetaData, StaticPool, String, Table, create_engine

from ghapp.durable import waking
from ghapp.durable.waking import WakeableEvent

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


def test_an_alarm_that_is_set_stays_so() -> None:
    event = WakeableEvent()
    event.set()
    assert [event.wait(HOUR_S), event.wait(HOUR_S)] == [True, True]


def test_a_loop_that_failed_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
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
    pollers.begin(cast("Any", Database()), [cast("Any", SimpleNamespace(name="events"))], every_s=HOUR_S)
    assert again.wait(60)
    pollers.end()


class Database:
    """DBOS' tables of a worker, with only the columns that the lookout reads."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        metadata = MetaData()
        self.jobs = Table("workflow_status", metadata, Column("queue_name", String), Column("status", String))
        metadata.create_all(self.engine)
        self._sys_db = SimpleNamespace(engine=self.engine, tables=SimpleNamespace(workflow_status=self.jobs))

    def add(self, queue: str, status: str = "ENQUEUED") -> None:
        with self.engine.begin() as connection:
            connection.execute(self.jobs.insert().values(queue_name=queue, status=status))


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> "SimpleQueue[str]":
    """Record the name of a queue whenever its loop polls."""
    names: SimpleQueue[str] = SimpleQueue()

    def loop(event: WakeableEvent, _: object, queue: Any) -> None:
        while not event.wait(0):
            names.put(queue.name)

    monkeypatch.setattr(waking, "queue_worker_thread", loop)
    return names


def polling(database: Database, every_s: float) -> waking.QueuePollers:
    pollers = waking.QueuePollers()
    queues = [cast("Any", SimpleNamespace(name=name)) for name in ("events", "plans")]
    pollers.begin(cast("Any", database), queues, every_s=every_s)
    return pollers


def test_a_queue_with_a_waiting_job_of_another_process_is_polled_and_no_other(polled: "SimpleQueue[str]") -> None:
    database = Database()
    database.add("plans", "PENDING")
    pollers = polling(database, every_s=0.01)
    database.add("events")
    assert {polled.get(timeout=60) for _ in range(3)} == {"events"}
    pollers.end()


def test_a_queue_that_is_woken_by_its_name_is_polled_before_the_lookout_looks(polled: "SimpleQueue[str]") -> None:
    pollers = polling(Database(), every_s=HOUR_S)
    pollers.wake("plans")
    assert polled.get(timeout=60) == "plans"
    pollers.end()


def test_every_queue_is_polled_where_the_lookout_gets_no_answer(polled: "SimpleQueue[str]") -> None:
    database = Database()
    with database.engine.begin() as connection:
        database.jobs.drop(connection)
    pollers = polling(database, every_s=HOUR_S)
    assert {polled.get(timeout=60), polled.get(timeout=60)} == {"events", "plans"}
    pollers.end()


def test_the_end_of_a_job_is_looked_for_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
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
    pollers.begin(cast("Any", Database()), [], every_s=0.5)
    assert ended.wait(60)
    pollers.end()
    assert pauses == [0.1, 0.2, 0.4, 0.5, 0.1, 0.2]
