"""Move the reports and logs of completed runs to the object store: write them there, then delete them here."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Executable, delete, func, select, update

from ghapp.store.database import Database
from ghapp.store.run_objects import (
    KeptLines,
    KeptRoot,
    Kind,
    RunObject,
    RunObjects,
    about_lines,
    about_report,
    about_root,
    objects_of,
    record_object,
)
from ghapp.store.tables import log_lines, root_runs, runs
from ghapp.values import RepositoryId, RunId

SETTLED_S = 60.0
"""How long ago a run must have been completed before it is moved, since its last steps still read it."""
_MOST_BYTES = 4 * 1024 * 1024
"""The approximate amount of log in one object."""


class Offloading:
    """Moves runs; an interrupted move continues where it stopped."""

    def __init__(self, database: Database, run_objects: RunObjects) -> None:
        self._db = database
        self._run_objects = run_objects

    async def pending(self, *, limit: int) -> tuple[tuple[RunId, RepositoryId], ...]:
        """Completed runs in the database, oldest first; none if there is no object store."""
        if not self._run_objects.available:
            return ()
        c = runs.c
        query = (
            select(c.id, c.repository_id)
            .where(c.finished_at <= self._db.clock() - SETTLED_S, c.moved_at.is_(None))
            .order_by(c.finished_at)
            .limit(limit)
        )
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return tuple((RunId(id), RepositoryId(repository)) for id, repository in rows)

    async def offload(self, id: RunId, repository: RepositoryId) -> None:
        """Move one run. Raises StoreUnavailable if the object store is unavailable; the run then stays here."""
        await self._offload_report(id, repository)
        await self._offload_roots(id, repository)
        while await self._offload_lines(id, repository):
            pass
        await self.mark_offloaded(id)

    async def mark_offloaded(self, id: RunId) -> None:
        """Record that the run must not be moved again: it was moved, or it is unreadable and stays here."""
        statement = update(runs).where(runs.c.id == id).values(moved_at=self._db.clock())
        await self._db.run(lambda c: c.execute(statement))

    async def _offload_report(self, id: RunId, repository: RepositoryId) -> None:
        sealed = await self._db.read(lambda c: c.scalar(select(runs.c.report).where(runs.c.id == id)))
        if sealed is None:
            return
        run_object = self._run_object(id, repository, "report", 1)
        await self._run_objects.put(run_object, self._db.sealer.open(sealed, about=about_report(id)))
        there = update(runs).where(runs.c.id == id).values(report=None)
        await self._db.run(lambda c: _record_and_delete(c, run_object, there))

    async def _offload_roots(self, id: RunId, repository: RepositoryId) -> None:
        c = root_runs.c
        query = select(c.part, c.root_module, c.outcome, c.report).where(c.run_id == id).order_by(c.part, c.root_module)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        if not rows:
            return
        kept = [
            KeptRoot(part, root, outcome, self._db.sealer.open(sealed, about=about_root(id, part, root)))
            for part, root, outcome, sealed in rows
        ]
        run_object = self._run_object(id, repository, "roots", 1)
        await self._run_objects.put(run_object, msgspec.msgpack.encode(kept))
        there = delete(root_runs).where(root_runs.c.run_id == id)
        await self._db.run(lambda connection: _record_and_delete(connection, run_object, there))

    async def _offload_lines(self, id: RunId, repository: RepositoryId) -> bool:
        """Move the oldest lines of the log that are still in the database, as many as one object takes. Returns False
        if there are none."""
        moved = await self._db.run(lambda connection: objects_of(connection, id, "log"))
        last = await self._last_position_of_next(id)
        if last is None:
            return False
        c = log_lines.c
        mine = (c.run_id == id, c.id <= last)
        query = select(c.id, c.part, c.sealed).where(*mine).order_by(c.id)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        kept = [
            KeptLines(position, part, self._db.sealer.open(sealed, about=about_lines(id, part)).decode())
            for position, part, sealed in rows
        ]
        number = 1 + max((run_object.number for run_object in moved), default=0)
        run_object = self._run_object(id, repository, "log", number, last_position=last)
        await self._run_objects.put(run_object, msgspec.msgpack.encode(kept))
        there = delete(log_lines).where(*mine)
        await self._db.run(lambda connection: _record_and_delete(connection, run_object, there))
        return True

    async def _last_position_of_next(self, id: RunId) -> int | None:
        c = log_lines.c
        query = select(c.id, func.length(c.sealed)).where(c.run_id == id).order_by(c.id)
        sizes: Sequence[tuple[int, int]] = await self._db.run(lambda connection: connection.execute(query).all())
        total, last = 0, None
        for position, size in sizes:
            if last is not None and total + size > _MOST_BYTES:
                break
            total, last = total + size, position
        return last

    def _run_object(
        self, id: RunId, repository: RepositoryId, kind: Kind, number: int, *, last_position: int = 0
    ) -> RunObject:
        return RunObject(
            run_id=id,
            kind=kind,
            number=number,
            address=f"{repository}/{id}/{kind}-{number}",
            last_position=last_position,
            key_id=self._db.sealer.key_id,
        )


def _record_and_delete(connection: Connection, run_object: RunObject, statement: Executable) -> None:
    """Record the object that now has the data, and delete the data here."""
    record_object(connection, run_object)
    connection.execute(statement)
