"""Waiting has an end, and says what it waited for.

A probe is asked again as soon as somebody wrote something to the local GitHub, and after a pause where nobody did.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

PATIENCE_S = 180.0
_LEAST_S = 0.15
"""The shortest pause between two probes: they share the processors with what they wait for."""
_PAUSE_S = 0.3


class _Writes:
    """How often something was written, to wait for the next time."""

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
    """Have whoever waits ask again."""
    _writes.add()


def eventually(
    probe: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S, pause_s: float = _PAUSE_S
) -> Any:
    """Ask until the answer is true and give it; fails saying what was waited for.

    A probe whose answer changes only when something is written to GitHub can have a long `pause_s`.
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
    """Whether there is a good answer at an address."""
    try:
        # verify=False: reading the machine's certificate authorities takes 20 ms, and here is no TLS.
        return httpx.get(url, trust_env=False, verify=False).status_code == 200
    except httpx.HTTPError:
        return False
