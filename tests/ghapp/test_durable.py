"""Workers come and go, and every enqueued job is done: on SQLite by the next worker, on PostgreSQL by any."""

import asyncio
import json
import random
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from dbos import EnqueueOptions

from ghapp.durable import APPLICATION_VERSION, JobQueue
from ghapp.jobs import SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.sealing import Sealer
from ghapp.store import Store
from ghapp.values import BranchName, CommitSha, RepositoryId
from tests.databases import new_sqlite
from tests.forked import Forked
from tests.ghapp import durable_worker
from tests.ghapp.durable_worker import NEW, STEPS
from tests.postgres import Postgres
from tests.stories.faults.proxies import Fates, Loop, TcpProxy, before_postgres, fates
from tests.stories.waiting import eventually

NEVER_S = 600.0
"""A time after which no worker takes over work in a test."""


@dataclass(kw_only=True)
class Workers:
    """Workers on one database, and the record of their steps."""

    url: str
    directory: Path
    processes: dict[str, Forked] = field(default_factory=dict)

    def start(
        self,
        name: str,
        *,
        step_s: float = 0.5,
        version: str = "old",
        lasting: int | None = None,
        margin_s: float = durable_worker.TIMINGS.takeover_margin_s,
    ) -> Forked:
        """Start a worker with the data directory of this name."""
        data_dir = self.directory / name
        data_dir.mkdir(exist_ok=True)
        if name in self.processes:
            self.processes[name].wait(timeout=30)
        ready = len(self.recorded("- - ready"))
        record = self.directory / "record"
        process = Forked(durable_worker.run, self.url, data_dir, record, step_s, version, lasting, margin_s)
        self.processes[name] = process
        eventually(lambda: len(self.recorded("- - ready")) > ready or process.poll() is not None, f"{name} is ready")
        return process

    def recorded(self, words: str = "") -> list[str]:
        """The recorded lines that end with these words; each is `PID CAUSE STEP begin|end`."""
        path = self.directory / "record"
        return [line for line in path.read_text().splitlines() if line.endswith(words)] if path.exists() else []

    def enqueue(self, *causes: str) -> None:
        """Enqueue a job for each cause, one after the other in one partition."""
        with closing(JobQueue(self.url)) as job_queue:
            for cause in causes:
                job = SettleBranch(
                    repository_id=RepositoryId(1), branch=BranchName("staging"), cause=Missed(tip=CommitSha(cause))
                )
                asyncio.run(job_queue.enqueue(job))

    def are_done(self, jobs: int) -> bool:
        """Whether this many jobs have ended."""
        return len(self.steps("end")) == jobs * STEPS

    def set_status(self, status: str) -> None:
        """Set the status of the enqueued jobs, on SQLite."""
        with closing(sqlite3.connect(self.directory / "planward-durable.db", isolation_level=None)) as database:
            database.execute("update workflow_status set status = ? where status = 'ENQUEUED'", [status])

    def steps(self, mark: str) -> list[str]:
        """The steps that have begun, or ended, in order, as `CAUSE STEP`."""
        return [line.partition(" ")[2].removesuffix(f" {mark}") for line in self.recorded(f" {mark}")]

    def later(self) -> dict[str, object]:
        """The deferred jobs, on SQLite."""
        with closing(sqlite3.connect(self.directory / "planward.db")) as database:
            return {key: json.loads(job) for key, job in database.execute("select key, job from later")}

    def end(self) -> None:
        """End every worker that is left, and wait."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(timeout=60)


@pytest.fixture
def shared(postgres: Postgres, tmp_path: Path) -> Iterator[Workers]:
    """Workers on PostgreSQL."""
    workers = Workers(url=postgres.prepared(), directory=tmp_path)
    with ExitStack() as stack:
        stack.callback(workers.end)
        yield workers


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Workers]:
    """Workers on SQLite, one after the other."""
    workers = Workers(url=new_sqlite(tmp_path), directory=tmp_path)
    with ExitStack() as stack:
        stack.callback(workers.end)
        yield workers


ALL = [f"{cause} {number}" for cause in ("first", "second") for number in range(STEPS)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_on_sqlite_the_next_worker_resumes_after_the_last_finished_step(alone: Workers, number: signal.Signals) -> None:
    worker = alone.start("one")
    alone.enqueue("first", "second")
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
    shared.enqueue("first", "second")
    begun = eventually(lambda: shared.recorded(" first 1 begin"), "the second step begins")
    [killed] = [each for each in shared.processes.values() if begun[0].startswith(f"{each.pid} ")]
    killed.send_signal(signal.SIGKILL)
    eventually(lambda: len(shared.steps("end")) == len(ALL), "all is done")
    assert shared.steps("end") == ALL
    assert shared.steps("begin") == [*ALL[:2], *ALL[1:]]


def test_a_worker_that_is_started_again_takes_its_work_up_at_once(shared: Workers) -> None:
    one = shared.start("one", margin_s=NEVER_S)
    shared.enqueue("first")
    eventually(lambda: "first 1" in shared.steps("begin"), "the second step begins")
    one.send_signal(signal.SIGKILL)
    shared.start("one", step_s=0.1, margin_s=NEVER_S)
    eventually(lambda: len(shared.steps("end")) == STEPS, "all is done", patience_s=NEVER_S / 10)


def test_a_worker_that_is_ended_hands_its_work_over_at_once(shared: Workers) -> None:
    one = shared.start("one", step_s=3, margin_s=NEVER_S)
    shared.enqueue("first")
    eventually(lambda: "first 0" in shared.steps("begin"), "the first step begins")
    shared.start("two", step_s=0.1, margin_s=NEVER_S)
    one.send_signal(signal.SIGTERM)
    assert one.wait(timeout=20) == 0
    eventually(lambda: len(shared.steps("end")) == STEPS, "all is done", patience_s=NEVER_S / 10)


@pytest.mark.parametrize(
    ("version", "old", "new"),
    [("more steps", [0, 1, 2], [0, NEW, 1, 2]), ("other results", [0, 1, 2], [0, 1, 2])],
)
def test_a_newer_version_takes_over_an_older_ones_work_although_its_steps_differ(
    shared: Workers, version: str, old: list[int], new: list[int]
) -> None:
    one = shared.start("one", step_s=0.1, lasting=2)
    shared.enqueue("first")
    eventually(lambda: "first 2" in shared.steps("begin"), "the last step begins")
    two = shared.start("two", version=version, step_s=0.1)
    one.send_signal(signal.SIGTERM)
    assert one.wait(timeout=20) == 0
    eventually(lambda: shared.recorded(f"{two.pid} first 2 end"), "all is done")
    assert shared.steps("begin") == [f"first {number}" for number in (*old, *new)]


def test_a_newer_version_resumes_if_its_steps_match_the_recorded_ones(shared: Workers) -> None:
    one = shared.start("one", step_s=0.1, lasting=1)
    shared.enqueue("first")
    eventually(lambda: "first 1" in shared.steps("begin"), "the second step begins")
    two = shared.start("two", version="more steps", step_s=0.1)
    one.send_signal(signal.SIGTERM)
    eventually(lambda: shared.recorded(f"{two.pid} first 2 end"), "all is done")
    assert shared.steps("begin") == [f"first {number}" for number in (0, 1, NEW, 1, 2)]


def test_a_job_of_a_newer_version_waits_for_it_and_blocks_nothing(alone: Workers) -> None:
    worker = alone.start("one", step_s=0.1)
    tomorrow = {"type": "tomorrow", "repository_id": 1}
    with closing(JobQueue(alone.url)) as job_queue:
        options: EnqueueOptions = {
            "workflow_name": "job",
            "queue_name": "background",
            "workflow_id": "from tomorrow",
            "app_version": APPLICATION_VERSION,
        }
        job_queue._client.enqueue(options, json.dumps(tomorrow))
    eventually(lambda: alone.later() == {"again:from tomorrow": tomorrow}, "it is left to the newer version")
    with closing(sqlite3.connect(alone.directory / "planward.db")) as database:
        database.execute("update later set due_at = 0")
        database.commit()
    alone.enqueue("first")
    eventually(lambda: len(alone.steps("end")) == STEPS, "all else is done")
    assert worker.poll() is None
    assert alone.later() == {"again:from tomorrow": tomorrow}


@pytest.mark.parametrize(
    ("queue", "partition", "job"),
    [
        ("news", "1", {"type": "plan_anew", "repository_id": 1, "number": 12, "cause": "first"}),
        ("looks", None, {"type": "reconcile", "repository_id": 1, "cause": "first"}),
    ],
)
def test_a_job_that_an_older_version_enqueued_is_carried_out_under_its_queues_former_name(
    alone: Workers, queue: str, partition: str | None, job: dict[str, object]
) -> None:
    with closing(JobQueue(alone.url)) as job_queue:
        options: EnqueueOptions = {
            "workflow_name": "job",
            "queue_name": queue,
            "workflow_id": "from yesterday",
            "app_version": APPLICATION_VERSION,
        }
        if partition is not None:
            options["queue_partition_key"] = partition
        job_queue._client.enqueue(options, json.dumps(job))
    alone.start("one", step_s=0.1)
    eventually(lambda: alone.are_done(1), "it is carried out")


def test_steps_side_by_side_all_come_to_their_end_before_the_failure_of_one_counts(alone: Workers) -> None:
    alone.start("one")
    alone.enqueue("beside")
    eventually(lambda: "beside over" in alone.steps("end"), "the flow is over")
    assert sorted(alone.steps("end")) == ["beside 1", "beside 2", "beside over"]
    assert alone.steps("end")[-1] == "beside over"


def _is_over(pid: int) -> bool:
    """Whether a program has ended. Its entry stays as a zombie until its parent has ended, too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def test_a_worker_that_hangs_is_ended_with_its_programs_before_another_takes_over(shared: Workers) -> None:
    one = shared.start("one", step_s=300)
    shared.enqueue("program")
    eventually(lambda: "program 0" in shared.steps("begin"), "the program runs")
    program = eventually(lambda: _child(one.pid, "sleep"), "the program is there")
    shared.start("two", step_s=0.1)
    one.send_signal(signal.SIGSTOP)
    eventually(lambda: len(shared.steps("begin")) > 1, "another takes over")
    assert _is_over(program)
    assert one.wait(timeout=30) == -signal.SIGKILL
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


def test_a_job_is_enqueued_once(alone: Workers) -> None:
    job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("staging"), cause=Missed(tip=CommitSha("once")))
    with closing(JobQueue(alone.url)) as job_queue:
        assert [asyncio.run(job_queue.enqueue(job)) for _ in range(2)] == [True, False]
        assert asyncio.run(job_queue.pending()) == (job,)


def test_a_job_is_enqueued_again_as_often_as_it_broke_off(alone: Workers) -> None:
    job = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("a_b"), cause=Missed(tip=CommitSha("once")))
    other = SettleBranch(repository_id=RepositoryId(1), branch=BranchName("axb"), cause=Missed(tip=CommitSha("once")))
    with (
        closing(JobQueue(alone.url)) as job_queue,
        closing(sqlite3.connect(alone.directory / "planward-durable.db")) as d,
    ):
        for attempt in range(25):
            assert asyncio.run(job_queue.enqueue(job)), attempt
            assert not asyncio.run(job_queue.enqueue(job))
            d.execute("update workflow_status set status = 'ERROR'")
            d.commit()
        assert asyncio.run(job_queue.enqueue(other))
        assert asyncio.run(job_queue.pending()) == (other,)


def test_a_step_waits_for_a_database_that_cannot_store_its_result(alone: Workers) -> None:
    alone.start("one")
    with closing(sqlite3.connect(alone.directory / "planward.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        alone.enqueue("remembers")
        eventually(lambda: "remembers 0" in alone.steps("begin"), "the step tries")
        eventually(lambda: alone.steps("begin").count("remembers 0") > 1, "the step tries again")
        assert alone.steps("end") == []
        other.execute("ROLLBACK")
    eventually(lambda: len(alone.steps("end")) == STEPS, "all is done")


def test_a_job_that_failed_often_is_enqueued_again(alone: Workers) -> None:
    job = SettleBranch(
        repository_id=RepositoryId(1), branch=BranchName("staging"), cause=Missed(tip=CommitSha("often"))
    )
    with closing(JobQueue(alone.url)) as job_queue:
        for _ in range(25):
            assert asyncio.run(job_queue.enqueue_or_find(job)) == "enqueued"
            assert asyncio.run(job_queue.enqueue_or_find(job)) == "pending"
            alone.set_status("ERROR")
        assert asyncio.run(job_queue.enqueue_or_find(job)) == "enqueued"
        alone.set_status("SUCCESS")
        assert asyncio.run(job_queue.enqueue_or_find(job)) == "done"


def test_a_deferred_job_waits_until_its_last_attempt_has_ended(alone: Workers) -> None:
    job = SettleBranch(
        repository_id=RepositoryId(1), branch=BranchName("staging"), cause=Missed(tip=CommitSha("fails"))
    )
    alone.start("one")
    with closing(Store(alone.url, Sealer(["k" * 32]))) as store:
        alone.enqueue("fails")
        eventually(lambda: "fails 0" in alone.steps("begin"), "the job is under way")
        asyncio.run(store.deferred.defer("again", msgspec.to_builtins(job), in_s=0))
        eventually(lambda: alone.steps("end").count("fails 2") == 2, "the job is done in its second attempt")
        eventually(lambda: not asyncio.run(store.deferred.all()), "nothing is deferred any more")
    assert alone.steps("end").count("fails 2") == 2


@pytest.mark.parametrize(("cause", "words"), [("away", "nobody is there"), ("full", "there is no room")])
def test_a_steps_exception_is_raised_again_when_its_flow_resumes(alone: Workers, cause: str, words: str) -> None:
    worker = alone.start("one")
    alone.enqueue(cause)
    eventually(lambda: f"{cause} 1" in alone.steps("begin"), "the second step begins")
    worker.send_signal(signal.SIGKILL)
    alone.start("one")
    eventually(lambda: len(alone.recorded(f"{cause} 2 end")) == 1, "all is done")
    assert len(alone.recorded(f"{cause} 0 begin")) == 1
    assert len(alone.recorded(f"{cause} 0 {words}")) == 2


class LosesClaims(TcpProxy):
    """Loses the answer to the COMMIT of a queue's claim on jobs, three times."""

    claiming: ClassVar[set[str]] = set()
    lost: ClassVar[list[str]] = []

    def fate(self, connection: str, content: bytes) -> tuple[str | None, random.Random]:
        # The sweep of overdue jobs also sets `status` and `owner_xid`. But only a claim also sets `executor_id`.
        if b"SET status=" in content and b"executor_id=" in content and b"owner_xid=" in content:
            self.claiming.add(connection)
        elif b"COMMIT" in content or b"ROLLBACK" in content:
            claims = connection in self.claiming
            self.claiming.discard(connection)
            if claims and b"COMMIT" in content and len(self.lost) < 3:
                self.lost.append(connection)
                return fates.LOST, random.Random(0)
        return None, random.Random(0)


def test_a_job_is_done_even_if_the_answer_to_its_claim_is_lost(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.prepared()
    with Loop() as loop, ExitStack() as stack:
        workers = Workers(url=before_postgres(loop, url, Fates(0), LosesClaims), directory=tmp_path)
        stack.callback(workers.end)
        workers.start("one", step_s=0.1)
        enqueuing = Workers(url=url, directory=tmp_path)
        for number, cause in enumerate(("first", "second", "third", "fourth"), 1):
            enqueuing.enqueue(cause)
            eventually(partial(workers.are_done, number), f"{cause} is done", patience_s=20)
    assert len(LosesClaims.lost) == 3
    assert len(workers.steps("begin")) == 4 * STEPS
