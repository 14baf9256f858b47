"""Move what is large of completed runs to the object store, first there, then away from here."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Executable, delete, func, select, update

from ghapp.store.database import Database
from ghapp.store.pieces import (
    KeptLines,
    KeptRoot,
    Kind,
    Piece,
    Pieces,
    about_lines,
    about_report,
    about_root,
    note,
    pieces_of,
)
from ghapp.store.tables import log_lines, root_runs, runs
from ghapp.values import RepositoryId, RunId

SETTLED_S = 60.0
"""How long a run is completed before it is moved: what ends it reads it once more."""
_MOST_BYTES = 4 * 1024 * 1024
"""About as much of a log lies in one object."""


class Moving:
    """Moves runs; a move that broke off is made again from where it was."""

    def __init__(self, database: Database, pieces: Pieces) -> None:
        self._db = database
        self._pieces = pieces

    async def unmoved(self, *, limit: int) -> tuple[tuple[RunId, RepositoryId], ...]:
        """Completed runs that lie in the database, oldest first; none where there is no object store."""
        if not self._pieces.elsewhere:
            return ()
        c = runs.c
        query = (
            select(c.id, c.repository_id)
            .where(c.finished_at <= self._db.clock() - SETTLED_S, c.status == "completed", c.moved_at.is_(None))
            .order_by(c.finished_at)
            .limit(limit)
        )
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return tuple((RunId(id), RepositoryId(repository)) for id, repository in rows)

    async def move(self, id: RunId, repository: RepositoryId) -> None:
        """Move one run. Raises StoreUnavailable where the object store does not take it; then it lies here."""
        await self._move_report(id, repository)
        await self._move_roots(id, repository)
        while await self._move_lines(id, repository):
            pass
        await self.leave(id)

    async def leave(self, id: RunId) -> None:
        """Look at the run no more: it was moved, or cannot be read and lies where it lies."""
        statement = update(runs).where(runs.c.id == id).values(moved_at=self._db.clock())
        await self._db.run(lambda c: c.execute(statement))

    async def _move_report(self, id: RunId, repository: RepositoryId) -> None:
        sealed = await self._db.read(lambda c: c.scalar(select(runs.c.report).where(runs.c.id == id)))
        if sealed is None:
            return
        piece = self._piece(id, repository, "report", 1)
        await self._pieces.put(piece, self._db.sealer.open(sealed, about=about_report(id)))
        there = update(runs).where(runs.c.id == id).values(report=None)
        await self._db.run(lambda c: _note_instead(c, piece, there))

    async def _move_roots(self, id: RunId, repository: RepositoryId) -> None:
        c = root_runs.c
        query = select(c.part, c.root_module, c.outcome, c.report).where(c.run_id == id).order_by(c.part, c.root_module)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        if not rows:
            return
        kept = [
            KeptRoot(part, root, outcome, self._db.sealer.open(sealed, about=about_root(id, part, root)))
            for part, root, outcome, sealed in rows
        ]
        piece = self._piece(id, repository, "roots", 1)
        await self._pieces.put(piece, msgspec.msgpack.encode(kept))
        there = delete(root_runs).where(root_runs.c.run_id == id)
        await self._db.run(lambda connection: _note_instead(connection, piece, there))

    async def _move_lines(self, id: RunId, repository: RepositoryId) -> bool:
        """Move the beginning of what lies here of the log, as much as one object takes. False: nothing lies here."""
        moved = await self._db.run(lambda connection: pieces_of(connection, id, "log"))
        last = await self._last_of_next(id)
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
        number = 1 + max((piece.number for piece in moved), default=0)
        piece = self._piece(id, repository, "log", number, last_position=last)
        await self._pieces.put(piece, msgspec.msgpack.encode(kept))
        there = delete(log_lines).where(*mine)
        await self._db.run(lambda connection: _note_instead(connection, piece, there))
        return True

    async def _last_of_next(self, id: RunId) -> int | None:
        c = log_lines.c
        query = select(c.id, func.length(c.sealed)).where(c.run_id == id).order_by(c.id)
        sizes: Sequence[tuple[int, int]] = await self._db.run(lambda connection: connection.execute(query).all())
        total, last = 0, None
        for position, size in sizes:
            if last is not None and total + size > _MOST_BYTES:
                break
            total, last = total + size, position
        return last

    def _piece(self, id: RunId, repository: RepositoryId, kind: Kind, number: int, *, last_position: int = 0) -> Piece:
        return Piece(
            run_id=id,
            kind=kind,
            number=number,
            address=f"{repository}/{id}/{kind}-{number}",
            last_position=last_position,
            key_id=self._db.sealer.key_id,
        )


def _note_instead(connection: Connection, piece: Piece, statement: Executable) -> None:
    """Note where it lies now, and take it away from here."""
    note(connection, piece)
    connection.execute(statement)
