"""The log events of Planward's processes. Each line of the logs is parsed only once."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.logged import require_event

Event = dict[str, Any]


class Logs:
    """The events in a directory's `planward*.log`, in the order in which they were read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_bytes: dict[Path, int] = defaultdict(int)
        self._events: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        self._count = 0

    def mark(self) -> int:
        """The present position in the logs, to be passed as `since`."""
        self._read()
        return self._count

    def events(self, name: str, since: int = 0) -> list[Event]:
        """The events of this name since a mark. Refuses a name that Planward never logs."""
        require_event(name)
        self._read()
        return [event for number, event in self._events[name] if number >= since]

    def _read(self) -> None:
        for path in sorted(self._directory.glob("planward*.log")):
            with path.open("rb") as file:
                file.seek(self._read_bytes[path])
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read_bytes[path] += len(whole) + len(newline)
            # A line that is not JSON is a library's warning, or part of the traceback of a process that did not start.
            for line in (each for each in whole.splitlines() if each.startswith(b"{")):
                event: Event = json.loads(line)
                self._events[event["event"]].append((self._count, event))
                self._count += 1
