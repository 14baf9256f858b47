"""Waiting has an end, and says what it waited for."""

import time
from collections.abc import Callable
from typing import Any

import httpx

PATIENCE_S = 90.0


def eventually(probe: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true and give it; fails saying what was waited for."""
    end = time.monotonic() + patience_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s:g} s in vain: {what}")
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether there is a good answer at an address."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
