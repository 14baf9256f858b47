"""A line of its own, whose Planward kills itself where a test asks for it and is started again each time."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import tests
from tests.stories.harness import Line, eventually, running_line


class FaultyLine:
    """The line, and what a test says to its faults."""

    def __init__(self, line: Line, directory: Path) -> None:
        self.line = line
        self.directory = directory
        self._held_down = threading.Event()

    def start_again(self, over: threading.Event) -> None:
        """Start Planward whenever it has ended, until it is over."""
        while not over.wait(0.05):
            process = self.line.process
            if process is not None and process.poll() is not None and not self._held_down.is_set():
                self.line.spawn()

    @contextmanager
    def down(self, *, after_redeliveries_s: int = 60) -> Iterator[None]:
        """Planward is ended in order, and started when the context ends."""
        assert self.line.process is not None
        self._held_down.set()
        self.line.process.send_signal(signal.SIGTERM)
        self.line.process.wait(timeout=60)
        yield
        self.line.environ["PLANWARD_TEST_AFTER_REDELIVERIES_S"] = str(after_redeliveries_s)
        self._held_down.clear()

    def kill_at(self, pattern: str, number: int = signal.SIGKILL) -> None:
        """End by this signal at every point that the pattern matches, once at each."""
        (self.directory / "killed").unlink(missing_ok=True)
        (self.directory / "signal").write_text(str(int(number)))
        (self.directory / "kill").write_text(pattern)

    def calm(self) -> list[str]:
        """End no more; gives where it ended."""
        (self.directory / "kill").write_text("")
        return self.read("killed")

    def quiet(self) -> None:
        """Wait until deliveries are through and nothing is owed but the next look for what was missed."""
        self.line.github.wait_for_deliveries()
        eventually(self._nothing_owed, "nothing is owed any more")
        time.sleep(0.5)
        eventually(self._nothing_owed, "nothing is owed any more")

    def _nothing_owed(self) -> bool:
        data = self.line.directory / "data"
        unfinished = "select workflow_uuid from workflow_status where status in ('ENQUEUED', 'PENDING')"
        waiting = "select key from later where key != 'look for missed' and key not like 'reconcile:%'"
        return not _select(data / "planward-durable.db", unfinished) and not _select(data / "planward.db", waiting)

    def read(self, name: str) -> list[str]:
        """The lines of one of the files that the faults keep."""
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []


def _select(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyLine]:
    """Planward with faults, started again whenever it dies."""
    directory = tmp_path_factory.mktemp("faulty")
    faults = directory / "faults"
    faults.mkdir()
    root = str(Path(tests.__file__).parents[1])
    with running_line(
        directory,
        module="tests.stories.faults.serve",
        PLANWARD_TEST_FAULTS=str(faults),
        PLANWARD_TEST_AFTER_REDELIVERIES_S="60",
        PYTHONPATH=os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
    ) as line:
        faulty = FaultyLine(line, faults)
        over = threading.Event()
        again = threading.Thread(target=faulty.start_again, args=(over,), daemon=True)
        again.start()
        try:
            yield faulty
        finally:
            over.set()
            again.join()
