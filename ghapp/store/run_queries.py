"""A run, and the queries for runs. Each query has an index and reads only the rows that it needs."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, bindparam, desc, func, literal_column, or_, select

from ghapp.store.database import Database, equal
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
        """The merge group that the run checks; None if it does not check one."""
        return self.state.group if isinstance(self.state, PlanState) else None


RUN_COLUMNS = tuple(runs.c["data" if name == "state" else name].label(name) for name in Run.__slots__)
"""The columns of a `Run`, by name."""


_COMPLETED: ColumnElement[str] = literal_column("'completed'")
"""A literal, since a parameter would not match the condition of the index of unfinished runs."""


def _is_unfinished_in_repository() -> ColumnElement[bool]:
    """Whether a run is one of the repository's few unfinished runs, which have their own index.

    This is a subquery: otherwise SQLite would use another index and read all runs of the repository.
    """
    unfinished = runs.alias("unfinished").c
    return runs.c.id.in_(
        select(unfinished.id).where(
            unfinished.repository_id == bindparam("repository_id"), unfinished.status != _COMPLETED
        )
    )


def _ordered(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*RUN_COLUMNS).where(*conditions).order_by(runs.c.created_at, runs.c.id)


def _newest(*conditions: ColumnElement[bool]) -> Select[Any]:
    query = select(*RUN_COLUMNS).where(*conditions)
    return query.order_by(desc(runs.c.created_at), desc(runs.c.id)).limit(bindparam("most"))


# The statements are built once: each is run many times for every pull request.
_OF_HEAD = equal(runs, "repository_id", "head_sha", "check_run_name")
_IS_UNFINISHED = _is_unfinished_in_repository()
_IS_PLAN, _IS_APPLY = runs.c.operation == "plan", runs.c.operation == "apply"
FIND = select(*RUN_COLUMNS).where(*equal(runs, "id"))
_FIND_BY_CHECK_RUN = select(*RUN_COLUMNS).where(*equal(runs, "repository_id", "check_run_id"))
_RUNS_OF_HEAD = _ordered(*_OF_HEAD)
_NEWEST_OF_HEAD = _newest(*_OF_HEAD)
_COUNT_OF_HEAD = select(func.count()).where(*_OF_HEAD, runs.c.id != bindparam("besides"))
_HIDDEN = _ordered(
    *_OF_HEAD, runs.c.created_at > bindparam("created_after"), runs.c.check_run_id < bindparam("check_run_id")
)
# Order and filter in Python: in SQL, SQLite would use another index and read all applies of the repository.
_OF_COMMIT = select(*RUN_COLUMNS).where(*equal(runs, "repository_id", "head_sha"))
_UNFINISHED = _ordered(_IS_UNFINISHED)
_UNFINISHED_PLANS = _ordered(_IS_UNFINISHED, *equal(runs, "pull_request"), _IS_PLAN)
_UNFINISHED_PLANS_OF_COMMIT = _ordered(_IS_UNFINISHED, *equal(runs, "head_sha"), _IS_PLAN)
_UNFINISHED_APPLIES = _ordered(_IS_UNFINISHED, *equal(runs, "environment"), _IS_APPLY)
_UNFINISHED_APPLIES_OF_BRANCH = _ordered(_IS_UNFINISHED, *equal(runs, "branch"), _IS_APPLY)
_NEWEST_PLAN = _newest(*equal(runs, "repository_id", "pull_request"), _IS_PLAN)
_APPLIES = (*equal(runs, "repository_id", "environment"), _IS_APPLY)
_NEWEST_APPLIES = _newest(*_APPLIES)
_NEWEST_KEPT_APPLY = _newest(*_APPLIES, or_(runs.c.conclusion.is_(None), runs.c.conclusion != "cancelled"))
_EXPLAINED = _ordered(
    runs.c.id.in_(
        select(explained_pull_requests.c.run_id).where(*equal(explained_pull_requests, "repository_id", "number"))
    )
)
_RECENT = _newest(*equal(runs, "repository_id"))


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
        return await self._first(FIND, id=id)

    async def find_by_check_run(self, repository: RepositoryId, check_run_id: int) -> Run | None:
        """The run of a check run, or None."""
        return await self._first(_FIND_BY_CHECK_RUN, repository_id=repository, check_run_id=check_run_id)

    async def of_head(self, repository: RepositoryId, head: CommitSha, check_run_name: str) -> tuple[Run, ...]:
        """Runs shown on this commit under this name, oldest first."""
        return await self._all(_RUNS_OF_HEAD, repository_id=repository, head_sha=head, check_run_name=check_run_name)

    async def newest_of_head(self, repository: RepositoryId, head: CommitSha, check_run_name: str) -> Run | None:
        """The newest run shown on this commit under this name, or None."""
        values = {"repository_id": repository, "head_sha": head, "check_run_name": check_run_name}
        return await self._first(_NEWEST_OF_HEAD, **values, most=1)

    async def count_attempts(
        self, repository: RepositoryId, head: CommitSha, check_run_name: str, *, besides: RunId
    ) -> int:
        """The number of runs on this commit under this name, except one."""
        values = {"repository_id": repository, "head_sha": head, "check_run_name": check_run_name, "besides": besides}
        return await self._db.read(lambda c: c.execute(_COUNT_OF_HEAD, values).scalar_one())

    async def hidden_by(self, run: Run, check_run_id: int) -> Run | None:
        """A run that GitHub hides because the check run `check_run_id` of `run` is newer; None if there is none.

        The hidden run has the same commit and name. It began after `run`, but its check run was created earlier.
        """
        return await self._first(
            _HIDDEN,
            repository_id=run.repository_id,
            head_sha=run.head_sha,
            check_run_name=run.check_run_name,
            created_after=run.created_at,
            check_run_id=check_run_id,
        )

    async def newest_of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """The newest run of each name that is shown on this commit, by name."""
        c = runs.c
        names = select(c.check_run_name).where(c.repository_id == repository, c.head_sha == sha).distinct()
        rows = await self._db.read(lambda connection: connection.execute(names.order_by(c.check_run_name)).all())
        found = [await self.newest_of_head(repository, sha, name) for (name,) in rows]
        return tuple(run for run in found if run is not None)

    async def applies_of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """Apply runs shown on this commit, oldest first."""
        found = await self._all(_OF_COMMIT, repository_id=repository, head_sha=sha)
        applies = (run for run in found if run.operation == "apply")
        return tuple(sorted(applies, key=lambda run: (run.created_at, run.id)))

    async def unfinished_plans_of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """Unfinished plan runs shown on this commit, oldest first."""
        return await self._all(_UNFINISHED_PLANS_OF_COMMIT, repository_id=repository, head_sha=sha)

    async def newest_plan(self, repository: RepositoryId, number: int) -> Run | None:
        """The newest plan run for this pull request, or None."""
        return await self._first(_NEWEST_PLAN, repository_id=repository, pull_request=number, most=1)

    async def unfinished_plans(self, repository: RepositoryId, number: int) -> tuple[Run, ...]:
        """Unfinished plan runs for this pull request, oldest first."""
        return await self._all(_UNFINISHED_PLANS, repository_id=repository, pull_request=number)

    async def newest_apply(self, repository: RepositoryId, environment: EnvironmentName) -> Run | None:
        """The newest apply run of an environment that was not cancelled, or None."""
        return await self._first(_NEWEST_KEPT_APPLY, repository_id=repository, environment=environment, most=1)

    async def recent_applies(
        self, repository: RepositoryId, environment: EnvironmentName, *, limit: int
    ) -> tuple[Run, ...]:
        """The newest apply runs of an environment, newest first."""
        return await self._all(_NEWEST_APPLIES, repository_id=repository, environment=environment, most=limit)

    async def unfinished_applies(self, repository: RepositoryId, environment: EnvironmentName) -> tuple[Run, ...]:
        """Unfinished apply runs of an environment, oldest first."""
        return await self._all(_UNFINISHED_APPLIES, repository_id=repository, environment=environment)

    async def unfinished_applies_of_branch(self, repository: RepositoryId, branch: BranchName) -> tuple[Run, ...]:
        """Unfinished runs that apply commits of this branch to any environment, oldest first."""
        return await self._all(_UNFINISHED_APPLIES_OF_BRANCH, repository_id=repository, branch=branch)

    async def explained_by(self, repository: RepositoryId, number: int) -> tuple[Run, ...]:
        """Apply runs that include this merged pull request, oldest first."""
        return await self._all(_EXPLAINED, repository_id=repository, number=number)

    async def unfinished(self) -> tuple[Run, ...]:
        """All unfinished runs, oldest first."""
        return await self._all(_ordered(runs.c.status != _COMPLETED))

    async def unfinished_in(self, repository: RepositoryId) -> tuple[Run, ...]:
        """Unfinished runs of a repository, oldest first."""
        return await self._all(_UNFINISHED, repository_id=repository)

    async def recent(self, repository: RepositoryId, *, limit: int = 100) -> tuple[Run, ...]:
        """The newest runs of a repository, newest first."""
        return await self._all(_RECENT, repository_id=repository, most=limit)

    async def count_by_status(self) -> dict[str, int]:
        """The number of runs in each status."""
        query = select(runs.c.status, func.count()).group_by(runs.c.status)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {str(status): int(count) for status, count in rows}

    async def _all(self, query: Select[Any], **values: Any) -> tuple[Run, ...]:
        return tuple(read_run(row) for row in await self._db.read(lambda c: c.execute(query, values).all()))

    async def _first(self, query: Select[Any], **values: Any) -> Run | None:
        row = await self._db.read(lambda c: c.execute(query, values).first())
        return None if row is None else read_run(row)


def read_run(row: Row[Any]) -> Run:
    """Read a run from a row of `RUN_COLUMNS`."""
    values = row._mapping
    return Run(**{**values, "state": read_state(values["operation"], values["state"])})
