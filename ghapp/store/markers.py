"""Markers: ids of what was created elsewhere, and what was said, so that it is done once."""

from sqlalchemy import Connection, select

from ghapp.store.database import Database, upsert
from ghapp.store.marker_kinds import MarkerKey, V
from ghapp.store.tables import markers


class Markers:
    """One value for each key; `marker_kinds` declares what there is."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, key: MarkerKey[V]) -> V | None:
        """The value kept under this key, or None. Raises ValueError on a value that this version does not know."""
        stored = await self._db.read(lambda c: c.scalar(select(markers.c.value).where(markers.c.key == key.text)))
        return None if stored is None else key.read(stored)

    async def claim(self, key: MarkerKey[V], value: V) -> bool:
        """Keep a value unless there is one under this key; gives whether this value is kept."""
        row = {"key": key.text, "value": key.write(value), "at": self._db.clock()}

        def claimed(connection: Connection) -> bool:
            upsert(connection, markers, row, update=[])
            stored = connection.scalar(select(markers.c.value).where(markers.c.key == key.text))
            return bool(stored == row["value"])

        return await self._db.run(claimed)

    async def keep(self, key: MarkerKey[V], value: V) -> None:
        """Keep a value; the same key again replaces it."""
        row = {"key": key.text, "value": key.write(value), "at": self._db.clock()}
        await self._db.run(lambda c: upsert(c, markers, row, update=["value", "at"]))
