"""A line whose Planward processes are forked: one process, or a web process and several workers.

Each worker is on a machine of its own: it has its own data directory and shares only PostgreSQL with the others.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.forked import Forked
from tests.stories.faults import serve
from tests.stories.line import Line


@dataclass(kw_only=True)
class ForkedLine(Line):
    """A line with `machines` workers; if 0, `serve` does the work. `of_machine` gives each worker more settings."""

    machines: int = 0
    target: Callable[[Sequence[str], Mapping[str, str], str], None] = serve.run
    """What runs `planward` in each process."""
    of_machine: Callable[[int], Mapping[str, str]] = lambda number: {}
    workers: list[Forked] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    """The number of each worker's machine, by the worker's process id; the first machine is 1."""
    _begun: int = 0

    def spawn(self) -> None:
        """Start all processes without waiting for them."""
        self.spawn_serve()
        self.workers = [self.spawn_machine() for _ in range(self.machines)]

    def spawn_serve(self) -> None:
        """Start the process that answers GitHub, with the same data directory as before."""
        apart = ["--no-worker"] if self.machines else []
        self.process = self._forked(["serve", "--port", self.url.rpartition(":")[2], *apart], self.environ)

    def spawn_machine(self) -> Forked:
        """Start a worker on a new machine."""
        self._begun += 1
        more = self.of_machine(self._begun)
        machine = self.directory / f"machine-{self._begun}"
        worker = self._forked(["worker"], {**self.environ, "PLANWARD_DATA_DIR": os.fspath(machine), **more})
        self.numbers[worker.pid] = self._begun
        return worker

    def _forked(self, arguments: list[str], environ: dict[str, str]) -> Forked:
        return Forked(self.target, arguments, environ, os.fspath(self.directory / "planward.log"))

    def running(self) -> list[Forked]:
        """The processes that are running."""
        assert isinstance(self.process, Forked)
        return [each for each in (*self.workers, self.process) if each.poll() is None]

    def stop(self, number: int = 15) -> None:
        """Send a signal to all processes, by default SIGTERM, and wait until they have ended."""
        running = self.running()
        for each in running:
            each.send_signal(number)
        for each in running:
            each.wait(timeout=60)
