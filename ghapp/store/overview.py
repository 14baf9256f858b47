"""Queries over many repositories at once, for the pages and the metrics. They only read."""

import heapq
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import CTE, ColumnElement, Connection, Table, and_, desc, func, or_, select

from ghapp.store.branches import Last
from ghapp.store.database import Database
from ghapp.store.run_queries import RUN_COLUMNS, Run, read_run
from ghapp.store.tables import lasts, pull_requests, removed_runs, runs
from ghapp.store.tables import repositories as known_repositories
from ghapp.values import EnvironmentName, RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentNow:
    """An environment of a repository: LAST, and its newest apply. One of the two may be missing."""

    repository_id: RepositoryId
    environment: EnvironmentName
    last: Last | None
    newest: Run | None


class Overview:
    """Queries over the other parts of the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def environments(self, repositories: Collection[RepositoryId]) -> tuple[EnvironmentNow, ...]:
        """Every environment with LAST, in the order in which they first had one; then those that have only an apply."""
        last_of = await self._lasts(repositories)
        newest_of = {(run.repository_id, run.environment): run for run in await self._newest_applies(repositories)}
        return tuple(
            EnvironmentNow(repository_id=key[0], environment=key[1], last=last_of.get(key), newest=newest_of.get(key))
            for key in dict.fromkeys((*last_of, *newest_of))
        )

    async def recent(self, repositories: Collection[RepositoryId], *, limit: int) -> tuple[Run, ...]:
        """The newest runs of these repositories, newest first."""
        c = runs.c

        def work(connection: Connection) -> list[str]:
            newest: list[tuple[float, str]] = []
            for each in repositories:  # one query for each, which an index answers in order
                query = select(c.created_at, c.id).where(c.repository_id == each)
                rows = connection.execute(query.order_by(desc(c.created_at), desc(c.id)).limit(limit)).all()
                newest += [(at, id) for at, id in rows]
            return [id for _, id in heapq.nlargest(limit, newest)]

        return await self._runs(c.id.in_(await self._db.read(work)))

    async def waiting(self, repositories: Collection[RepositoryId]) -> tuple[Run, ...]:
        """The runs that wait for a person: an environment's newest apply, or the newest plan of an open pull request's
        head."""
        plans = await self._runs(_of_open(repositories), _newest_of_commit(), runs.c.conclusion == "action_required")
        applies = await self._newest_applies(repositories)
        held = [run for run in (*applies, *plans) if run.conclusion == "action_required"]
        return tuple(sorted(held, key=lambda run: -run.created_at))

    async def count_runs(self) -> dict[tuple[str, str], int]:
        """The number of finished runs, by operation and conclusion."""
        c = runs.c
        query = (
            select(c.operation, c.conclusion, func.count())
            .where(c.conclusion.is_not(None))
            .group_by(c.operation, c.conclusion)
        )
        r = removed_runs.c
        removed = select(r.operation, r.conclusion, r["count"])
        # In one transaction, since the removal of a run and the increase of its count are one transaction.
        rows = await self._db.read(
            lambda connection: [*connection.execute(query).all(), *connection.execute(removed).all()]
        )
        counts: Counter[tuple[str, str]] = Counter()
        for operation, conclusion, count in rows:
            counts[operation, conclusion] += count
        return dict(counts)

    async def _lasts(self, repositories: Collection[RepositoryId]) -> dict[tuple[RepositoryId, EnvironmentName], Last]:
        c = lasts.c
        pairs = _environments_in(lasts, repositories)
        of_pair = (c.repository_id == pairs.c.repository_id, c.environment == pairs.c.environment)
        first = select(c.id).where(*of_pair).order_by(c.id).limit(1).scalar_subquery()
        newest = select(c.id).where(*of_pair).order_by(desc(c.id)).limit(1).scalar_subquery()
        found = select(first.label("first"), newest.label("newest")).where(pairs.c.environment.is_not(None)).subquery()
        columns = [c[name] for name in Last.__slots__]
        query = select(c.repository_id, *columns).join(found, c.id == found.c.newest).order_by(found.c.first)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return {
            (row.repository_id, row.environment): Last(**{name: row._mapping[name] for name in Last.__slots__})
            for row in rows
        }

    async def _newest_applies(self, repositories: Collection[RepositoryId]) -> tuple[Run, ...]:
        c = runs.c
        is_apply = c.operation == "apply"
        pairs = _environments_in(runs, repositories, is_apply)
        of_pair = (c.repository_id == pairs.c.repository_id, c.environment == pairs.c.environment, is_apply)
        newest = select(c.id).where(*of_pair).order_by(desc(c.created_at), desc(c.attempt), desc(c.id)).limit(1)
        ids = select(newest.scalar_subquery()).where(pairs.c.environment.is_not(None))
        return await self._runs(c.id.in_(ids))

    async def _runs(self, *conditions: ColumnElement[bool], limit: int | None = None) -> tuple[Run, ...]:
        query = select(*RUN_COLUMNS).where(*conditions).order_by(desc(runs.c.created_at), desc(runs.c.id)).limit(limit)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return tuple(read_run(row) for row in rows)


def _newest_of_commit() -> ColumnElement[bool]:
    """Whether no newer run is shown under the same name on the same commit."""
    c, newer = runs.c, runs.alias("newer").c
    return ~(
        select(newer.id)
        .where(
            newer.repository_id == c.repository_id,
            newer.head_sha == c.head_sha,
            newer.check_run_name == c.check_run_name,
            or_(newer.created_at > c.created_at, and_(newer.created_at == c.created_at, newer.attempt > c.attempt)),
        )
        .exists()
    )


def _of_open(repositories: Collection[RepositoryId]) -> ColumnElement[bool]:
    """Whether the run planned the current head of an open pull request of these repositories."""
    r, p = runs.alias("of_open").c, pull_requests.c
    ids = select(r.id).where(
        p.repository_id.in_(repositories),
        p.state == "open",
        r.repository_id == p.repository_id,
        r.head_sha == p.head_sha,
        r.pull_request == p.number,
        r.operation == "plan",
    )
    return runs.c.id.in_(ids)


def _environments_in(table: Table, repositories: Collection[RepositoryId], *conditions: ColumnElement[bool]) -> CTE:
    """The environments of these repositories that have rows in the table, found by one index lookup each.

    The last row of each repository has None.
    """
    c, r = table.c, known_repositories.c
    smallest = select(func.min(c.environment)).where(*conditions)
    first = select(
        r.id.label("repository_id"),
        smallest.where(c.repository_id == r.id).scalar_subquery().label("environment"),
    ).where(r.id.in_(repositories))
    found = first.cte("environments", recursive=True)
    next_one = smallest.where(c.repository_id == found.c.repository_id, c.environment > found.c.environment)
    return found.union_all(
        select(found.c.repository_id, next_one.scalar_subquery()).where(found.c.environment.is_not(None))
    )
