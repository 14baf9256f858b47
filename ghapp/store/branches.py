"""LAST of each environment, and who pushed what: the memory behind "is this push explained".

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, desc, func, or_, select

from ghapp.store.database import Database, upsert
from ghapp.store.tables import lasts, pushes
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName, RepositoryId, TreeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """A commit at which an environment was brought up to date; `applied` False: adopted, it was there before us."""

    environment: EnvironmentName
    branch: BranchName
    sha: CommitSha
    tree: TreeId
    applied: bool
    at: float


class Branches:
    """The history of LAST, append-only, and the pushes seen."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def last(self, repository: RepositoryId, environment: EnvironmentName) -> Last | None:
        """LAST of the environment; None where it was never adopted nor applied."""
        history = await self._history(repository, environment, limit=1)
        return history[0] if history else None

    async def last_of_branch(self, repository: RepositoryId, branch: BranchName) -> Last | None:
        """LAST of whichever environment this branch last stood for; None for a branch that never did."""
        c = lasts.c
        query = (
            select(c.environment, c.branch, c.sha, c.tree, c.applied, c.at)
            .where(c.repository_id == repository, c.branch == branch, c.environment != TESTING)
            .order_by(desc(c.id))
            .limit(1)
        )
        row = await self._db.read(lambda connection: connection.execute(query).first())
        return None if row is None else Last(**row._mapping)

    async def all_last(self, repository: RepositoryId) -> tuple[Last, ...]:
        """LAST of every environment that has one."""
        c = lasts.c
        newest = select(func.max(c.id)).where(c.repository_id == repository).group_by(c.environment)
        query = select(c.environment, c.branch, c.sha, c.tree, c.applied, c.at).where(c.id.in_(newest)).order_by(c.id)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return tuple(Last(**row._mapping) for row in rows)

    async def history(self, repository: RepositoryId, environment: EnvironmentName) -> tuple[Last, ...]:
        """Each commit that once was LAST, newest first."""
        return await self._history(repository, environment, limit=None)

    async def _history(
        self, repository: RepositoryId, environment: EnvironmentName, *, limit: int | None
    ) -> tuple[Last, ...]:
        c = lasts.c
        query = (
            select(c.environment, c.branch, c.sha, c.tree, c.applied, c.at)
            .where(c.repository_id == repository, c.environment == environment)
            .order_by(desc(c.id))
            .limit(limit)
        )
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return tuple(Last(**row._mapping) for row in rows)

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
        """Append a new LAST; the same commit again changes nothing, unless what was adopted is applied now."""
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
        self, repository: RepositoryId, branch: BranchName, before: CommitSha, after: CommitSha, pusher: str
    ) -> None:
        """Remember who pushed; the same push twice is one."""
        row = {
            "repository_id": repository,
            "branch": branch,
            "before": before,
            "after": after,
            "pusher": pusher,
            "at": self._db.clock(),
        }
        await self._db.run(lambda c: upsert(c, pushes, row, update=[]))

    async def pushers(self, repository: RepositoryId, branch: BranchName) -> dict[CommitSha, str]:
        """Who pushed each commit that once was the branch's tip, `after` → login."""
        query = select(pushes.c.after, pushes.c.pusher).where(
            pushes.c.repository_id == repository, pushes.c.branch == branch
        )
        rows = await self._db.read(lambda c: c.execute(query.order_by(pushes.c.id)).all())
        return {CommitSha(after): pusher for after, pusher in rows}

    async def pushers_of(
        self, repository: RepositoryId, branch: BranchName, commits: Collection[CommitSha]
    ) -> frozenset[str]:
        """Everybody who ever pushed one of these commits as the branch's tip."""
        c = pushes.c
        query = select(c.pusher).where(c.repository_id == repository, c.branch == branch, c.after.in_(commits))
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return frozenset(str(pusher) for (pusher,) in rows)

    async def pushers_since(self, repository: RepositoryId, branch: BranchName, last: Last | None) -> tuple[str, ...]:
        """Who pushed to a branch after LAST was pushed, in order, each once; with no LAST, everybody."""
        c = pushes.c
        of_branch = (c.repository_id == repository, c.branch == branch)
        query = select(c.pusher).where(*of_branch)
        if last is not None:
            of_last = select(func.max(c.id)).where(*of_branch, c.after == last.sha).scalar_subquery()
            # A LAST that was adopted came with no push that we saw.
            query = query.where(or_(c.id > of_last, and_(of_last.is_(None), c.at >= last.at)))
        rows = await self._db.read(lambda connection: connection.execute(query.order_by(c.id)).all())
        return tuple(dict.fromkeys(str(pusher) for (pusher,) in rows))
