"""People's decisions about commits, and the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ghapp.store.database import Database, equal
from ghapp.store.tables import approvals, audit
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName, RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's decision about one commit and the plans that they saw. Without a plan there are no `digests`."""

    kind: str
    environment: EnvironmentName
    sha: CommitSha
    digests: tuple[str, ...]
    by: str
    at: float
    by_id: int | None = None
    """GitHub's id of the person; None if an older version recorded the approval, or if it is by several people."""
    pull_request: int | None = None
    base_branch: BranchName | None = None
    """The pull request and its base, if the decision is about a pull request."""


# Built once: this is asked several times for every pull request.
_OF = (
    select(*(approvals.c[name] for name in Approval.__slots__))
    .where(*equal(approvals, "repository_id", "sha", "kind", "environment"))
    .order_by(approvals.c.id)
)


class Approvals:
    """People's decisions, and the audit log of everything that people did."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(
        self,
        repository: RepositoryId,
        *,
        kind: str,
        environment: EnvironmentName,
        sha: CommitSha,
        by: str,
        by_id: int | None = None,
        pull_request: int | None = None,
        base_branch: BranchName | None = None,
        digests: Sequence[str] = (),
        audited: bool = True,
    ) -> None:
        """Record a decision, and if `audited` also in the audit log; otherwise the caller does that."""
        now = self._db.clock()
        row = {
            "repository_id": repository,
            "kind": kind,
            "environment": environment,
            "sha": sha,
            "digests": list(digests),
            "by": by,
            "at": now,
            "by_id": by_id,
            "pull_request": pull_request,
            "base_branch": base_branch,
        }
        entry = {
            "repository_id": repository,
            "at": now,
            "who": by,
            "did": kind,
            "sha": sha,
            "details": {"environment": environment, "digests": list(digests)},
        }

        def work(connection: Any) -> None:
            connection.execute(approvals.insert().values(row))
            if audited:
                connection.execute(audit.insert().values(entry))

        await self._db.run(work)

    async def of(
        self, repository: RepositoryId, sha: CommitSha, *, kind: str, environment: EnvironmentName
    ) -> tuple[Approval, ...]:
        """Decisions of this kind about this commit in this environment, oldest first."""
        values = {"repository_id": repository, "sha": sha, "kind": kind, "environment": environment}
        rows = await self._db.read(lambda connection: connection.execute(_OF, values).all())
        return tuple(Approval(**{**row._mapping, "digests": tuple(row.digests)}) for row in rows)

    async def for_pull_request(
        self, repository: RepositoryId, sha: CommitSha, *, number: int, base_branch: BranchName, kind: str
    ) -> tuple[Approval, ...]:
        """Decisions of this kind about this head of a pull request into this base, oldest first.

        An approval for another base or pull request does not count.
        """
        found = await self.of(repository, sha, kind=kind, environment=TESTING)
        return tuple(each for each in found if (each.pull_request, each.base_branch) == (number, base_branch))

    async def audit(self, repository: RepositoryId, *, who: str, did: str, sha: str, **details: Any) -> None:
        """Record an action that is not an approval (a re-run, a cancel, a refused attempt)."""
        row = {
            "repository_id": repository,
            "at": self._db.clock(),
            "who": who,
            "did": did,
            "sha": sha,
            "details": details,
        }
        await self._db.run(lambda c: c.execute(audit.insert().values(row)))
