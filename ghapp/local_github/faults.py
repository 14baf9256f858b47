"""Faults that a test asks for, by method and path: status codes, delays and lost answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault in the answer to a request.

    `refuse`: the request is answered with `status`, and not served. `lose`: the request is served, but the connection
    breaks during the answer. `delay`: the request is served later.
    """

    method: str
    path: re.Pattern[str]
    kind: Literal["refuse", "lose", "delay"]
    status: int = 502
    message: str = "Server Error"
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = 1


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, and count it as used."""
        for fault in self._faults:
            if fault.times != 0 and fault.method in (method, "*") and fault.path.search(path):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
