"""The disk of the database is full: no accepted job and no finished step is lost, and the log says what to do."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ghapp.durable import JobQueue
from ghapp.jobs import SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.sealing import Sealer
from ghapp.store import Store, StoreUnavailable
from ghapp.store.delivery_markers import RedeliveryMarker, RedeliveryRequest
from ghapp.store.marker_kinds import Created, DeploymentMarker
from ghapp.values import BranchName, CommitSha, RepositoryId, RunId
from tests.forked import Forked
from tests.ghapp import durable_worker
from tests.ghapp.durable_worker import STEPS
from tests.small_disk import SmallDisk, small_disk
from tests.stories.waiting import eventually

FULL = "the disk of Planward's database is full: make room"


def job(cause: str) -> SettleBranch:
    return SettleBranch(repository_id=RepositoryId(1), branch=BranchName(cause), cause=Missed(tip=CommitSha(cause)))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small", megabytes=8) as disk:
        yield disk


def test_steps_wait_for_disk_space_and_resume_by_themselves(disk: SmallDisk, tmp_path: Path) -> None:
    url = f"sqlite:///{disk.directory / 'planward.db'}"
    record, logged = tmp_path / "record", tmp_path / "log"
    # Only DBOS records the steps of the first job. Those of the second one also write to Planward's own tables.
    causes = ("first", "remembers")
    worker = Forked(durable_worker.run_logging, logged, url, disk.directory, record, 0.5, "old", None)
    try:
        eventually(lambda: record.exists(), "the worker is ready")
        with closing(JobQueue(url)) as job_queue:
            assert all(asyncio.run(job_queue.enqueue(job(cause))) for cause in causes)
            eventually(lambda: record.read_text().count(" 0 begin") == 2, "both jobs begin")
            disk.fill()
            waits = ("engine_waits_for_disk", "step_waits_for_database")
            eventually(lambda: all(each in logged.read_text() for each in waits), "both wait")
            with pytest.raises(StoreUnavailable, match=FULL):
                asyncio.run(job_queue.enqueue(job("late")))
            assert worker.poll() is None
            disk.make_room()
            last = [f"{cause} {STEPS - 1} end" for cause in causes]
            eventually(lambda: all(each in record.read_text() for each in last), "both go on to their ends")
            eventually(lambda: asyncio.run(job_queue.pending()) == (), "both are done")
            assert asyncio.run(job_queue.enqueue(job("late")))
        worker.terminate()
        worker.wait(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    # The step that only DBOS records ran once: DBOS repeated only the write of its result.
    assert [line.split(" ", 1)[1] for line in record.read_text().splitlines() if " first 0" in line] == [
        "first 0 begin",
        "first 0 end",
    ]


def test_earlier_writes_are_kept_and_a_failed_one_is_reported(disk: SmallDisk) -> None:
    store = Store(f"sqlite:///{disk.directory / 'planward.db'}", Sealer(("k" * 32,)))

    async def story() -> None:
        await store.markers.keep(DeploymentMarker(RunId("before")), Created(id=1))
        disk.fill()
        with pytest.raises(StoreUnavailable, match=FULL):
            await store.markers.keep(RedeliveryMarker("x" * 100_000), RedeliveryRequest())
        assert await store.markers.find(DeploymentMarker(RunId("before"))) == Created(id=1)
        disk.make_room()
        await store.markers.keep(DeploymentMarker(RunId("after")), Created(id=1))
        assert await store.markers.find(DeploymentMarker(RunId("after"))) == Created(id=1)

    asyncio.run(story())
    store.close()
