"""Jobs with a due time: deferred, retried, or repeated."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from ghapp.store.database import Database, upsert
from ghapp.store.tables import deferred_jobs

# Built once: each worker asks this at least once a second.
_NEXT = select(func.min(deferred_jobs.c.due_at))
_DUE = (
    select(deferred_jobs)
    .where(deferred_jobs.c.due_at <= bindparam("now"))
    .order_by(deferred_jobs.c.due_at)
    .limit(bindparam("most"))
)


class DeferredJobs:
    """Jobs to be enqueued at a later time. Waiting is always a row with a due time, never a sleeping workflow."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.on_deferred: Callable[[], None] | None = None
        """Called after this process has deferred a job, or has made jobs due."""

    async def defer(self, key: str, job: Mapping[str, Any], *, in_s: float) -> None:
        """Have `job` enqueued in `in_s` seconds. It replaces a deferred job with the same key."""
        row = {"key": key, "due_at": self._db.clock() + in_s, "job": dict(job)}
        await self._db.run(lambda c: upsert(c, deferred_jobs, row, update=["due_at", "job"]))
        self._tell_deferred()

    async def make_due(self, prefix: str) -> None:
        """Make every job whose key has this prefix due now."""
        statement = update(deferred_jobs).where(deferred_jobs.c.key.startswith(prefix, autoescape=True))
        await self._db.run(lambda c: c.execute(statement.values(due_at=self._db.clock())))
        self._tell_deferred()

    def _tell_deferred(self) -> None:
        if self.on_deferred is not None:
            self.on_deferred()

    async def cancel(self, key: str) -> None:
        """Remove the job with this key."""
        await self._db.run(lambda c: c.execute(delete(deferred_jobs).where(deferred_jobs.c.key == key)))

    async def all(self) -> tuple[dict[str, Any], ...]:
        """All deferred jobs."""
        rows = await self._db.read(lambda c: c.execute(select(deferred_jobs.c.job)).all())
        return tuple(job for (job,) in rows)

    async def next_due_in_s(self) -> float | None:
        """The time until the first job is due, negative if it is overdue; None if no job is deferred."""
        due_at = await self._db.read(lambda c: c.scalar(_NEXT))
        return None if due_at is None else float(due_at) - self._db.clock()

    async def due(self, *, limit: int = 100) -> tuple[tuple[str, float, dict[str, Any]], ...]:
        """Jobs that are due: (key, due time, job), oldest first."""
        values = {"now": self._db.clock(), "most": limit}
        rows = await self._db.read(lambda c: c.execute(_DUE, values).all())
        return tuple((row.key, row.due_at, row.job) for row in rows)

    async def remove(self, key: str, due_at: float) -> None:
        """Remove a job that was enqueued, unless it was deferred again in the meantime."""
        statement = delete(deferred_jobs).where(deferred_jobs.c.key == key, deferred_jobs.c.due_at == due_at)
        await self._db.run(lambda c: c.execute(statement))
