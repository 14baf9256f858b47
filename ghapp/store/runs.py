"""Runs: one operation for one commit in one environment, its root runs, its masked report and its masked log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Row, desc, func, select, update

from ghapp.store.database import Database, upsert
from ghapp.store.marker_kinds import EnvironmentHolder
from ghapp.store.run_objects import RunObjects, about_lines, about_report, about_root, objects_of
from ghapp.store.run_state import (
    ApplyState,
    CheckRunState,
    Claim,
    MergeGroup,
    Operation,
    PlanState,
    RunState,
    read_state,
    state_to_store,
)
from ghapp.store.tables import log_lines, markers, root_runs, runs
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
        """The merge queue's group that the run is for; None where it is for none."""
        return self.state.group if isinstance(self.state, PlanState) else None


RUN_COLUMNS = tuple(runs.c["data" if name == "state" else name].label(name) for name in Run.__slots__)
"""The columns of a `Run`, by its names."""


class Runs:
    """Rows of runs."""

    def __init__(self, database: Database, run_objects: RunObjects) -> None:
        self._db = database
        self._run_objects = run_objects

    async def begin(self, run: Run) -> Run:
        """Insert the run, or give the one that is there under its id: a replayed step finds what it left."""
        values = {name: getattr(run, name) for name in Run.__slots__ if name != "state"}
        values |= {"data": state_to_store(run.state), "created_at": self._db.clock()}
        await self._db.run(lambda c: upsert(c, runs, values, update=[]))
        return await self.load(run.id)

    async def load(self, id: RunId) -> Run:
        """The run of this id. Raises KeyError."""
        found = await self.find(id)
        if found is None:
            raise KeyError(id)
        return found

    async def find(self, id: RunId) -> Run | None:
        """The run of this id, or None."""
        found = await self._select(runs.c.id == id)
        return found[0] if found else None

    async def find_by_check_run(self, repository: RepositoryId, check_run_id: int) -> Run | None:
        """The run that a check run shows, or None."""
        found = await self._select(runs.c.repository_id == repository, runs.c.check_run_id == check_run_id)
        return found[0] if found else None

    async def of_head(self, repository: RepositoryId, head: CommitSha, check_run_name: str) -> tuple[Run, ...]:
        """Runs shown on this commit under this name, oldest first."""
        c = runs.c
        return await self._select(c.repository_id == repository, c.head_sha == head, c.check_run_name == check_run_name)

    async def of_commit(self, repository: RepositoryId, sha: CommitSha) -> tuple[Run, ...]:
        """All runs shown on this commit, oldest first."""
        return await self._select(runs.c.repository_id == repository, runs.c.head_sha == sha)

    async def of_pull_request(self, repository: RepositoryId, number: int) -> tuple[Run, ...]:
        """Plan runs begun for this pull request, oldest first."""
        c = runs.c
        return await self._select(c.repository_id == repository, c.pull_request == number, c.operation == "plan")

    async def applies(self, repository: RepositoryId, environment: EnvironmentName) -> tuple[Run, ...]:
        """Apply runs of an environment, oldest first."""
        c = runs.c
        return await self._select(c.repository_id == repository, c.environment == environment, c.operation == "apply")

    async def explained_by(self, repository: RepositoryId, number: int) -> tuple[Run, ...]:
        """Apply runs that this merged pull request has part in, oldest first."""
        found = await self._select(runs.c.repository_id == repository, runs.c.operation == "apply")
        return tuple(run for run in found if number in run.apply.explains)

    async def unfinished(self) -> tuple[Run, ...]:
        """Runs that are not completed, oldest first."""
        return await self._select(runs.c.status != "completed")

    async def recent(self, *, repository: RepositoryId | None = None, limit: int = 100) -> tuple[Run, ...]:
        """The newest runs, newest first."""
        query = select(*RUN_COLUMNS).order_by(desc(runs.c.created_at)).limit(limit)
        if repository is not None:
            query = query.where(runs.c.repository_id == repository)
        return tuple(read_run(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def _select(self, *conditions: object) -> tuple[Run, ...]:
        query = select(*RUN_COLUMNS).where(*conditions).order_by(runs.c.created_at, runs.c.id)  # type: ignore[arg-type]
        return tuple(read_run(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def change(self, id: RunId, **values: Any) -> None:
        """Set columns of a run."""
        await self._db.run(lambda c: c.execute(update(runs).where(runs.c.id == id).values(**values)))

    async def change_plan(self, id: RunId, change: Callable[[PlanState], PlanState]) -> None:
        """Change the state of a plan run; two changes at once both hold."""
        await self._change_state(id, lambda state: change(state) if isinstance(state, PlanState) else state)

    async def change_apply(self, id: RunId, change: Callable[[ApplyState], ApplyState]) -> None:
        """Change the state of an apply run; two changes at once both hold."""
        await self._change_state(id, lambda state: change(state) if isinstance(state, ApplyState) else state)

    async def change_check_run(self, id: RunId, change: Callable[[CheckRunState], CheckRunState]) -> None:
        """Change how far the run's check run has come; two changes at once both hold."""
        await self._change_state(id, lambda state: replace(state, check_run=change(state.check_run)))

    async def _change_state(self, id: RunId, change: Callable[[RunState], RunState]) -> None:
        def work(connection: Any) -> None:
            state = _locked_state(connection, id)
            connection.execute(update(runs).where(runs.c.id == id).values(data=state_to_store(change(state))))

        await self._db.run(work)

    async def claim_creation(self, id: RunId, *, by: str, for_s: float) -> bool:
        """Claim the creation of the check run for a while; False while another process has it."""

        def work(connection: Any) -> bool:
            state, now = _locked_state(connection, id), self._db.clock()
            claimed = state.check_run.creation
            if claimed is not None and claimed.by != by and claimed.until > now:
                return False
            check_run = replace(state.check_run, creation=Claim(by=by, until=now + for_s))
            changed = state_to_store(replace(state, check_run=check_run))
            connection.execute(update(runs).where(runs.c.id == id).values(data=changed))
            return True

        return await self._db.run(work)

    async def cancel(self, id: RunId, *, reason: str) -> bool:
        """Ask an unfinished run to stop and to end `cancelled` for this reason. Returns whether it was unfinished."""
        statement = update(runs).where(runs.c.id == id, runs.c.status != "completed", runs.c.cancel_reason.is_(None))
        result = await self._db.run(lambda c: c.execute(statement.values(cancel_reason=reason)).rowcount)
        return bool(result)

    async def claim_environment(self, run: Run) -> RunId:
        """Give this apply run its environment, if no other unfinished run has it; gives the run that has it."""
        key = EnvironmentHolder(run.repository_id, run.environment)
        row = {"key": key.text, "value": key.write(run.id), "at": self._db.clock()}

        def work(connection: Any) -> RunId:
            upsert(connection, markers, row, update=[])
            # Locked until the transaction ends: two runs of two branches may ask at once.
            query = select(markers.c.value).where(markers.c.key == key.text).with_for_update()
            holder = key.read(connection.scalar(query))
            status = connection.scalar(select(runs.c.status).where(runs.c.id == holder))
            if holder != run.id and status not in (None, "completed"):
                return holder
            upsert(connection, markers, row, update=["value", "at"])
            return run.id

        return await self._db.run(work)

    async def cancel_reason(self, id: RunId) -> str | None:
        """Why the run has to stop, or None while it may go on."""
        return await self._db.read(lambda c: c.scalar(select(runs.c.cancel_reason).where(runs.c.id == id)))

    async def complete(self, id: RunId, *, conclusion: str, title: str, report: bytes) -> None:
        """Finish a run with its masked report."""
        sealed = self._db.sealer.seal(report, about=about_report(id))
        await self.change(
            id,
            status="completed",
            conclusion=conclusion,
            title=title,
            report=sealed,
            finished_at=self._db.clock(),
        )

    async def report(self, id: RunId) -> bytes | None:
        """The run's masked report (RunReport as JSON), or None while there is none."""
        sealed = await self._db.read(lambda c: c.scalar(select(runs.c.report).where(runs.c.id == id)))
        if sealed is None:
            return await self._run_objects.report(id)
        return self._db.sealer.open(sealed, about=about_report(id))

    async def keep_root_run(self, id: RunId, part: str, root_module: str, *, outcome: str, report: bytes) -> None:
        """Keep a root run's masked report; a repeated step replaces its own. `part` groups the run's root runs."""
        row = {
            "run_id": id,
            "part": part,
            "root_module": root_module,
            "outcome": outcome,
            "report": self._db.sealer.seal(report, about=about_root(id, part, root_module)),
        }
        await self._db.run(lambda c: upsert(c, root_runs, row, update=["outcome", "report"]))

    async def root_reports(self, id: RunId) -> dict[tuple[str, str], bytes]:
        """Masked root reports (RootReport as JSON) by part and root module."""
        c = root_runs.c
        query = select(c.part, c.root_module, c.report).where(c.run_id == id).order_by(c.part, c.root_module)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        here = {
            (part, root): self._db.sealer.open(sealed, about=about_root(id, part, root)) for part, root, sealed in rows
        }
        return here or {(each.part, each.root_module): each.report for each in await self._run_objects.roots(id)}

    async def write_log(self, id: RunId, part: str, lines: Sequence[str]) -> None:
        """Append masked lines to a run's log; `part` says which root module in which environment."""
        sealed = self._db.sealer.seal("\n".join(lines).encode(), about=about_lines(id, part))

        def work(connection: Any) -> None:
            # One writer of a run at a time: a reader that has seen a position must not find an earlier one later.
            connection.execute(select(runs.c.id).where(runs.c.id == id).with_for_update())
            connection.execute(log_lines.insert().values(run_id=id, part=part, sealed=sealed))

        await self._db.run(work)

    async def read_log(self, id: RunId, *, after: int = 0) -> tuple[tuple[int, str, str], ...]:
        """The log after position `after`: (position, part, text of one or more lines)."""
        query = select(log_lines.c.id, log_lines.c.part, log_lines.c.sealed).where(
            log_lines.c.run_id == id, log_lines.c.id > after
        )
        # In one transaction: lines are moved from the one place to the other.
        rows, moved = await self._db.read(
            lambda c: (c.execute(query.order_by(log_lines.c.id)).all(), objects_of(c, id, "log"))
        )
        elsewhere = await self._run_objects.lines(moved, after=after)
        return (
            *((each.position, each.part, each.text) for each in elsewhere),
            *(
                (position, part, self._db.sealer.open(sealed, about=about_lines(id, part)).decode())
                for position, part, sealed in rows
            ),
        )

    async def count_by_status(self) -> dict[str, int]:
        """How many runs there are of each status."""
        query = select(runs.c.status, func.count()).group_by(runs.c.status)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return {str(status): int(count) for status, count in rows}


def read_run(row: Row[Any]) -> Run:
    """The run of a row of `RUN_COLUMNS`."""
    values = row._mapping
    return Run(**{**values, "state": read_state(values["operation"], values["state"])})


def _locked_state(connection: Any, id: RunId) -> RunState:
    """The state, locked until the transaction ends: another process may change it at the same moment."""
    query = select(runs.c.operation, runs.c.data).where(runs.c.id == id).with_for_update()
    operation, stored = connection.execute(query).one()
    return read_state(operation, stored)
