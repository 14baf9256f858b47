"""The small memories: what is due later, who approved what, who did what, and what was already made or said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from ghapp.store.database import Database, upsert
from ghapp.store.tables import approvals, audit, handles, later
from ghapp.values import CommitSha, EnvironmentName, RepositoryId


class Later:
    """Waiting is a row with a due time: never a workflow that sleeps."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, key: str, job: Mapping[str, Any], *, in_s: float) -> None:
        """Have `job` owed in so many seconds; the same key again moves it."""
        row = {"key": key, "due_at": self._db.clock() + in_s, "job": dict(job)}
        await self._db.run(lambda c: upsert(c, later, row, update=["due_at", "job"]))

    async def hasten(self, prefix: str) -> None:
        """Have everything owed now whose key begins so."""
        statement = update(later).where(later.c.key.startswith(prefix, autoescape=True))
        await self._db.run(lambda c: c.execute(statement.values(due_at=self._db.clock())))

    async def drop(self, key: str) -> None:
        """No longer owed."""
        await self._db.run(lambda c: c.execute(delete(later).where(later.c.key == key)))

    async def keys(self) -> frozenset[str]:
        """The keys of everything that is owed later."""
        rows = await self._db.read(lambda c: c.execute(select(later.c.key)).all())
        return frozenset(key for (key,) in rows)

    async def due(self, *, limit: int = 100) -> tuple[tuple[str, float, dict[str, Any]], ...]:
        """What is due by now: (key, due time, job), oldest first."""
        now = self._db.clock()
        query = select(later).where(later.c.due_at <= now).order_by(later.c.due_at).limit(limit)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return tuple((row.key, row.due_at, row.job) for row in rows)

    async def done(self, key: str, due_at: float) -> None:
        """Forget a row that was carried out, unless it was moved meanwhile."""
        statement = delete(later).where(later.c.key == key, later.c.due_at == due_at)
        await self._db.run(lambda c: c.execute(statement))


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's decision about one commit, and about the plans that they saw (none: nothing was planned yet)."""

    kind: str
    environment: EnvironmentName
    sha: CommitSha
    digests: tuple[str, ...]
    by: str
    at: float


class Approvals:
    """Decisions of people, and the audit log of everything that people did."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(
        self,
        repository: RepositoryId,
        *,
        kind: str,
        environment: EnvironmentName,
        sha: CommitSha,
        by: str,
        digests: Sequence[str] = (),
    ) -> None:
        """Record a decision and, in the audit log, who made it."""
        now = self._db.clock()
        row = {
            "repository_id": repository,
            "kind": kind,
            "environment": environment,
            "sha": sha,
            "digests": list(digests),
            "by": by,
            "at": now,
        }
        told = {
            "repository_id": repository,
            "at": now,
            "who": by,
            "did": kind,
            "sha": sha,
            "details": {"environment": environment, "digests": list(digests)},
        }

        def work(connection: Any) -> None:
            connection.execute(approvals.insert().values(row))
            connection.execute(audit.insert().values(told))

        await self._db.run(work)

    async def of(
        self, repository: RepositoryId, sha: CommitSha, *, kind: str, environment: EnvironmentName
    ) -> tuple[Approval, ...]:
        """Decisions of this kind about this commit in this environment, oldest first."""
        c = approvals.c
        query = (
            select(c.kind, c.environment, c.sha, c.digests, c.by, c.at)
            .where(c.repository_id == repository, c.sha == sha, c.kind == kind, c.environment == environment)
            .order_by(c.id)
        )
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return tuple(Approval(**{**row._mapping, "digests": tuple(row.digests)}) for row in rows)

    async def audit(self, repository: RepositoryId, *, who: str, did: str, sha: str, **details: Any) -> None:
        """Record what a person did that is no approval (a re-run, a cancel, a refused attempt)."""
        row = {
            "repository_id": repository,
            "at": self._db.clock(),
            "who": who,
            "did": did,
            "sha": sha,
            "details": details,
        }
        await self._db.run(lambda c: c.execute(audit.insert().values(row)))


class Handles:
    """Ids of what was made elsewhere (a comment, a deployment) and marks of what was said, so that it is done once."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, key: str) -> str | None:
        """The value kept under this key, or None."""
        return await self._db.read(lambda c: c.scalar(select(handles.c.value).where(handles.c.key == key)))

    async def keep(self, key: str, value: str) -> None:
        """Keep a value; the same key again replaces it."""
        row = {"key": key, "value": value, "at": self._db.clock()}
        await self._db.run(lambda c: upsert(c, handles, row, update=["value", "at"]))
