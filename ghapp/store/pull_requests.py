"""Pull requests as deliveries describe them, and the verdicts of `planward/plan` on each, with their times."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, desc, select, update

from ghapp.store.database import Database, equal, select_in, upsert
from ghapp.store.tables import pull_requests, verdicts
from ghapp.values import BranchName, CommitSha, RepositoryId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPullRequest:
    """A pull request; None means unknown."""

    repository_id: RepositoryId
    number: int
    state: Literal["open", "merged", "closed"]
    head_sha: CommitSha
    head_repository_id: RepositoryId | None
    base_branch: BranchName
    url: str
    author: str
    author_id: int
    author_is_bot: bool
    draft: bool
    title: str
    merge_sha: CommitSha | None = None
    merged_by: str | None = None
    merged_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `planward/plan` shows for one pull request, head and base branch: its conclusion, or `in_progress`.

    It has shown this since `at`.
    """

    pull_request: int
    base_branch: BranchName
    head_sha: CommitSha
    base_sha: CommitSha
    run_id: RunId
    conclusion: str
    at: float


_NAMES = tuple(KnownPullRequest.__slots__)
_COLUMNS = tuple(pull_requests.c[name] for name in _NAMES)


def _by_number(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(*conditions).order_by(pull_requests.c.number)


# The statements are built once: each is run many times for every pull request.
_IS_OPEN = pull_requests.c.state == "open"
_FIND = _by_number(*equal(pull_requests, "repository_id", "number"))
_OPEN = _by_number(*equal(pull_requests, "repository_id"), _IS_OPEN)
_OPEN_WITH_HEAD = _by_number(*equal(pull_requests, "repository_id", "head_sha"), _IS_OPEN)
_OPEN_INTO = _by_number(*equal(pull_requests, "repository_id", "base_branch"), _IS_OPEN)
_VERDICTS = (
    select(*(verdicts.c[name] for name in Verdict.__slots__))
    .where(*equal(verdicts, "repository_id", "pull_request", "base_branch", "head_sha"))
    .order_by(desc(verdicts.c.id))
)
_NEWEST_VERDICT = _VERDICTS.limit(1)
_NEWEST_FINISHED_VERDICT = _VERDICTS.where(verdicts.c.conclusion != "in_progress").limit(1)


class PullRequests:
    """Rows of pull requests and verdicts."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def record(self, pull_request: KnownPullRequest) -> None:
        """Record a pull request as its newest delivery describes it."""
        values = {name: getattr(pull_request, name) for name in _NAMES} | {"seen_at": self._db.clock()}
        changing = [name for name in values if name not in ("repository_id", "number")]
        await self._db.run(lambda c: upsert(c, pull_requests, values, update=changing))

    async def find(self, repository: RepositoryId, number: int) -> KnownPullRequest | None:
        """The pull request with this number, or None."""
        found = await self._select(_FIND, repository_id=repository, number=number)
        return found[0] if found else None

    async def open_with_head(self, repository: RepositoryId, head: CommitSha) -> tuple[KnownPullRequest, ...]:
        """Open pull requests that share this head, by number."""
        return await self._select(_OPEN_WITH_HEAD, repository_id=repository, head_sha=head)

    async def open_into(self, repository: RepositoryId, base: BranchName) -> tuple[KnownPullRequest, ...]:
        """Open pull requests into this branch, by number."""
        return await self._select(_OPEN_INTO, repository_id=repository, base_branch=base)

    async def all_open(self, repository: RepositoryId) -> tuple[KnownPullRequest, ...]:
        """Open pull requests, by number."""
        return await self._select(_OPEN, repository_id=repository)

    async def merged_as(self, repository: RepositoryId, commits: tuple[CommitSha, ...]) -> tuple[KnownPullRequest, ...]:
        """Merged pull requests whose merge SHA is one of these commits, by number."""
        c = pull_requests.c
        # Filter here: in SQL, SQLite would use the index of states and read all merged pull requests.
        query = select(*_COLUMNS).where(c.repository_id == repository)
        rows = await self._db.read(lambda connection: select_in(connection, query, c.merge_sha, commits))
        merged = (each for each in map(_read, rows) if each.state == "merged")
        return tuple(sorted(merged, key=lambda each: each.number))

    async def _select(self, query: Select[Any], **values: Any) -> tuple[KnownPullRequest, ...]:
        rows = await self._db.read(lambda connection: connection.execute(query, values).all())
        return tuple(_read(row) for row in rows)

    async def record_verdict(
        self,
        repository: RepositoryId,
        number: int,
        *,
        base_branch: BranchName,
        head_sha: CommitSha,
        base_sha: CommitSha,
        run_id: RunId,
        conclusion: str,
        at: float,
    ) -> None:
        """Append a verdict and the time since which GitHub shows it; `in_progress` invalidates the previous one."""
        row = {
            "repository_id": repository,
            "pull_request": number,
            "base_branch": base_branch,
            "head_sha": head_sha,
            "base_sha": base_sha,
            "run_id": run_id,
            "conclusion": conclusion,
            "at": at,
        }
        await self._db.run(lambda c: c.execute(verdicts.insert().values(row)))

    async def verdicts(
        self,
        repository: RepositoryId,
        number: int,
        *,
        base_branch: BranchName,
        head_sha: CommitSha,
    ) -> tuple[Verdict, ...]:
        """The verdicts for this pull request, base branch and head, newest first."""
        values = _of_verdicts(repository, number, base_branch, head_sha)
        rows = await self._db.read(lambda connection: connection.execute(_VERDICTS, values).all())
        return tuple(Verdict(**row._mapping) for row in rows)

    async def newest_verdict(
        self,
        repository: RepositoryId,
        number: int,
        *,
        base_branch: BranchName,
        head_sha: CommitSha,
        finished: bool = False,
    ) -> Verdict | None:
        """The newest of the `verdicts`, or None. With `finished`, the newest one that is not in progress."""
        query = _NEWEST_FINISHED_VERDICT if finished else _NEWEST_VERDICT
        values = _of_verdicts(repository, number, base_branch, head_sha)
        row = await self._db.read(lambda connection: connection.execute(query, values).first())
        return None if row is None else Verdict(**row._mapping)

    async def close_unmerged(self, repository: RepositoryId, numbers: tuple[int, ...]) -> None:
        """Mark as closed the pull requests that GitHub no longer lists as open."""
        c = pull_requests.c
        statement = update(pull_requests).where(c.repository_id == repository, c.number.in_(numbers))
        values = {"state": "closed", "seen_at": self._db.clock()}
        await self._db.run(lambda connection: connection.execute(statement.values(values)))


def _of_verdicts(
    repository: RepositoryId, number: int, base_branch: BranchName, head_sha: CommitSha
) -> dict[str, object]:
    return {"repository_id": repository, "pull_request": number, "base_branch": base_branch, "head_sha": head_sha}


def _read(row: Row[tuple[object, ...]]) -> KnownPullRequest:
    return KnownPullRequest(**row._mapping)
