"""Limits on processor time that hold on a core of any speed.

A second here is a second on a core that does the reference work in `REFERENCE_S`. The reference work is done right
before and right after each measurement. A core that is slow, or shared with other processes, gets proportionally more
time. The garbage collector skips the objects that earlier tests left behind, so they do not add to a measurement.
"""

import gc
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType

REFERENCE_S = 0.05
"""Measured on a core of 2024 that no other process used."""
_REFERENCE = "[" + ",".join(['{"a":[1.5,"b"]}'] * 60_000) + "]"
_BREATH_S = 0.005


class CoreTime:
    """The processor time that this thread spends in the context, in seconds of a core of the reference speed."""

    seconds: float

    def __enter__(self) -> "CoreTime":
        gc.freeze()
        self._reference_s = _reference()
        self._began = time.thread_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        took_s = time.thread_time() - self._began
        self.seconds = took_s * REFERENCE_S / max(REFERENCE_S, self._reference_s, _reference())
        gc.unfreeze()


class Held(CoreTime):
    """Also measure `longest_s`, the longest time for which no other thread of this process got its turn.

    It is in seconds of a core of the reference speed, too.
    """

    longest_s = 0.0

    def __enter__(self) -> "Held":
        super().__enter__()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        # Processor time of this process, not wall-clock time: other processes may have the core meanwhile.
        last = time.process_time()
        while not self._ended.is_set():
            time.sleep(_BREATH_S)
            now = time.process_time()
            self.longest_s = max(self.longest_s, now - last)
            last = now

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        super().__exit__(kind, error, traceback)
        self.longest_s *= REFERENCE_S / max(REFERENCE_S, self._reference_s)


def processor_s(work: Callable[[], object]) -> float:
    """The processor time that the work takes, to compare with that of other work.

    It is not converted to the reference speed. The garbage collector skips older objects here, too.
    """
    gc.freeze()
    began = time.process_time()
    work()
    took_s = time.process_time() - began
    gc.unfreeze()
    return took_s


def _reference() -> float:
    began = time.thread_time()
    json.loads(_REFERENCE)
    return time.thread_time() - began
