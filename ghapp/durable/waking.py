"""Poll queues as soon as this process enqueues a job, and rarely while nothing happens.

DBOS polls each queue at an interval, with three statements each: with an interval short enough for jobs, an idle
Planward would use a tenth of a core. So DBOS' own loop runs here in our own threads, and the event that it waits for
is woken. After that it polls often for a while, since one job leads to more, and a finished job makes room for others.
"""

import threading
import time
from collections.abc import Collection, Mapping, Sequence

from dbos import DBOS, Queue
from dbos._queue import queue_worker_thread

from ghapp.log import log

_OFTEN_S = 0.1
"""The time between two polls while something happens."""
_WHILE_S = 2.0
_LEAST_S = 0.02
"""The shortest time between two polls, so that a burst of deliveries is not a burst of polls."""
_AGAIN_S = 1.0
_PATIENCE_S = 10.0


class WakeableEvent(threading.Event):
    """The event of a queue's loop: `set` ends the loop; `wake` makes it poll at once."""

    def __init__(self) -> None:
        super().__init__()
        self._woken = threading.Event()
        self._often_until = 0.0

    def wake(self) -> None:
        """Poll now, and often for a while."""
        self._often_until = time.monotonic() + _WHILE_S
        self._woken.set()

    def set(self) -> None:
        """End the loop."""
        super().set()
        self._woken.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is time to poll again, `timeout` seconds if nothing happens. True: end the loop."""
        if super().wait(_LEAST_S):
            return True
        if timeout is not None and time.monotonic() < self._often_until:
            timeout = min(timeout, _OFTEN_S)
        self._woken.wait(timeout)
        self._woken.clear()
        return self.is_set()


class QueuePollers:
    """The polling loops of all queues, from their start to their end."""

    def __init__(self) -> None:
        self._events: Mapping[str, WakeableEvent] = {}
        self._wakeable: Collection[str] = ()
        self._threads: Sequence[threading.Thread] = ()

    def begin(self, dbos: DBOS, queues: Sequence[Queue], *, former: Sequence[Queue] = ()) -> None:
        """Poll these queues, each in its own thread; DBOS itself must not listen to them.

        The `former` ones get no new jobs from this version: they are polled at their interval, and never woken.
        """
        self._events = {queue.name: WakeableEvent() for queue in (*queues, *former)}
        self._wakeable = {queue.name for queue in queues}
        self._threads = [
            threading.Thread(target=_poll, args=(self._events[queue.name], dbos, queue), name=queue.name, daemon=True)
            for queue in (*queues, *former)
        ]
        for thread in self._threads:
            thread.start()
        self.wake()

    def wake(self, queue: str | None = None) -> None:
        """Poll a queue now, or all of them."""
        for name in self._wakeable:
            if queue is None or name == queue:
                self._events[name].wake()

    def end(self) -> None:
        """End all loops, and wait for that."""
        for event in self._events.values():
            event.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)


def _poll(event: WakeableEvent, dbos: DBOS, queue: Queue) -> None:
    """Poll until the end; a loop that ended early is restarted, as DBOS does with its own."""
    while not event.is_set():
        try:
            queue_worker_thread(event, dbos, queue)
        except Exception:
            log.exception("queue_loop_failed", queue=queue.name)
        event.wait(_AGAIN_S)
