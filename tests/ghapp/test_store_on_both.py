"""The store on SQLite and on PostgreSQL: several processes on one database, and odd text."""

import asyncio
import dataclasses
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ghapp.durable import JobQueue
from ghapp.errors import SettingsError
from ghapp.jobs import SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.sealing import Sealer, load_or_make_key
from ghapp.store import ApplyState, PlanState, Run, Store
from ghapp.values import BranchName, CommitSha, EnvironmentName, InstallationId, RepositoryId, RunId
from tests.databases import NewDatabase
from tests.postgres import Postgres

REPOSITORY = RepositoryId(1)
RUN = Run(
    id=RunId("run"),
    repository_id=REPOSITORY,
    operation="plan",
    environment=EnvironmentName("testing"),
    branch=BranchName("staging"),
    head_sha=CommitSha("a" * 40),
    base_sha=CommitSha("b" * 40),
    pull_request=1,
    attempt=0,
    check_run_name="planward/plan",
    state=PlanState(),
)


@pytest.fixture
def url(new_database: NewDatabase, tmp_path: Path) -> str:
    return new_database(tmp_path)


def _with_digest(digest: str, state: PlanState) -> PlanState:
    return dataclasses.replace(state, digests=(*state.digests, digest))


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer((load_or_make_key(tmp_path),))


@pytest.fixture
def store(url: str, sealer: Sealer) -> Iterator[Store]:
    store = Store(url, sealer)
    yield store
    store.close()


def test_concurrent_writes_are_all_stored(store: Store) -> None:
    async def story() -> None:
        await store.runs.begin(RUN)
        await asyncio.gather(*(store.runs.change_plan(RUN.id, partial(_with_digest, str(each))) for each in range(20)))
        assert {*(await store.runs.load(RUN.id)).plan.digests} == {str(each) for each in range(20)}

    asyncio.run(story())


def test_a_log_that_is_written_from_several_sides_is_read_without_gaps(store: Store) -> None:
    async def story() -> None:
        await store.runs.begin(RUN)
        seen: list[str] = []
        writing = asyncio.gather(
            *(store.runs.write_log(RUN.id, f"root{side}", [f"{side}:{line}"]) for line in range(10) for side in "ab")
        )
        after = 0
        whole = False
        while not whole:
            whole = writing.done()  # a reading after that finds everything
            pieces = await store.runs.read_log(RUN.id, after=after)
            after = pieces[-1][0] if pieces else after
            seen += [text for _, _, text in pieces]
        await writing
        assert sorted(seen) == sorted(f"{side}:{line}" for line in range(10) for side in "ab")

    asyncio.run(story())


def test_a_run_is_begun_once_and_found_again(store: Store) -> None:
    async def story() -> None:
        begun = await asyncio.gather(*(store.runs.begin(RUN) for _ in range(5)))
        assert len({run.created_at for run in begun}) == 1
        assert await store.runs.unfinished() == (begun[0],)
        assert dataclasses.replace(begun[0], created_at=0) == RUN

    asyncio.run(story())


def test_pull_requests_lead_to_the_apply_runs_that_explain_them_now(store: Store) -> None:
    first = dataclasses.replace(RUN, operation="apply", state=ApplyState(explains=(1, 2)))
    second = dataclasses.replace(first, id=RunId("b" * 24), state=ApplyState())

    async def story() -> None:
        async def explained_by() -> dict[int, list[RunId]]:
            found = {number: await store.runs.explained_by(RUN.repository_id, number) for number in (1, 2, 3)}
            return {number: [run.id for run in runs] for number, runs in found.items()}

        await store.runs.begin(first)
        await store.runs.begin(second)
        assert await explained_by() == {1: [first.id], 2: [first.id], 3: []}
        await store.runs.change_apply(first.id, lambda state: dataclasses.replace(state, explains=(2, 3)))
        await store.runs.change_apply(second.id, lambda state: dataclasses.replace(state, explains=(2,)))
        assert await explained_by() == {1: [], 2: [first.id, second.id], 3: [first.id]}
        await store.runs.begin(dataclasses.replace(first, state=ApplyState()))  # a repeated step
        assert await explained_by() == {1: [], 2: [first.id, second.id], 3: [first.id]}

    asyncio.run(story())


def test_text_that_a_database_does_not_take_does_not_end_the_run(store: Store) -> None:
    async def story() -> None:
        await store.runs.begin(RUN)
        await store.runs.change_plan(RUN.id, partial(_with_digest, "a\x00b"))
        await store.runs.cancel(RUN.id, reason="a newer\x00 commit")
        await store.runs.complete(RUN.id, conclusion="failure", title="failed: \x00", report=b"\x00")
        run = await store.runs.load(RUN.id)
        assert (run.title, run.cancel_reason, run.plan.digests) == (
            "failed: \ufffd",
            "a newer\ufffd commit",
            ("a\x00b",),
        )
        assert await store.runs.report(RUN.id) == b"\x00"

    asyncio.run(story())


def test_a_large_repository_id_fits(store: Store) -> None:
    async def story() -> None:
        large = RepositoryId(2**52)
        await store.repositories.record(
            id=large,
            installation_id=InstallationId(2**52),
            full_name="acme/shop",
            clone_url="https://github.com/acme/shop.git",
            default_branch="main",
        )
        assert (await store.repositories.load(large)).installation_id == 2**52

    asyncio.run(story())


def test_processes_that_start_at_once_make_the_tables_once(postgres: Postgres, sealer: Sealer) -> None:
    url = postgres.database()

    def start(_: int) -> None:
        JobQueue(url).close()
        Store(url, sealer).close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, range(4)))


def test_a_job_is_accepted_once_by_whichever_process(url: str) -> None:
    job = SettleBranch(repository_id=REPOSITORY, branch=BranchName("staging"), cause=Missed(tip=CommitSha("a test")))
    job_queues = [JobQueue(url), JobQueue(url)]

    async def story() -> None:
        assert [await job_queue.enqueue(job) for job_queue in job_queues] == [True, False]

    try:
        asyncio.run(story())
    finally:
        for job_queue in job_queues:
            job_queue.close()


def test_a_job_that_is_done_is_known_until_it_is_forgotten(url: str) -> None:
    job = SettleBranch(repository_id=REPOSITORY, branch=BranchName("staging"), cause=Missed(tip=CommitSha("a test")))
    waits = SettleBranch(
        repository_id=REPOSITORY, branch=BranchName("production"), cause=Missed(tip=CommitSha("a test"))
    )
    job_queue = JobQueue(url)

    async def story() -> None:
        assert await job_queue.enqueue(job)
        assert await job_queue.enqueue(waits)
        await job_queue._client.cancel_workflow_async(job.key)
        assert await job_queue.forget(time.time() - 60, 10) == 0
        assert not await job_queue.enqueue(job)
        assert await job_queue.forget(time.time() + 60, 10) == 1
        assert await job_queue.pending() == (waits,)
        assert await job_queue.enqueue(job)

    try:
        asyncio.run(story())
    finally:
        job_queue.close()


def test_on_sqlite_queries_are_answered_during_a_write(tmp_path: Path, sealer: Sealer) -> None:
    store = Store(f"sqlite:///{tmp_path / 'planward.db'}", sealer)

    async def story() -> None:
        await store.runs.begin(RUN)
        with closing(sqlite3.connect(tmp_path / "planward.db", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE runs SET title = 'not committed'")
            async with asyncio.timeout(10):
                assert (await store.runs.load(RUN.id)).title == ""

    try:
        asyncio.run(story())
    finally:
        store.close()


def test_on_sqlite_a_job_is_accepted_while_somebody_reads_the_queue(tmp_path: Path) -> None:
    job_queue = JobQueue(f"sqlite:///{tmp_path / 'planward.db'}")
    job = SettleBranch(repository_id=REPOSITORY, branch=BranchName("staging"), cause=Missed(tip=CommitSha("a test")))

    async def story() -> None:
        with closing(sqlite3.connect(tmp_path / "planward-durable.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM workflow_status").fetchone() == (0,)
            async with asyncio.timeout(10):
                assert await job_queue.enqueue(job)

    try:
        asyncio.run(story())
    finally:
        job_queue.close()


def test_a_missing_database_is_reported_without_its_password(sealer: Sealer) -> None:
    with pytest.raises(SettingsError) as refused:
        Store("postgresql://planward:hunter2@127.0.0.1:1/planward", sealer)
    assert "hunter2" not in str(refused.value)
    assert str(refused.value) == (
        "PLANWARD_DATABASE_URL: the database at 127.0.0.1:1 cannot be used: is it up, and may planward log in?"
    )


def test_a_name_is_bound_to_the_first_repository_seen_under_it(store: Store) -> None:
    async def see(id: int, full_name: str) -> str | None:
        known = await store.repositories.record(
            id=RepositoryId(id),
            installation_id=InstallationId(1),
            full_name=full_name,
            clone_url="https://example.com/x.git",
            default_branch="main",
        )
        return (await store.repositories.identity(known)).bound_name

    async def story() -> None:
        assert await see(1, "Acme/Shop") == "acme/shop"
        assert await see(2, "acme/shop") is None  # made again under the old name
        assert await see(1, "acme/store") == "acme/shop"  # a rename binds no second name
        assert await see(3, "acme/store") == "acme/store"
        assert await see(2, "acme/elsewhere") is None

    asyncio.run(story())
