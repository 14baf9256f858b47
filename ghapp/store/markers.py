"""Markers: ids of what was created elsewhere, and what was said, so that it is done once."""

from sqlalchemy import select

from ghapp.store.database import Database, upsert
from ghapp.store.tables import markers


class Markers:
    """Ids of what was made elsewhere (a comment, a deployment) and marks of what was said, so that it is done once."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, key: str) -> str | None:
        """The value kept under this key, or None."""
        return await self._db.read(lambda c: c.scalar(select(markers.c.value).where(markers.c.key == key)))

    async def keep(self, key: str, value: str) -> None:
        """Keep a value; the same key again replaces it."""
        row = {"key": key, "value": value, "at": self._db.clock()}
        await self._db.run(lambda c: upsert(c, markers, row, update=["value", "at"]))
