"""Markers record objects created elsewhere and notifications sent, so that nothing is created or sent twice."""

from sqlalchemy import Connection, select

from ghapp.store.database import Database, equal, upsert
from ghapp.store.marker_key import MarkerKey, V
from ghapp.store.tables import markers

_VALUE = select(markers.c.value).where(*equal(markers, "key"))  # built once


class Markers:
    """One value for each key; `marker_kinds` declares the kinds."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, key: MarkerKey[V]) -> V | None:
        """The value stored under this key, or None. Raises ValueError if this version does not know the value."""
        stored = await self._db.read(lambda c: c.scalar(_VALUE, {"key": key.text}))
        return None if stored is None else key.read(stored)

    async def claim(self, key: MarkerKey[V], value: V) -> bool:
        """Store a value unless the key already has one. Returns whether this value is stored."""
        row = {"key": key.text, "value": key.write(value), "at": self._db.clock()}

        def claimed(connection: Connection) -> bool:
            upsert(connection, markers, row, update=[])
            stored = connection.scalar(_VALUE, {"key": key.text})
            return bool(stored == row["value"])

        return await self._db.run(claimed)

    async def keep(self, key: MarkerKey[V], value: V) -> None:
        """Store a value; it replaces an earlier one."""
        row = {"key": key.text, "value": key.write(value), "at": self._db.clock()}
        await self._db.run(lambda c: upsert(c, markers, row, update=["value", "at"]))
