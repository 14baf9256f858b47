"""Workers come and go, and what was accepted is done: on SQLite by the next, on PostgreSQL by any."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from ghapp.durable import Acceptor
from ghapp.jobs import SettleBranch
from ghapp.sealing import Sealer
from ghapp.store import Store
from ghapp.values import BranchName, RepositoryId
from tests.ghapp.durable_worker import STEPS
from tests.postgres import Postgres
from tests.stories.faults.proxies import Fates, Loop, TcpProxy, before_postgres, fates
from tests.stories.harness import eventually


@dataclass(kw_only=True)
class Workers:
    """Workers on one database, and what their steps say."""

    url: str
    directory: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *, step_s: float = 0.5) -> subprocess.Popen[bytes]:
        """Start a worker on the data directory of this name."""
        data_dir = self.directory / name
        data_dir.mkdir(exist_ok=True)
        if name in self.processes:
            self.processes[name].wait(timeout=30)
        words = [self.url, str(data_dir), str(self.directory / "told"), str(step_s)]
        ready = len(self.told("- - ready"))
        process = subprocess.Popen([sys.executable, "-m", "tests.ghapp.durable_worker", *words])
        self.processes[name] = process
        eventually(lambda: len(self.told("- - ready")) > ready or process.poll() is not None, f"{name} is ready")
        return process

    def told(self, words: str = "") -> list[str]:
        """What was said so far that ends with these words, as `PID CAUSE STEP begin|end`."""
        path = self.directory / "told"
        return [line for line in path.read_text().splitlines() if line.endswith(words)] if path.exists() else []

    def accept(self, *causes: str) -> None:
        """Have a job owed for each cause, one after the other in one partition."""
        with closing(Acceptor(self.url)) as acceptor:
            for cause in causes:
                job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("staging"), cause=cause)
                asyncio.run(acceptor.accept(job))

    def are_done(self, jobs: int) -> bool:
        """Whether so many jobs have ended."""
        return len(self.steps("end")) == jobs * STEPS

    def set_status(self, status: str) -> None:
        """Have the jobs that are under way on SQLite end with this status."""
        with closing(sqlite3.connect(self.directory / "planward-durable.db", isolation_level=None)) as database:
            database.execute("update workflow_status set status = ? where status = 'ENQUEUED'", [status])

    def steps(self, mark: str) -> list[str]:
        """The steps that were begun, or ended, in order, as `CAUSE STEP`."""
        return [line.partition(" ")[2].removesuffix(f" {mark}") for line in self.told(f" {mark}")]

    def end(self) -> None:
        """End every worker that is left, and wait."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes.values():
            process.wait(timeout=60)


@pytest.fixture
def shared(postgres: Postgres, tmp_path: Path) -> Iterator[Workers]:
    """Workers on PostgreSQL."""
    workers = Workers(url=postgres.database(), directory=tmp_path)
    with ExitStack() as stack:
        stack.callback(workers.end)
        yield workers


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Workers]:
    """Workers on SQLite, one after the other."""
    workers = Workers(url=f"sqlite:///{tmp_path / 'planward.db'}", directory=tmp_path)
    with ExitStack() as stack:
        stack.callback(workers.end)
        yield workers


ALL = [f"{cause} {number}" for cause in ("first", "second") for number in range(STEPS)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_on_sqlite_the_next_worker_goes_on_behind_the_last_finished_step(
    alone: Workers, number: signal.Signals
) -> None:
    worker = alone.start("one")
    alone.accept("first", "second")
    eventually(lambda: "first 1" in alone.steps("begin"), "the second step begins")
    worker.send_signal(number)
    worker.wait(timeout=30)
    alone.start("one")
    eventually(lambda: len(alone.steps("end")) == len(ALL), "all is done")
    assert alone.steps("end") == ALL
    assert alone.steps("begin") == [*ALL[:2], *ALL[1:]]


def test_the_work_of_a_killed_worker_is_taken_over_by_another_in_its_order(shared: Workers) -> None:
    for name in ("one", "two", "three"):
        shared.start(name)
    shared.accept("first", "second")
    begun = eventually(lambda: shared.told(" first 1 begin"), "the second step begins")
    [killed] = [each for each in shared.processes.values() if begun[0].startswith(f"{each.pid} ")]
    killed.kill()
    eventually(lambda: len(shared.steps("end")) == len(ALL), "all is done")
    assert shared.steps("end") == ALL
    assert shared.steps("begin") == [*ALL[:2], *ALL[1:]]


def test_a_worker_that_is_started_again_takes_its_work_up_at_once(shared: Workers) -> None:
    one = shared.start("one")
    shared.accept("first")
    eventually(lambda: "first 1" in shared.steps("begin"), "the second step begins")
    one.kill()
    shared.start("one", step_s=0.1)
    eventually(lambda: len(shared.steps("end")) == STEPS, "all is done", patience_s=4)


def test_a_worker_that_is_ended_hands_its_work_over_at_once(shared: Workers) -> None:
    one = shared.start("one", step_s=3)
    shared.accept("first")
    eventually(lambda: "first 0" in shared.steps("begin"), "the first step begins")
    shared.start("two", step_s=0.1)
    one.terminate()
    assert one.wait(timeout=20) == 0
    eventually(lambda: len(shared.steps("end")) == STEPS, "all is done", patience_s=4)


def _is_over(pid: int) -> bool:
    """Whether a program has ended; until its parent is gone, too, its entry stays."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def test_a_worker_that_hangs_is_ended_with_its_programs_before_another_takes_over(shared: Workers) -> None:
    one = shared.start("one", step_s=300)
    shared.accept("program")
    eventually(lambda: "program 0" in shared.steps("begin"), "the program runs")
    program = eventually(lambda: _child(one.pid, "sleep"), "the program is there")
    shared.start("two", step_s=0.1)
    one.send_signal(signal.SIGSTOP)
    eventually(lambda: len(shared.steps("begin")) > 1, "another takes over")
    assert _is_over(program)
    assert one.wait(timeout=5) == -signal.SIGKILL
    eventually(lambda: len(shared.steps("end")) == STEPS, "all is done")


def _child(parent: int, name: str) -> int | None:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text()
        except OSError:
            continue
        if f"({name})" in words and int(words.rpartition(")")[2].split()[1]) == parent:
            return int(stat.parent.name)
    return None


def test_a_job_is_accepted_once(alone: Workers) -> None:
    job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("staging"), cause="once")
    with closing(Acceptor(alone.url)) as acceptor:
        assert [asyncio.run(acceptor.accept(job)) for _ in range(2)] == [True, False]
        assert asyncio.run(acceptor.owed()) == {"settle:1:staging:once"}


def test_a_step_waits_for_a_database_that_does_not_take_what_it_remembers(alone: Workers) -> None:
    alone.start("one")
    with closing(sqlite3.connect(alone.directory / "planward.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        alone.accept("remembers")
        eventually(lambda: "remembers 0" in alone.steps("begin"), "the step tries")
        eventually(lambda: alone.steps("begin").count("remembers 0") > 1, "the step tries again")
        assert alone.steps("end") == []
        other.execute("ROLLBACK")
    eventually(lambda: len(alone.steps("end")) == STEPS, "all is done")


def test_a_job_that_failed_often_is_accepted_again(alone: Workers) -> None:
    job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("staging"), cause="often")
    with closing(Acceptor(alone.url)) as acceptor:
        for _ in range(25):
            assert asyncio.run(acceptor.take(job)) == "fresh"
            assert asyncio.run(acceptor.take(job)) == "under way"
            alone.set_status("ERROR")
        assert asyncio.run(acceptor.take(job)) == "fresh"
        alone.set_status("SUCCESS")
        assert asyncio.run(acceptor.take(job)) == "done"


def test_what_a_job_is_put_off_to_waits_until_the_job_has_ended(alone: Workers) -> None:
    job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("staging"), cause="fails")
    alone.start("one")
    with closing(Store(alone.url, Sealer(["k" * 32]))) as store:
        alone.accept("fails")
        eventually(lambda: "fails 0" in alone.steps("begin"), "the job is under way")
        asyncio.run(store.later.put("again", msgspec.to_builtins(job), in_s=0))
        eventually(lambda: alone.steps("end").count("fails 2") == 2, "the job is done in its second attempt")
        eventually(lambda: not asyncio.run(store.later.keys()), "nothing is put off any more")
    assert alone.steps("end").count("fails 2") == 2


def test_what_was_away_for_a_step_was_so_for_whoever_goes_on_behind_it(alone: Workers) -> None:
    worker = alone.start("one")
    alone.accept("away")
    eventually(lambda: "away 1" in alone.steps("begin"), "the second step begins")
    worker.kill()
    alone.start("one")
    eventually(lambda: len(alone.told("away 2 end")) == 1, "all is done")
    assert len(alone.told("away 0 begin")) == 1
    assert len(alone.told("away 0 nobody is there")) == 2


class LosesClaims(TcpProxy):
    """Loses the answer where a claim of a queue ends, three times."""

    claiming: ClassVar[set[str]] = set()
    lost: ClassVar[list[str]] = []

    def fate(self, connection: str, said: bytes) -> tuple[str | None, random.Random]:
        if b"SET status=" in said and b"owner_xid" in said and b"started_at" in said:
            self.claiming.add(connection)
        elif b"COMMIT" in said and connection in self.claiming and len(self.lost) < 3:
            self.lost.append(connection)
            return fates.LOST, random.Random(0)
        return None, random.Random(0)


def test_a_job_that_was_taken_without_an_answer_is_done_all_the_same(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    with Loop() as loop, ExitStack() as stack:
        workers = Workers(url=before_postgres(loop, url, Fates(0), LosesClaims), directory=tmp_path)
        stack.callback(workers.end)
        workers.start("one", step_s=0.1)
        accepting = Workers(url=url, directory=tmp_path)
        for number, cause in enumerate(("first", "second", "third", "fourth"), 1):
            accepting.accept(cause)
            eventually(partial(workers.are_done, number), f"{cause} is done", patience_s=20)
    assert len(LosesClaims.lost) == 3
    assert len(workers.steps("begin")) == 4 * STEPS
