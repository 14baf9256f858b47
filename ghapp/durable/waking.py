"""Poll a queue only when a job waits in it.

DBOS polls each queue at an interval, and each poll takes several statements and a transaction. With an interval so
short that jobs start soon, an idle Planward would use a tenth of a core. So DBOS' own loops run here in our own
threads, and instead of their interval they wait for an event of ours. One more thread, the lookout, asks the database
with one cheap statement which queues hold waiting jobs, and wakes their loops.
"""

import threading
from collections.abc import Collection, Sequence
from typing import Any

from dbos import DBOS, Queue
from dbos._queue import queue_worker_thread
from sqlalchemy import ColumnElement, CompoundSelect, Engine, Table, exists, literal, select, union_all
from sqlalchemy.exc import SQLAlchemyError

from ghapp.log import log

_SOON_S = 0.1
"""The first pause of the lookout after it was woken; each further one is twice as long, up to its interval.

One query would not be enough: a job that ends makes room for the next one, but the lookout is woken a moment before
DBOS records that end.
"""
_LEAST_S = 0.02
"""The shortest time between two polls, so that a burst of deliveries is not a burst of polls."""
_AGAIN_S = 1.0
"""The pause before a loop that ended early is restarted."""
_PATIENCE_S = 10.0
"""How long to wait for the end of each thread."""


class WakeableEvent(threading.Event):
    """The event of a queue's loop: `set` ends the loop; `wake` makes it poll at once."""

    def __init__(self) -> None:
        super().__init__()
        self._woken = threading.Event()
        self.is_waiting = False
        """Whether the loop waits, rather than polls."""

    def wake(self) -> None:
        """Poll now."""
        self._woken.set()

    def set(self) -> None:
        """End the loop."""
        super().set()
        self._woken.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until `wake` or `set` is called, and ignore the timeout. Returns whether the loop has to end."""
        if super().wait(_LEAST_S):
            return True
        self.is_waiting = True
        self._woken.wait()
        self.is_waiting = False
        self._woken.clear()
        return self.is_set()


class QueuePollers:
    """The polling loops of all queues and their lookout, from their start to their end."""

    def __init__(self) -> None:
        self._events: dict[str, WakeableEvent] = {}
        self._threads: Sequence[threading.Thread] = ()
        self._look = threading.Event()
        self._ended = threading.Event()

    def begin(self, dbos: DBOS, queues: Sequence[Queue], *, one_by_one: Collection[str], every_s: float) -> None:
        """Poll these queues, each in its own thread; DBOS itself must not listen to them.

        `one_by_one` names the queues that run one job of each partition at a time, in all workers together.
        `every_s` is the interval of the lookout: its longest pause, which it reaches if nothing wakes it.
        """
        self._events = {queue.name: WakeableEvent() for queue in queues}
        # Compiled once: compiling such a small statement takes longer than running it.
        query = _compiled(
            _query_of_waiting(dbos._sys_db.tables.workflow_status, self._events, one_by_one), dbos._sys_db.engine
        )
        loops = [
            threading.Thread(target=_poll, args=(self._events[queue.name], dbos, queue), name=queue.name, daemon=True)
            for queue in queues
        ]
        lookout = threading.Thread(
            target=self._look_out, args=(dbos._sys_db.engine, query, every_s), name="lookout", daemon=True
        )
        self._threads = [*loops, lookout]
        for thread in self._threads:
            thread.start()
        self.wake()

    def wake(self, queue: str | None = None) -> None:
        """Poll this queue now. Without a name, look now, and poll each queue in which a job may start."""
        if queue in self._events:
            self._events[queue].wake()
        else:
            self._look.set()

    def end(self) -> None:
        """End all loops, and wait for that."""
        self._ended.set()
        self._look.set()
        for event in self._events.values():
            event.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def _look_out(self, engine: Engine, query: str, every_s: float) -> None:
        pause_s = _SOON_S
        answered = True
        while not self._ended.is_set():
            try:
                with engine.connect() as connection:
                    waiting = list(connection.exec_driver_sql(query).scalars())
                answered = True
            except SQLAlchemyError as error:
                if answered:
                    log.warning("lookout_failed", reason=type(error).__name__)
                answered = False
                # Nobody knows which queues hold jobs, so poll them all: the loops wait for the database as DBOS does.
                waiting = list(self._events)
            for event in map(self._events.__getitem__, waiting):
                if event.is_waiting:
                    event.wake()
                else:
                    # The loop is polling right now, and will probably take the job. If not, wake it soon.
                    pause_s = min(pause_s, _SOON_S)
            pause_s = _SOON_S if self._look.wait(pause_s) else min(pause_s * 2, every_s)
            self._look.clear()
            self._ended.wait(_LEAST_S)


def _query_of_waiting(jobs: Table, queues: Collection[str], one_by_one: Collection[str]) -> CompoundSelect[Any]:
    """A query for the names of the queues in which a job may start."""
    return union_all(
        *(
            select(literal(name)).where(exists().where(*_may_start(jobs, name, alone=name in one_by_one)))
            for name in queues
        )
    )


def _may_start(jobs: Table, queue: str, *, alone: bool) -> Sequence[ColumnElement[bool]]:
    """The conditions for a job that may start; with `alone`, only if no other job of its partition runs."""
    waiting = (jobs.c.queue_name == queue, jobs.c.status == "ENQUEUED")
    if not alone:
        return waiting
    running = jobs.alias()
    of_its_partition = (
        running.c.queue_name == queue,
        running.c.queue_partition_key == jobs.c.queue_partition_key,
        running.c.status == "PENDING",
    )
    return (*waiting, ~exists().where(*of_its_partition))


def _compiled(query: CompoundSelect[Any], engine: Engine) -> str:
    schemas = engine.get_execution_options().get("schema_translate_map")
    return str(
        query.compile(
            engine,
            schema_translate_map=schemas,
            render_schema_translate=schemas is not None,
            compile_kwargs={"literal_binds": True},
        )
    )


def _poll(event: WakeableEvent, dbos: DBOS, queue: Queue) -> None:
    """Poll until the end. If the loop ends early, restart it, as DBOS does with its own loops."""
    while not event.is_set():
        try:
            queue_worker_thread(event, dbos, queue)
        except Exception:
            log.exception("queue_loop_failed", queue=queue.name)
        # Not `event.wait`, which ignores the timeout.
        threading.Event.wait(event, _AGAIN_S)
