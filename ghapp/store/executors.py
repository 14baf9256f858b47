"""Executors: the heartbeat of every worker on this database, and claims on the work of dead ones."""

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from ghapp.store.database import Database, upsert
from ghapp.store.tables import executors


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A worker's record. A worker is alive if `beats` changes between two readings.

    The record has no time of the last heartbeat, because the machines' clocks differ.

    `heir` is the worker that claimed its work.
    """

    id: str
    beats: int
    heir: str | None


class Executors:
    """Rows of executors."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def register(self, id: str) -> None:
        """Record a worker that starts."""
        await self._db.run(lambda c: upsert(c, executors, {"id": id, "beats": 0, "heir": None}, update=[]))

    async def beat(self, id: str, beats: int) -> bool:
        """Record a worker's heartbeat. Returns False if it was considered dead and another took over its work."""
        statement = update(executors).where(executors.c.id == id, executors.c.heir.is_(None)).values(beats=beats)
        return bool(await self._db.run(lambda c: c.execute(statement).rowcount))

    async def all(self) -> tuple[Heartbeat, ...]:
        """Every worker that has not ended properly."""
        rows = await self._db.read(lambda c: c.execute(select(executors).order_by(executors.c.id)).all())
        return tuple(Heartbeat(**row._mapping) for row in rows)

    async def find(self, id: str) -> Heartbeat | None:
        """The worker with this name, or None."""
        return next((each for each in await self.all() if each.id == id), None)

    async def claim(self, seen: Heartbeat, *, by: str) -> bool:
        """Claim the work of a worker if its record is still as `seen`. Of several claims, only one succeeds."""
        c = executors.c
        statement = (
            update(executors)
            .where(c.id == seen.id, c.beats == seen.beats, c.heir.is_not_distinct_from(seen.heir))
            .values(heir=by, beats=seen.beats + 1)
        )
        return bool(await self._db.run(lambda connection: connection.execute(statement).rowcount))

    async def remove(self, id: str) -> None:
        """Delete a worker whose work is done or handed over."""
        await self._db.run(lambda c: c.execute(delete(executors).where(executors.c.id == id)))
