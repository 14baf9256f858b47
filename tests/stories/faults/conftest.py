"""Separate lines for fault tests: Planward kills itself at the points that a test names, and is restarted each time."""

import re
import shutil
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ghapp.local_github import LocalGitHub
from tests.databases import SQLITE, databases_of
from tests.postgres import Postgres
from tests.stories.faults import serve
from tests.stories.faults.machines import MachinesLine
from tests.stories.line import Process, running_line
from tests.stories.waiting import PATIENCE_S, answers, eventually

THREE = "three workers"
"""A web process and three workers on PostgreSQL."""

_PERIODIC = "key in ('look for missed', 'tidy up') or key like 'reconcile:%'"
_ENGINES = "terraform" if shutil.which("terraform") else ""
"""Only the engine that the stories use. To ask another engine for its version takes a sixth of a start."""
_BREATH_S = 1.0
"""The shortest time between two starts of one worker, for workers that end while they start (without a database)."""


class FaultyLine:
    """A line, and the control of its faults by a test."""

    def __init__(self, line: MachinesLine, directory: Path) -> None:
        self.line = line
        self.directory = directory
        self.replaced = True
        """Whether a worker that has ended is replaced."""
        self._held_down = threading.Event()
        self._rounds = 0
        self._spawned: dict[int, float] = {}

    def start_again(self, over: threading.Event) -> None:
        """Restart each process that has ended, until `over` is set. A worker is restarted on a new machine."""
        while not over.wait(0.05):
            if self._held_down.is_set():
                continue
            if self.process.poll() is not None:
                self.line.spawn_serve()
            for number, worker in enumerate(self.line.workers):
                soon = time.monotonic() < self._spawned.get(number, 0.0) + _BREATH_S
                if self.replaced and worker.poll() is not None and not soon:
                    self._spawned[number] = time.monotonic()
                    self.line.workers[number] = self.line.spawn_machine()

    @property
    def process(self) -> Process:
        """The `serve` process, which answers GitHub. Without separate workers it does the work, too."""
        assert self.line.process is not None
        return self.line.process

    @contextmanager
    def down(self, *, after_redeliveries_s: int = 60) -> Iterator[None]:
        """Stop Planward gracefully, and start it again when the context ends."""
        self._held_down.set()
        self.line.stop()
        try:
            yield
        finally:
            (self.directory / "after redeliveries").write_text(str(after_redeliveries_s))
            self._held_down.clear()

    @contextmanager
    def ended_at(self, point: str) -> Iterator[None]:
        """Wait until `serve` has died at this point, given to `kill_at` before; restart it when the context ends."""
        try:
            eventually(lambda: self.process.poll() is not None, f"`serve` dies at {point}")
            assert self.calm() == [point]
            yield
        finally:
            self._held_down.clear()

    @contextmanager
    def fewer(self) -> Iterator[None]:
        """Do not replace workers that end, until the context ends."""
        self.replaced = False
        try:
            yield
        finally:
            self.replaced = True
            eventually(lambda: len(self.line.running()) == 1 + self.line.machines, "all workers are running again")

    def kill_at(self, pattern: str, number: int = signal.SIGKILL, *, held_down: bool = False) -> None:
        """Have a process end by this signal at each point that the pattern matches, once for each point.

        With `held_down`, Planward is not restarted before the context of `ended_at` ends.
        """
        if held_down:
            self._held_down.set()
        self._begin_faults(str(int(number)), pattern)

    def kill_worker_at(self, pattern: str) -> None:
        """Kill only the worker, not its `serve`, at each point that the pattern matches."""
        self._begin_faults("worker", pattern)

    def revoke_at(self, pattern: str) -> None:
        """Have GitHub revoke all installation tokens at each point that the pattern matches."""
        self._begin_faults("revoke", pattern)

    def refuse_at(self, pattern: str, status: int, times: int) -> None:
        """Have GitHub answer requests with this status.

        The pattern matches points before a request. At each of them, GitHub refuses the next `times` requests that have
        the method and the path of the point.
        """
        self._begin_faults(f"refuse {status} {times}", pattern)

    def _begin_faults(self, how: str, pattern: str) -> None:
        self._rounds += 1
        (self.directory / "round").write_text(str(self._rounds))
        (self.directory / "how").write_text(how)
        (self.directory / "kill").write_text(pattern)

    @contextmanager
    def disturber(self) -> Iterator[None]:
        """Run a server that disturbs GitHub whenever a process that has reached a point asks for it."""
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Disturbing) as server:
            server.daemon_threads = True
            setattr(server, "github", self.line.github)  # noqa: B010
            (self.directory / "disturber").write_text(str(server.server_address[1]))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()

    def calm(self) -> list[str]:
        """End all faults; returns the points at which a process ended or GitHub was disturbed."""
        (self.directory / "kill").write_text("")
        self.line.github.clear_faults()
        begun = sorted(self.directory.glob(f"fault {self._rounds} *"), key=lambda file: file.stat().st_mtime_ns)
        return [unquote(file.name.split()[2]) for file in begun]

    def quiet(self, *, patience_s: float = PATIENCE_S) -> None:
        """Wait until all deliveries have been answered and no job is pending except for the periodic ones."""
        eventually(self._is_quiet, "no job is pending any more", patience_s=patience_s)

    def _is_quiet(self) -> bool:
        running = len(self.line.running()) == 1 + self.line.machines or not self.replaced
        return running and answers(f"{self.line.url}/readyz") and self.line.is_idle(but=_PERIODIC)

    def ask(self, statement: str, *, durable: bool = False, **values: object) -> list[tuple[Any, ...]]:
        """Execute a statement in Planward's database, or with `durable` in the engine's; returns its rows."""
        return [tuple(row.values()) for row in self.line.query(statement, durable=durable, **values)]

    def read(self, name: str) -> list[str]:
        """The lines of one of the files in the directory of the faults."""
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []


class _Disturbing(socketserver.StreamRequestHandler):
    """Disturbs GitHub for one point: `revoke: POINT`, or `refuse STATUS TIMES: METHOD /path/N …: PHASE`."""

    def handle(self) -> None:
        github: LocalGitHub = getattr(self.server, "github")  # noqa: B009
        how, _, point = self.rfile.readline().decode().strip().partition(": ")
        if how == "revoke":
            with github.world.lock:
                github.world.installation_tokens.clear()
            return
        _, status, times = how.split()
        method, path = point.rpartition(": ")[0].split()[:2]
        pattern = re.escape(path).replace("/N", r"/\d+") + "$"
        github.fail(method, pattern, status=int(status), message="Not this time", times=int(times))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module on its KINDS of databases (by default SQLite) as far as stories run on them."""
    if "faulty" in metafunc.fixturenames:
        kinds = databases_of(metafunc, getattr(metafunc.module, "KINDS", [SQLITE]))
        metafunc.parametrize("faulty", kinds, indirect=True, scope="package")


@pytest.fixture(scope="package")
def faulty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyLine]:
    """Planward with faults, restarted whenever it dies."""
    directory = tmp_path_factory.mktemp("faulty")
    url = f"sqlite:///{directory / 'planward.db'}"
    if request.param != SQLITE:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.database()
    with faulty_line(directory, url, machines=3 if request.param == THREE else 0) as line:
        yield line


@contextmanager
def faulty_line(
    directory: Path,
    url: str,
    *,
    machines: int = 0,
    of_machine: Callable[[int], Mapping[str, str]] = lambda number: {},
) -> Iterator[FaultyLine]:
    """Run Planward with faults on this database; `of_machine` gives more settings for each machine, by its number."""
    faults = directory / "faults"
    faults.mkdir()
    with running_line(
        directory,
        line_type=partial(MachinesLine, target=serve.run, machines=machines, of_machine=of_machine),
        PLANWARD_TEST_FAULTS=str(faults),
        PLANWARD_DATABASE_URL=url,
        PLANWARD_ENCRYPTION_KEY="k" * 32,
        PLANWARD_TERRAFORM=_ENGINES,
    ) as line:
        assert isinstance(line, MachinesLine)
        faulty = FaultyLine(line, faults)
        over = threading.Event()
        again = threading.Thread(target=faulty.start_again, args=(over,), daemon=True)
        again.start()
        try:
            with faulty.disturber():
                yield faulty
        finally:
            over.set()
            again.join()
