"""LAST of each environment (the commit to which Planward last brought it), and the recorded pushes to branches.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, desc, func, select

from ghapp.store.database import Database, equal, select_in, upsert
from ghapp.store.tables import lasts, pushes
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName, RepositoryId, TreeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """A commit to which an environment was brought up to date. `applied` is False if it was only adopted."""

    environment: EnvironmentName
    branch: BranchName
    sha: CommitSha
    tree: TreeId
    applied: bool
    at: float


_COLUMNS = tuple(lasts.c[name] for name in Last.__slots__)
# Built once: these are asked many times for every pull request.
_LAST = select(*_COLUMNS).where(*equal(lasts, "repository_id", "environment")).order_by(desc(lasts.c.id)).limit(1)
_LAST_OF_BRANCH = (
    select(*_COLUMNS)
    .where(*equal(lasts, "repository_id", "branch"), lasts.c.environment != TESTING)
    .order_by(desc(lasts.c.id))
    .limit(1)
)


class Branches:
    """The history of LAST, append-only, and the recorded pushes."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def last(self, repository: RepositoryId, environment: EnvironmentName) -> Last | None:
        """LAST of the environment; None if it was never adopted or applied."""
        values = {"repository_id": repository, "environment": environment}
        row = await self._db.read(lambda c: c.execute(_LAST, values).first())
        return None if row is None else Last(**row._mapping)

    async def last_applied(self, repository: RepositoryId, environment: EnvironmentName) -> Last | None:
        """The newest LAST of the environment that was applied, not adopted; None if there is none."""
        query = _newest(repository, environment).where(lasts.c.applied)
        row = await self._db.read(lambda c: c.execute(query).first())
        return None if row is None else Last(**row._mapping)

    async def recently_applied(
        self, repository: RepositoryId, environment: EnvironmentName, *, limit: int
    ) -> tuple[Last, ...]:
        """The newest LASTs of the environment that were applied, not adopted, newest first."""
        query = _newest(repository, environment, limit=limit).where(lasts.c.applied)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return tuple(Last(**row._mapping) for row in rows)

    async def was_applied(self, repository: RepositoryId, environment: EnvironmentName, sha: CommitSha) -> bool:
        """Whether an apply ever made the commit LAST of the environment."""
        query = _newest(repository, environment).where(lasts.c.sha == sha, lasts.c.applied)
        return await self._db.read(lambda c: c.execute(query).first()) is not None

    async def with_tree(self, repository: RepositoryId, environment: EnvironmentName, tree: TreeId) -> tuple[Last, ...]:
        """Every LAST of the environment whose commit had this tree, newest first."""
        query = _newest(repository, environment, limit=None).where(lasts.c.tree == tree)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return tuple(Last(**row._mapping) for row in rows)

    async def last_of_branch(self, repository: RepositoryId, branch: BranchName) -> Last | None:
        """The newest LAST that is a commit of this branch, in any environment except testing; None if there is none."""
        values = {"repository_id": repository, "branch": branch}
        row = await self._db.read(lambda connection: connection.execute(_LAST_OF_BRANCH, values).first())
        return None if row is None else Last(**row._mapping)

    async def all_last(self, repository: RepositoryId) -> tuple[Last, ...]:
        """LAST of every environment that has one, in the order in which they got it."""
        c = lasts.c

        def work(connection: Connection) -> list[Row[Any]]:
            found: list[Row[Any]] = []
            # One index lookup per environment, since the history of LAST only grows.
            first = select(func.min(c.environment)).where(c.repository_id == repository)
            environment = connection.scalar(first)
            while environment is not None:
                found.append(connection.execute(_newest(repository, environment).add_columns(c.id)).one())
                environment = connection.scalar(first.where(c.environment > environment))
            return sorted(found, key=lambda row: row.id)

        rows = await self._db.read(work)
        return tuple(Last(**{name: row._mapping[name] for name in Last.__slots__}) for row in rows)

    async def move_last(
        self,
        repository: RepositoryId,
        environment: EnvironmentName,
        branch: BranchName,
        sha: CommitSha,
        tree: TreeId,
        *,
        applied: bool,
    ) -> None:
        """Append a new LAST. If it is LAST already, nothing changes, unless it was only adopted and is now applied."""
        last = await self.last(repository, environment)
        if last is not None and (last.sha, last.branch) == (sha, branch) and last.applied >= applied:
            return
        row = {
            "repository_id": repository,
            "environment": environment,
            "branch": branch,
            "sha": sha,
            "tree": tree,
            "applied": applied,
            "at": self._db.clock(),
        }
        await self._db.run(lambda c: c.execute(lasts.insert().values(row)))

    async def record_push(
        self,
        repository: RepositoryId,
        branch: BranchName,
        before: CommitSha,
        after: CommitSha,
        pusher: str,
        pusher_id: int | None = None,
    ) -> None:
        """Record who pushed to a branch. Recording the same push again changes nothing.

        For a push to a pull request's head, which may be in a fork, `branch` is the name that `head_of` returns.
        """
        row = {
            "repository_id": repository,
            "branch": branch,
            "before": before,
            "after": after,
            "pusher": pusher,
            "at": self._db.clock(),
            "pusher_id": pusher_id,
        }
        await self._db.run(lambda c: upsert(c, pushes, row, update=[]))

    async def pushers(
        self, repository: RepositoryId, branch: BranchName, commits: Sequence[CommitSha]
    ) -> dict[CommitSha, str]:
        """Who last pushed each of these commits as the branch's tip."""
        c = pushes.c
        query = select(c.id, c.after, c.pusher).where(c.repository_id == repository, c.branch == branch)
        rows = await self._db.read(lambda connection: select_in(connection, query, c.after, commits))
        return {CommitSha(row.after): row.pusher for row in sorted(rows, key=lambda row: row.id)}

    async def pushers_since(self, repository: RepositoryId, branch: BranchName, last: Last | None) -> tuple[str, ...]:
        """The logins of people who pushed to a branch after `last`, or ever if that is None; each once, in order."""
        c = pushes.c
        of_branch = (c.repository_id == repository, c.branch == branch)

        def work(connection: Connection) -> Sequence[tuple[int, str]]:
            query = select(c.id, c.pusher).where(*of_branch)
            if last is not None:
                of_last = connection.scalar(select(func.max(c.id)).where(*of_branch, c.after == last.sha))
                # There is no recorded push for an adopted LAST.
                query = query.where(c.at >= last.at if of_last is None else c.id > of_last)
            return [(int(id), str(pusher)) for id, pusher in connection.execute(query).all()]

        rows = await self._db.read(work)
        # Order here: in SQL, SQLite would use an index for that, and read all pushes to the branch.
        return tuple(dict.fromkeys(pusher for _, pusher in sorted(rows)))


def _newest(repository: RepositoryId, environment: EnvironmentName, *, limit: int | None = 1) -> Select[Any]:
    c = lasts.c
    query = select(*_COLUMNS)
    return query.where(c.repository_id == repository, c.environment == environment).order_by(desc(c.id)).limit(limit)
