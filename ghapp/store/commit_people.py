"""Authors and pushers of commits, for the four-eyes rule."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, not_, or_, select

from ghapp.store.database import Database, upsert
from ghapp.store.tables import commit_writers, pushes
from ghapp.values import BranchName, CommitSha, RepositoryId

_HEADS = "pull:"
_AT_ONCE = 500
"""The most values in one query; SQLite allows 32,766."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPush:
    """A push from a delivery; `pusher_id` is None if an older version recorded the push."""

    branch: BranchName
    before: CommitSha
    after: CommitSha
    pusher: str
    pusher_id: int | None


def head_of(number: int) -> BranchName:
    """The name under which pushes to a pull request's head are recorded; no branch name contains a colon."""
    return BranchName(f"{_HEADS}{number}")


class CommitPeople:
    """Rows of pushes and of authors of commits."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def pushes(
        self, repository: RepositoryId, commits: Sequence[CommitSha], branches: Collection[BranchName]
    ) -> tuple[RecordedPush, ...]:
        """Every push that made one of these commits a branch's tip, and every push to one of `branches`, oldest first.

        Pushes to the head of another pull request, for example in a fork, are not included.
        """
        c = pushes.c
        rows: dict[int, Any] = {}
        for start in range(0, max(len(commits), 1), _AT_ONCE):
            ours = and_(c.after.in_(commits[start : start + _AT_ONCE]), not_(c.branch.startswith(_HEADS)))
            chosen = or_(ours, c.branch.in_(branches))
            columns = (c.id, c.branch, c.before, c.after, c.pusher, c.pusher_id)
            found = await self._rows(select(*columns).where(c.repository_id == repository, chosen))
            rows |= {row.id: row for row in found}
        return tuple(
            RecordedPush(
                branch=BranchName(row.branch),
                before=CommitSha(row.before),
                after=CommitSha(row.after),
                pusher=row.pusher,
                pusher_id=row.pusher_id,
            )
            for _, row in sorted(rows.items())
        )

    async def writers(self, repository: RepositoryId, commits: Sequence[CommitSha]) -> dict[CommitSha, dict[int, str]]:
        """The authors and committers of these commits according to GitHub: login by id, "" if an older version
        recorded the commit."""
        c = commit_writers.c
        known: dict[CommitSha, dict[int, str]] = {}
        for start in range(0, len(commits), _AT_ONCE):
            query = select(c.sha, c.writers, c.names).where(
                c.repository_id == repository, c.sha.in_(commits[start : start + _AT_ONCE])
            )
            for row in await self._rows(query):
                names = row.names or [""] * len(row.writers)
                known[CommitSha(row.sha)] = dict(zip(row.writers, names, strict=True))
        return known

    async def record_writers(self, repository: RepositoryId, writers: Mapping[CommitSha, Mapping[int, str]]) -> None:
        """Record the accounts that GitHub names for commits; these do not change."""
        now = self._db.clock()
        rows = [
            {"repository_id": repository, "sha": sha, "writers": [*people], "names": [*people.values()], "at": now}
            for sha, people in writers.items()
        ]

        def work(connection: Connection) -> None:
            for row in rows:
                upsert(connection, commit_writers, row, update=[])

        await self._db.run(work)

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return await self._db.read(lambda connection: connection.execute(query).all())
