"""Connections to PostgreSQL break before and after statements; every write and job is stored exactly once."""

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import ClassVar

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from ghapp.durable import JobQueue
from ghapp.jobs import SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.sealing import Sealer
from ghapp.store import Store
from ghapp.store.marker_kinds import Created, DeploymentMarker
from ghapp.values import BranchName, CommitSha, RepositoryId, RunId
from tests.postgres import Postgres
from tests.stories.faults.proxies import Fates, Loop, TcpProxy, before_postgres, fates

MANY = 40


class EverySoOften(Fates):
    """Resets the connection at every 29th message, in turn before and after the server receives it."""

    said = 0

    def draw(self, place: str, name: str, rates: Mapping[str, float]) -> tuple[str | None, random.Random]:
        self.said += self.on and name != "connection"
        fate = None if not self.said or self.said % 29 else (fates.RESET, fates.LOST)[self.said // 29 % 2]
        if fate is not None:
            self.counted[fate] += 1
        return fate, random.Random(0)


@pytest.fixture
def drawn() -> Fates:
    return EverySoOften(0)


@pytest.fixture
def url(postgres: Postgres, drawn: Fates) -> Iterator[str]:
    with Loop() as loop:
        yield before_postgres(loop, postgres.database(), drawn)


def test_a_write_is_stored(url: str, drawn: Fates) -> None:
    async def story(store: Store) -> None:
        for number in range(MANY):
            await store.markers.keep(DeploymentMarker(RunId(str(number))), Created(id=number))
        for number in range(MANY):
            found = await store.markers.find(DeploymentMarker(RunId(str(number))))
            assert found == Created(id=number)

    with closing(Store(url, Sealer(["k" * 32]))) as store:
        drawn.on = True
        asyncio.run(story(store))
    assert drawn.counted.keys() == {fates.RESET, fates.LOST}


class LosesCommits(TcpProxy):
    """Loses every second answer to the end of a transaction."""

    ends: ClassVar[Iterator[int]] = itertools.count()

    def fate(self, connection: str, content: bytes) -> tuple[str | None, random.Random]:
        lost = b"COMMIT" in content and next(self.ends) % 2
        return (fates.LOST if lost else None), random.Random(0)


def test_a_write_whose_answer_was_lost_is_not_repeated(postgres: Postgres) -> None:
    url = postgres.database()

    async def story(store: Store) -> None:
        for number in range(MANY):
            await store.approvals.audit(RepositoryId(1), who="ada", did=f"did {number}", sha="0" * 40)

    with (
        Loop() as loop,
        closing(Store(before_postgres(loop, url, Fates(0), LosesCommits), Sealer(["k" * 32]))) as store,
    ):
        asyncio.run(story(store))
    database = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with database.connect() as connection:
        done = connection.scalars(text("select did from audit order by id")).all()
    assert done == [f"did {number}" for number in range(MANY)]
    assert next(LosesCommits.ends) > MANY


def test_a_delivery_is_accepted_once(url: str, drawn: Fates) -> None:
    jobs = [
        SettleBranch(
            repository_id=RepositoryId(1), branch=BranchName("staging"), cause=Missed(tip=CommitSha(str(number)))
        )
        for number in range(MANY)
    ]

    async def story(job_queue: JobQueue) -> None:
        for job in jobs:
            await job_queue.enqueue(job)
            assert not await job_queue.enqueue(job)

    with closing(JobQueue(url)) as job_queue:
        drawn.on = True
        asyncio.run(story(job_queue))
        drawn.on = False
        assert {job.key for job in asyncio.run(job_queue.pending())} == {job.key for job in jobs}
    assert drawn.counted.keys() == {fates.RESET, fates.LOST}
