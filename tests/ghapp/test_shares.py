"""The limits on what a worker runs at once: jobs of a queue, jobs of a repository, and steps of a flow."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from ghapp.durable import JobQueue, side_by_side
from ghapp.durable.queues import QUEUES
from ghapp.jobs import Job, PlanRun, Reconcile, Replan, SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.values import BranchName, CommitSha, RepositoryId, RunId
from tests.databases import NewDatabase
from tests.forked import Forked
from tests.ghapp import shares_worker
from tests.stories.waiting import eventually

MORE = int(os.environ.get("PLANWARD_TEST_BACKLOG", "4"))
"""The number of waiting jobs of each kind, beyond those that may be under way. With 1,000 it is a long test."""


def announcement(repository: int, number: int) -> Replan:
    return Replan(repository_id=RepositoryId(repository), number=number, cause="news")


def plan(repository: int, number: int) -> PlanRun:
    return PlanRun(repository_id=RepositoryId(repository), run_id=RunId(f"{repository}.{number}"))


def settlement(repository: int, number: int) -> SettleBranch:
    return SettleBranch(
        repository_id=RepositoryId(repository),
        branch=BranchName(f"branch{number}"),
        cause=Missed(tip=CommitSha("push")),
    )


def look(repository: int, number: int) -> Reconcile:
    return Reconcile(repository_id=RepositoryId(repository), cause=str(number))


@contextmanager
def worker(url: str, directory: Path) -> Iterator[Path]:
    """Run a worker on this database; yields the file in which each flow that has begun is a line."""
    record, over = directory / "record", directory / "over"
    process = Forked(shares_worker.run, url, directory, record, over)
    try:
        eventually(lambda: record.exists() or process.poll() is not None, "the worker is ready")
        yield record
    finally:
        over.touch()
        process.terminate()
        process.wait(timeout=60)


def accept(url: str, jobs: Sequence[Job]) -> None:
    async def all_of_them() -> None:
        for job in jobs:
            assert await job_queue.enqueue(job)

    with closing(JobQueue(url)) as job_queue:
        asyncio.run(all_of_them())


def test_a_backlog_of_one_repository_leaves_room_for_another_and_plans_delay_no_announcement(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database(tmp_path)
    shares: dict[Callable[[int, int], Job], int] = {
        announcement: QUEUES["events"]["partition_worker_concurrency"],
        plan: QUEUES["plans"]["partition_worker_concurrency"],
        settlement: QUEUES["branches"]["worker_concurrency"],
        look: QUEUES["background"]["worker_concurrency"],
    }
    accept(url, [kind(1, number) for kind, share in shares.items() for number in range(share + MORE)])
    with worker(url, tmp_path) as record:

        def begun() -> Counter[str]:
            return Counter(line.split(":")[0] for line in record.read_text().splitlines() if line != "ready")

        expected = {kind(1, 0).key.split(":")[0]: share for kind, share in shares.items()}
        eventually(lambda: begun() == expected, f"each has its share under way: {expected}")
        accept(url, [announcement(2, 0), plan(2, 0)])
        both = {**expected, "plan_anew": expected["plan_anew"] + 1, "plan": expected["plan"] + 1}
        eventually(lambda: begun() == both, "another repository's begin")
        time.sleep(0.5)
        assert begun() == both


class TestSideBySide:
    """The steps of a flow that run side by side: a few at once, begun in their order."""

    def test_steps_begin_in_order_and_at_most_the_allowed_number_run_at_once(self) -> None:
        begun: list[int] = []
        going = [0, 0]

        async def one(number: int) -> int:
            begun.append(number)
            going[0] += 1
            going[1] = max(going)
            await asyncio.sleep(0.001 * (number * 7 % 5))
            going[0] -= 1
            return number * 10

        found = asyncio.run(self._all([partial(one, number) for number in range(50)], 3))
        assert found == tuple(number * 10 for number in range(50))
        assert begun == list(range(50))
        assert going == [0, 3]

    def test_after_a_failure_no_other_is_started_and_the_running_ones_finish(self) -> None:
        said: list[str] = []

        async def one(number: int) -> int:
            said.append(f"{number} begins")
            await asyncio.sleep(0.02 * number)
            if number == 1:
                raise ValueError("one")
            said.append(f"{number} ends")
            return number

        with pytest.raises(ValueError, match="one"):
            asyncio.run(self._all([partial(one, number) for number in (1, 2, 3)], 2))
        assert said == ["1 begins", "2 begins", "2 ends"]

    async def _all(self, steps: Sequence[Callable[[], Awaitable[int]]], at_once: int) -> tuple[int, ...]:
        return await side_by_side(steps, at_once=at_once)
