"""Queues are looked at in the moment in which this process accepts a job, and seldom where nothing happens.

DBOS looks into each queue once an interval, with three statements each: at an interval at which nobody waits long, an
idle Planward would cost a tenth of a core. So its own loop runs here in threads of ours, and what it waits on is woken.
After that it looks often for a while, since what was accepted leads to more, and what ends makes room for what waits.
"""

import threading
import time
from collections.abc import Mapping, Sequence

from dbos import DBOS, Queue
from dbos._queue import queue_worker_thread

from ghapp.log import log

_OFTEN_S = 0.1
"""Between two looks while something happens."""
_WHILE_S = 2.0
_LEAST_S = 0.02
"""A burst of deliveries is not a burst of looks."""
_AGAIN_S = 1.0
_PATIENCE_S = 10.0


class Alarm(threading.Event):
    """What a queue's loop waits on: set, it ends the loop; woken, it has the loop look at once."""

    def __init__(self) -> None:
        super().__init__()
        self._woken = threading.Event()
        self._often_until = 0.0

    def wake(self) -> None:
        """Look now, and often for a while."""
        self._often_until = time.monotonic() + _WHILE_S
        self._woken.set()

    def set(self) -> None:
        """End."""
        super().set()
        self._woken.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is time to look again, `timeout` seconds where nothing happens. True: to end."""
        if super().wait(_LEAST_S):
            return True
        if timeout is not None and time.monotonic() < self._often_until:
            timeout = min(timeout, _OFTEN_S)
        self._woken.wait(timeout)
        self._woken.clear()
        return self.is_set()


class Looking:
    """The loops of all queues, from when they are begun to when they are ended."""

    def __init__(self) -> None:
        self._alarms: Mapping[str, Alarm] = {}
        self._threads: Sequence[threading.Thread] = ()

    def begin(self, dbos: DBOS, queues: Sequence[Queue]) -> None:
        """Look into these queues, each in a thread of its own; DBOS itself must not listen to them."""
        self._alarms = {queue.name: Alarm() for queue in queues}
        self._threads = [
            threading.Thread(target=_look, args=(self._alarms[queue.name], dbos, queue), name=queue.name, daemon=True)
            for queue in queues
        ]
        for thread in self._threads:
            thread.start()
        self.wake()

    def wake(self, queue: str | None = None) -> None:
        """Look into a queue now, or into all of them."""
        for name, alarm in self._alarms.items():
            if queue is None or name == queue:
                alarm.wake()

    def end(self) -> None:
        """End them, and wait for it."""
        for alarm in self._alarms.values():
            alarm.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)


def _look(alarm: Alarm, dbos: DBOS, queue: Queue) -> None:
    """Look until the end; a loop that ended before is begun again, as DBOS does with its own."""
    while not alarm.is_set():
        try:
            queue_worker_thread(alarm, dbos, queue)
        except Exception:
            log.exception("queue_loop_failed", queue=queue.name)
        alarm.wait(_AGAIN_S)
