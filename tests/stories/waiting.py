"""Waiting for a condition. A wait that takes too long fails and says what it waited for.

The condition is probed again as soon as anything was written to the local GitHub, and otherwise after a pause.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

PATIENCE_S = 180.0
_LEAST_S = 0.15
"""The shortest pause between two probes: they share the processors with the processes that they wait for."""
_PAUSE_S = 0.3


class _Writes:
    """Counts the writes to the local GitHub, so that others can wait for the next one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def add(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    @property
    def count(self) -> int:
        return self._count

    def wait_for_more(self, than: int, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count > than, timeout_s)


_writes = _Writes()


def written() -> None:
    """Report a write to the local GitHub, so that every wait probes again."""
    _writes.add()


def eventually(
    probe: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S, pause_s: float = _PAUSE_S
) -> Any:
    """Probe until the answer is true and return it; fail after `patience_s`, naming `what` was waited for.

    If the answer changes only when something is written to GitHub, `pause_s` can be long.
    """
    end = time.monotonic() + patience_s
    while True:
        seen = _writes.count
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s:g} s for nothing: {what}")
        time.sleep(_LEAST_S)
        _writes.wait_for_more(seen, pause_s - _LEAST_S)


def answers(url: str) -> bool:
    """Whether a GET of this address is answered 200."""
    try:
        # verify=False: reading the machine's certificate authorities takes 20 ms, and no TLS is used here.
        return httpx.get(url, trust_env=False, verify=False).status_code == 200
    except httpx.HTTPError:
        return False
