"""A line with one process, or with a web process and several workers.

Each worker is on a machine of its own: it has its own data directory and shares only PostgreSQL with the others.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.stories.line import Line, Process


@dataclass(kw_only=True)
class MachinesLine(Line):
    """A line with `machines` workers; if 0, `serve` does the work. `of_machine` gives each worker more settings."""

    machines: int = 0
    of_machine: Callable[[int], Mapping[str, str]] = lambda number: {}
    workers: list[Process] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    """The number of each worker's machine, by the worker's process id; the first machine is 1."""
    _begun: int = 0

    def __post_init__(self) -> None:
        """Leave the work to the workers, if there are any."""
        self.own_worker = self.machines > 0

    def spawn(self) -> None:
        """Start all processes without waiting for them."""
        self.spawn_serve()
        self.workers = [self.spawn_machine() for _ in range(self.machines)]

    def spawn_machine(self) -> Process:
        """Start a worker on a new machine."""
        self._begun += 1
        machine = {"PLANWARD_DATA_DIR": os.fspath(self.directory / f"machine-{self._begun}")}
        worker = self.run("worker", **machine, **self.of_machine(self._begun))
        self.numbers[worker.pid] = self._begun
        return worker

    def running(self) -> list[Process]:
        """The processes that are running."""
        assert self.process is not None
        return [each for each in (*self.workers, self.process) if each.poll() is None]

    def stop(self, number: int = 15) -> None:
        """Send a signal to all processes, by default SIGTERM, and wait until they have ended."""
        running = self.running()
        for each in running:
            each.send_signal(number)
        for each in running:
            each.wait(timeout=60)
