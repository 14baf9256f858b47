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
from sqlalchemy import CompoundSelect, Table, exists, literal, select, union_all
from sqlalchemy.exc import SQLAlchemyError

from ghapp.log import log

_SOON_S = 0.1
"""The first pause of the lookout after it was woken; each further one is twice as long, up to its interval.

One look would not be enough: a job that ends makes room for the next one, but the lookout is woken a moment before DBOS
records that end.
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
        self._woken.wait()
        self._woken.clear()
        return self.is_set()


class QueuePollers:
    """The polling loops of all queues and their lookout, from their start to their end."""

    def __init__(self) -> None:
        self._events: dict[str, WakeableEvent] = {}
        self._threads: Sequence[threading.Thread] = ()
        self._look = threading.Event()
        self._ended = threading.Event()

    def begin(self, dbos: DBOS, queues: Sequence[Queue], *, every_s: float) -> None:
        """Poll these queues, each in its own thread; DBOS itself must not listen to them.

        `every_s` is the interval of the lookout: its longest pause, which it reaches if nothing wakes it.
        """
        self._events = {queue.name: WakeableEvent() for queue in queues}
        loops = [
            threading.Thread(target=_poll, args=(self._events[queue.name], dbos, queue), name=queue.name, daemon=True)
            for queue in queues
        ]
        lookout = threading.Thread(target=self._look_out, args=(dbos, every_s), name="lookout", daemon=True)
        self._threads = [*loops, lookout]
        for thread in self._threads:
            thread.start()
        self.wake()

    def wake(self, queue: str | None = None) -> None:
        """Poll a queue now; without its name, each that holds waiting jobs."""
        if queue in self._events:
            self._events[queue].wake()
        self._look.set()

    def end(self) -> None:
        """End all loops, and wait for that."""
        self._ended.set()
        self._look.set()
        for event in self._events.values():
            event.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def _look_out(self, dbos: DBOS, every_s: float) -> None:
        engine, jobs = dbos._sys_db.engine, dbos._sys_db.tables.workflow_status
        # Compiled once: most of the time of so small a statement is its compilation.
        query = str(_waiting_query(jobs, self._events).compile(engine, compile_kwargs={"literal_binds": True}))
        pause_s = _SOON_S
        while not self._ended.is_set():
            try:
                with engine.connect() as connection:
                    waiting = list(connection.exec_driver_sql(query).scalars())
            except SQLAlchemyError:
                # The loops ask the same database, and wait for it as patiently as DBOS does.
                waiting = list(self._events)
            for name in waiting:
                self._events[name].wake()
            pause_s = _SOON_S if self._look.wait(pause_s) else min(pause_s * 2, every_s)
            self._look.clear()
            self._ended.wait(_LEAST_S)


def _waiting_query(jobs: Table, queues: Collection[str]) -> CompoundSelect[Any]:
    """A query for the names of those queues in which a job waits."""
    return union_all(
        *(
            select(literal(name)).where(exists().where(jobs.c.queue_name == name, jobs.c.status == "ENQUEUED"))
            for name in queues
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
