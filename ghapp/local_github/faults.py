"""Faults requested by a test: status codes, delays and lost answers, by method and path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True, kw_only=True)
class Fault:
    """`refuse`: answered with `status`, nothing is done. `lose`: done, but the connection breaks before the answer."""

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
        """The fault for this request, counted down."""
        for fault in self._faults:
            if fault.times != 0 and fault.method in (method, "*") and fault.path.search(path):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
