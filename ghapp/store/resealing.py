"""Seal anew, with the first key, what an older one sealed, so that the older one can be taken off the list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, func, select, update

from ghapp.store.database import Database
from ghapp.store.pieces import Piece, Pieces, about_lines, about_report, about_root
from ghapp.store.tables import log_lines, root_runs, run_objects, runs

_KEY_ID_BYTES = 4


class Resealing:
    """Rows and objects under older keys."""

    def __init__(self, database: Database, pieces: Pieces) -> None:
        self._db = database
        self._pieces = pieces

    @property
    def wanted(self) -> bool:
        """Whether more than one key is listed."""
        return bool(self._db.sealer.older_key_ids)

    async def rows(self, *, limit: int) -> int:
        """Seal so many rows anew; gives how many were found."""
        number = 0
        for column, keys in (
            (runs.c.report, [runs.c.id]),
            (root_runs.c.report, [root_runs.c.run_id, root_runs.c.part, root_runs.c.root_module]),
            (log_lines.c.sealed, [log_lines.c.id, log_lines.c.run_id, log_lines.c.part]),
        ):
            if number < limit:
                number += await self._rows_of(column, keys, limit=limit - number)
        return number

    async def objects(self, *, limit: int) -> int:
        """Seal so many objects anew; gives how many were found. Raises StoreUnavailable."""
        c = run_objects.c
        query = select(*(c[name] for name in Piece.__slots__)).where(c.key_id.in_(self._db.sealer.older_key_ids))
        rows = await self._db.read(lambda connection: connection.execute(query.limit(limit)).all())
        for row in rows:
            await self._object(Piece(**row._mapping))
        return len(rows)

    async def _rows_of(self, column: Column[Any], keys: Sequence[Column[Any]], *, limit: int) -> int:
        older = func.substr(column, 1, _KEY_ID_BYTES).in_(self._db.sealer.older_key_ids)
        rows = await self._db.read(lambda c: c.execute(select(column, *keys).where(older).limit(limit)).all())
        for sealed, *found in rows:
            await self._row(column, keys, sealed, found)
        return len(rows)

    async def _row(self, column: Column[Any], keys: Sequence[Column[Any]], sealed: bytes, found: Sequence[Any]) -> None:
        about = _about(column.table, found)
        anew = self._db.sealer.seal(self._db.sealer.open(sealed, about=about), about=about)
        mine = [key == value for key, value in zip(keys, found, strict=True)]
        # Only what was read: it may have been written again meanwhile.
        statement = update(runs.metadata.tables[column.table.name]).where(*mine, column == sealed)
        await self._db.run(lambda c: c.execute(statement.values({column.name: anew})))

    async def _object(self, piece: Piece) -> None:
        content = await self._pieces.content(piece)
        anew = replace(piece, key_id=self._db.sealer.key_id)
        if content is not None:
            await self._pieces.put(anew, content)
        c = run_objects.c
        mine = (c.run_id == piece.run_id, c.kind == piece.kind, c.number == piece.number)
        statement = update(run_objects).where(*mine).values(key_id=anew.key_id)
        await self._db.run(lambda connection: connection.execute(statement))


def _about(table: Any, found: Sequence[Any]) -> str:
    """What each row's sealed text is bound to."""
    if table is runs:
        return about_report(found[0])
    if table is root_runs:
        return about_root(*found)
    _, *of_lines = found
    return about_lines(*of_lines)
