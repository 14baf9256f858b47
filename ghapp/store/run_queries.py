"""A run, and the queries for runs. Each query has an index and reads only the rows that it needs."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, desc, func, literal_column, or_, select

from ghapp.store.database import Database
from ghapp.store.run_state import ApplyState, MergeGroup, Operation, PlanState, RunState, read_state
from ghapp.store.tables import explained_pull_requests, runs
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, with the state of its flow."""

    id: RunId
    repository_id: RepositoryId
    operation: Operation
    environment: EnvironmentName
    branch: BranchName
    head_sha: CommitSha
    base_sha: CommitSha
    pull_request: int | None
    attempt: int
    check_run_name: str
    status: Literal["queued", "in_progress", "completed"] = "queued"
    conclusion: str | None = None
    title: str = ""
    check_run_id: int | None = None
    cancel_reason: str | None = None
    created_at: float = 0
    finished_at: float | None = None
    log_removed_at: float | None = None
    state: RunState

    @property
    def plan(self) -> PlanState:
        """The state of a plan run."""
        assert isinstance(self.state, PlanState)
        return self.state

    @property
    def apply(self) -> ApplyState:
        """The state of an apply run."""
        assert isinstance(self.state, ApplyState)
        return self.state

    @property
    def group(self) -> MergeGroup | None:
        """The merge queue's group of the run; None if there is none."""
        return self.state.group if isinstance(self.state, PlanState) else None


RUN_COLUMNS = tuple(runs.c["data" if name == "state" else name].label(name) for name in Run.__slots__)
"""The columns of a `Run`, by name."""


_COMPLETED: ColumnElement[str] = literal_column("'completed'")
"""A literal, since a parameter would not match the condition of the index of unfinished runs."""


class RunQueries:
    """Finds runs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def load(self, id: RunId) -> Run:
        """The run with this id. Raises KeyError."""
        found = await self.find(id)
        if found is None:
            raise KeyError(id)
        return found

    async def find(self, id: RunId) -> Run | None:
        """The run with this id, or None."""
        return await self._find(runs.c.id == id)

    async def find_by_check_run(self, repository: RepositoryId, check_run_id: int) -> Run | None:
        """The run of a check run, or None."""
        return await self._find(runs.c.repository_id == repository, runs.c.check_run_id == check_run_id)

    async def of_head(self, repository: RepositoryId, head: CommitSha, check_run_name: str) -> tuple[Run, ...]:
        """Runs shown on this commit under this name, oldest first."""
        return await self._select(*_of_head(repository, head, check_run_name))

    async def newest_of_head(self, repository: RepositoryId, head: CommitSha, check_run_name: str) -> Run | None:
        """The newest run shown on this commit under this name, or None."""
        return await self._newest(*_of_head(repository, head, check_run_name))

    async def count_attempts(
        self, repository: RepositoryId, head: CommitSha, check_run_name: str, *, besides: RunId
    ) -> int:
        """The number of runs on this commit under this name, except one."""
        query = select(func.count()).where(*_of_head(repository, head, check_run_name), runs.c.id != besides)
        return await self._db.read(lambda c: c.execute(query).scalar_one())

    async def hidden_by(self, run: Run, check_run_id: int) -> Run | None:
        """A later run of the same name and commit that GitHub does not show, since this check run is newer, or None."""
        c = runs.c
        later = (c.created_at > run.created_at, c.check_run_id < check_run_id)
        found = await self._select(*_of_head(run.repository_id, run.head_sha, run.check_run_name), *later)
        return found[0] if found else None

    async def newest_of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """The newest run of each name that is shown on this commit, by name."""
        c = runs.c
        names = select(c.check_run_name).where(c.repository_id == repository, c.head_sha == sha).distinct()
        rows = await self._db.read(lambda connection: connection.execute(names.order_by(c.check_run_name)).all())
        found = [await self.newest_of_head(repository, sha, name) for (name,) in rows]
        return tuple(run for run in found if run is not None)

    async def applies_of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """Apply runs shown on this commit, oldest first."""
        # Order and filter here: in SQL, SQLite would use another index and read all applies of the repository.
        query = select(*RUN_COLUMNS).where(runs.c.repository_id == repository, runs.c.head_sha == sha)
        found = [read_run(row) for row in await self._db.read(lambda c: c.execute(query).all())]
        applies = (run for run in found if run.operation == "apply")
        return tuple(sorted(applies, key=lambda run: (run.created_at, run.id)))

    async def unfinished_plans_of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """Unfinished plan runs shown on this commit, oldest first."""
        return await self._select(_is_unfinished_in(repository), runs.c.head_sha == sha, runs.c.operation == "plan")

    async def newest_plan(self, repository: RepositoryId, number: int) -> Run | None:
        """The newest plan run for this pull request, or None."""
        c = runs.c
        return await self._newest(c.repository_id == repository, c.pull_request == number, c.operation == "plan")

    async def unfinished_plans(self, repository: RepositoryId, number: int) -> tuple[Run, ...]:
        """Unfinished plan runs for this pull request, oldest first."""
        c = runs.c
        return await self._select(_is_unfinished_in(repository), c.pull_request == number, c.operation == "plan")

    async def newest_apply(self, repository: RepositoryId, environment: EnvironmentName) -> Run | None:
        """The newest apply run of an environment that was not cancelled, or None."""
        c = runs.c
        not_cancelled = or_(c.conclusion.is_(None), c.conclusion != "cancelled")
        return await self._newest(
            c.repository_id == repository, c.environment == environment, c.operation == "apply", not_cancelled
        )

    async def recent_applies(
        self, repository: RepositoryId, environment: EnvironmentName, *, limit: int
    ) -> tuple[Run, ...]:
        """The newest apply runs of an environment, newest first."""
        c = runs.c
        mine = (c.repository_id == repository, c.operation == "apply", c.environment == environment)
        newest = select(*RUN_COLUMNS).where(*mine).order_by(desc(c.created_at), desc(c.id)).limit(limit)
        return tuple(read_run(row) for row in await self._db.read(lambda connection: connection.execute(newest).all()))

    async def unfinished_applies(self, repository: RepositoryId, environment: EnvironmentName) -> tuple[Run, ...]:
        """Unfinished apply runs of an environment, oldest first."""
        c = runs.c
        return await self._select(_is_unfinished_in(repository), c.environment == environment, c.operation == "apply")

    async def unfinished_applies_of_branch(self, repository: RepositoryId, branch: BranchName) -> tuple[Run, ...]:
        """Unfinished runs that apply commits of this branch to any environment, oldest first."""
        c = runs.c
        return await self._select(_is_unfinished_in(repository), c.branch == branch, c.operation == "apply")

    async def explained_by(self, repository: RepositoryId, number: int) -> tuple[Run, ...]:
        """Apply runs that include this merged pull request, oldest first."""
        c = explained_pull_requests.c
        ids = select(c.run_id).where(c.repository_id == repository, c.number == number)
        return await self._select(runs.c.id.in_(ids))

    async def unfinished(self) -> tuple[Run, ...]:
        """All unfinished runs, oldest first."""
        return await self._select(runs.c.status != _COMPLETED)

    async def unfinished_in(self, repository: RepositoryId) -> tuple[Run, ...]:
        """Unfinished runs of a repository, oldest first."""
        return await self._select(_is_unfinished_in(repository))

    async def recent(self, repository: RepositoryId, *, limit: int = 100) -> tuple[Run, ...]:
        """The newest runs of a repository, newest first."""
        query = select(*RUN_COLUMNS).where(runs.c.repository_id == repository)
        query = query.order_by(desc(runs.c.created_at), desc(runs.c.id)).limit(limit)
        return tuple(read_run(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def count_by_status(self) -> dict[str, int]:
        """The number of runs in each status."""
        query = select(runs.c.status, func.count()).group_by(runs.c.status)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {str(status): int(count) for status, count in rows}

    async def _select(self, *conditions: ColumnElement[bool]) -> tuple[Run, ...]:
        query = select(*RUN_COLUMNS).where(*conditions).order_by(runs.c.created_at, runs.c.id)
        return tuple(read_run(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def _find(self, *conditions: ColumnElement[bool]) -> Run | None:
        query = select(*RUN_COLUMNS).where(*conditions)
        row = await self._db.read(lambda c: c.execute(query).first())
        return None if row is None else read_run(row)

    async def _newest(self, *conditions: ColumnElement[bool]) -> Run | None:
        query = select(*RUN_COLUMNS).where(*conditions).order_by(desc(runs.c.created_at), desc(runs.c.id)).limit(1)
        row = await self._db.read(lambda c: c.execute(query).first())
        return None if row is None else read_run(row)


def _of_head(repository: RepositoryId, head: CommitSha, check_run_name: str) -> tuple[ColumnElement[bool], ...]:
    c = runs.c
    return c.repository_id == repository, c.head_sha == head, c.check_run_name == check_run_name


def _is_unfinished_in(repository: RepositoryId) -> ColumnElement[bool]:
    """Whether a run is one of the repository's few unfinished runs, which have their own index.

    This is a subquery: otherwise SQLite would use another index and read all runs of the repository.
    """
    unfinished = runs.alias("unfinished").c
    return runs.c.id.in_(
        select(unfinished.id).where(unfinished.repository_id == repository, unfinished.status != _COMPLETED)
    )


def read_run(row: Row[Any]) -> Run:
    """Read a run from a row of `RUN_COLUMNS`."""
    values = row._mapping
    return Run(**{**values, "state": read_state(values["operation"], values["state"])})
