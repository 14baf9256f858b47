"""Markers of what is over: they go with the run or the pull request for which something was made once.

`adopted:…` and `applying:…` stay: there is one a repository, and one an environment.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select

from ghapp.store.database import Database
from ghapp.store.tables import markers, pull_requests, runs

_REDELIVERED_S = 30 * 24 * 3600.0
"""GitHub keeps deliveries for three days."""
_OF_RUN = ("deployment:", "said:")
_OF_PULL_REQUEST = ("comment:", "promotion:", "said:promotion:", "said:")


class OldMarkers:
    """Markers by what they stand for, read from their keys."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def remove(self, *, before: float, limit: int, after: str = "") -> tuple[int, str | None]:
        """Look at so many markers that were kept before, in the order of their keys after `after`.

        Gives how many were removed, and the last key that was looked at; None where there are no more.
        """
        c = markers.c
        query = select(c.key).where(c.at < before, c.key > after).order_by(c.key).limit(limit)
        keys = [str(row[0]) for row in await self._db.read(lambda connection: connection.execute(query).all())]
        over = [key for key in keys if await self._is_over(key)]
        if over:
            statement = delete(markers).where(c.key.in_(over), c.at < before)
            await self._db.run(lambda connection: connection.execute(statement))
        return len(over), keys[-1] if len(keys) == limit else None

    async def remove_redelivered(self) -> int:
        """Remove markers of redeliveries that GitHub has long forgotten."""
        c = markers.c
        old = delete(markers).where(c.key.startswith("redelivered:"), c.at < self._db.clock() - _REDELIVERED_S)
        return int(await self._db.run(lambda connection: connection.execute(old).rowcount))

    async def _is_over(self, key: str) -> bool:
        pull_request = _pull_request_of(key)
        if pull_request is not None:
            repository, number = pull_request
            of = pull_requests.c
            query = select(of.number).where(of.repository_id == repository, of.number == number)
        elif key.startswith(_OF_RUN):
            query = select(runs.c.id).where(runs.c.id == key.split(":")[1])
        else:
            return False
        return await self._db.run(lambda connection: connection.execute(query).first()) is None


def _pull_request_of(key: str) -> tuple[int, int] | None:
    """The repository and number that a key names, as in `comment:7:12`; None for a key of another kind."""
    for prefix in sorted(_OF_PULL_REQUEST, key=len, reverse=True):
        words: Sequence[str] = key.removeprefix(prefix).split(":")
        if key.startswith(prefix) and len(words) >= 2 and words[0].isdecimal() and words[1].isdecimal():
            return int(words[0]), int(words[1])
    return None
