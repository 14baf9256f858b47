"""Runs: one operation for one commit in one environment, with its root runs, masked report and masked log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from ghapp.log import log
from ghapp.sealing import UnsealError
from ghapp.store.database import Database, equal, upsert
from ghapp.store.marker_kinds import EnvironmentHolder
from ghapp.store.run_objects import RunObjects, about_lines, about_report, about_root, objects_of
from ghapp.store.run_queries import FIND, Run, RunQueries, read_run
from ghapp.store.run_state import (
    ApplyResult,
    ApplyState,
    CheckRunState,
    Claim,
    PlanState,
    RunState,
    read_state,
    state_to_store,
)
from ghapp.store.tables import explained_pull_requests, log_lines, markers, root_runs, runs
from ghapp.values import RepositoryId, RunId

# The statements are built once: each is run many times for every pull request.
_CHANGE = update(runs).where(runs.c.id == bindparam("of_run"))
_LOCK = select(runs.c.repository_id, runs.c.operation, runs.c.data).where(*equal(runs, "id")).with_for_update()
_LOCK_ID = select(runs.c.id).where(*equal(runs, "id")).with_for_update()
_CANCEL_REASON = select(runs.c.cancel_reason).where(*equal(runs, "id"))
_REPORT = select(runs.c.report).where(*equal(runs, "id"))
_ROOT_REPORTS = (
    select(root_runs.c.part, root_runs.c.root_module, root_runs.c.report)
    .where(*equal(root_runs, "run_id"))
    .order_by(root_runs.c.part, root_runs.c.root_module)
)


class Runs(RunQueries):
    """Rows of runs: changed here, queried by `RunQueries`."""

    def __init__(self, database: Database, run_objects: RunObjects) -> None:
        super().__init__(database)
        self._run_objects = run_objects

    async def begin(self, run: Run) -> Run:
        """Insert the run. If a run with this id exists, return that one: a repeated step finds its earlier result."""
        values = {name: getattr(run, name) for name in Run.__slots__ if name != "state"}
        values |= {"data": state_to_store(run.state), "created_at": self._db.clock()}

        def work(connection: Connection) -> Run:
            if connection.execute(FIND, {"id": run.id}).first() is None:
                upsert(connection, runs, values, update=[])
                _link_explained(connection, run.id, run.repository_id, run.state)
            return read_run(connection.execute(FIND, {"id": run.id}).one())

        return await self._db.run(work)

    async def change(self, id: RunId, **values: Any) -> None:
        """Set columns of a run."""
        await self._db.run(lambda c: c.execute(_CHANGE, {"of_run": id, **values}))

    async def change_plan(self, id: RunId, change: Callable[[PlanState], PlanState]) -> None:
        """Change the state of a plan run; concurrent changes are both kept."""
        await self._change_state(id, lambda state: change(state) if isinstance(state, PlanState) else state)

    async def change_apply(self, id: RunId, change: Callable[[ApplyState], ApplyState]) -> None:
        """Change the state of an apply run; concurrent changes are both kept."""
        await self._change_state(id, lambda state: change(state) if isinstance(state, ApplyState) else state)

    async def change_check_run(self, id: RunId, change: Callable[[CheckRunState], CheckRunState]) -> None:
        """Change the state of the run's check run; concurrent changes are both kept."""
        await self._change_state(id, lambda state: replace(state, check_run=change(state.check_run)))

    async def _change_state(self, id: RunId, change: Callable[[RunState], RunState]) -> None:
        def work(connection: Connection) -> None:
            repository, before = _locked_state(connection, id)
            state = change(before)
            connection.execute(_CHANGE, {"of_run": id, "data": state_to_store(state)})
            _link_explained(connection, id, repository, state)

        await self._db.run(work)

    async def claim_creation(self, id: RunId, *, by: str, for_s: float) -> bool:
        """Claim the creation of the check run for `for_s` seconds. Returns False if another process has the claim."""

        def work(connection: Connection) -> bool:
            (_, state), now = _locked_state(connection, id), self._db.clock()
            claimed = state.check_run.creation
            if claimed is not None and claimed.by != by and claimed.until > now:
                return False
            check_run = replace(state.check_run, creation=Claim(by=by, until=now + for_s))
            changed = state_to_store(replace(state, check_run=check_run))
            connection.execute(_CHANGE, {"of_run": id, "data": changed})
            return True

        return await self._db.run(work)

    async def cancel(self, id: RunId, *, reason: str) -> bool:
        """Ask an unfinished run to stop and to end `cancelled` for this reason.

        Returns False if the run is already completed, or was already asked to stop.
        """
        statement = update(runs).where(runs.c.id == id, runs.c.status != "completed", runs.c.cancel_reason.is_(None))
        result = await self._db.run(lambda c: c.execute(statement.values(cancel_reason=reason)).rowcount)
        return bool(result)

    async def claim_environment(self, run: Run) -> RunId:
        """Give this apply run its environment, unless another unfinished run is using it. Returns the run that has
        it."""
        key = EnvironmentHolder(run.repository_id, run.environment)
        row = {"key": key.text, "value": key.write(run.id), "at": self._db.clock()}

        def work(connection: Connection) -> RunId:
            upsert(connection, markers, row, update=[])
            # Locked until the end of the transaction, since runs of two branches may claim it at the same time.
            query = select(markers.c.value).where(markers.c.key == key.text).with_for_update()
            holder = key.read(connection.execute(query).scalar_one())
            status = connection.scalar(select(runs.c.status).where(runs.c.id == holder))
            if holder != run.id and status not in (None, "completed"):
                return holder
            upsert(connection, markers, row, update=["value", "at"])
            return run.id

        return await self._db.run(work)

    async def cancel_reason(self, id: RunId) -> str | None:
        """Why the run has to stop, or None while it may continue."""
        return await self._db.read(lambda c: c.scalar(_CANCEL_REASON, {"id": id}))

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

    async def replace_report(self, id: RunId, *, title: str, report: bytes) -> None:
        """Replace the masked report of a completed run."""
        await self.change(id, title=title, report=self._db.sealer.seal(report, about=about_report(id)))

    async def keep_result(self, id: RunId, result: ApplyResult, *, report: bytes) -> None:
        """Store the result of an apply run, with its masked report, before it is completed on GitHub."""
        sealed = self._db.sealer.seal(report, about=about_report(id))
        await self.change(id, report=sealed)
        await self.change_apply(id, lambda state: replace(state, result=result))

    async def report(self, id: RunId) -> bytes | None:
        """The run's masked report (RunReport as JSON), or None if there is none yet."""
        sealed = await self._db.read(lambda c: c.scalar(_REPORT, {"id": id}))
        if sealed is None:
            return await self._run_objects.report(id)
        return self._db.sealer.open(sealed, about=about_report(id))

    async def readable_report(self, id: RunId) -> bytes | None:
        """Like `report`, but None if the report cannot be decrypted, for example because its key is gone."""
        try:
            return await self.report(id)
        except UnsealError as error:
            log.warning("report_unreadable", run=id, reason=str(error))
            return None

    async def readable_root_reports(self, id: RunId) -> dict[tuple[str, str], bytes]:
        """Like `root_reports`, but empty if they cannot be decrypted, for example because their key is gone."""
        try:
            return await self.root_reports(id)
        except UnsealError as error:
            log.warning("report_unreadable", run=id, reason=str(error))
            return {}

    async def keep_root_run(self, id: RunId, part: str, root_module: str, *, outcome: str, report: bytes) -> None:
        """Store a root run's masked report. A repeated step replaces the report that it stored before.

        `part` is the environment; in a plan run, the pull request's number and a colon come before it.
        """
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
        rows = await self._db.read(lambda connection: connection.execute(_ROOT_REPORTS, {"run_id": id}).all())
        here = {
            (part, root): self._db.sealer.open(sealed, about=about_root(id, part, root)) for part, root, sealed in rows
        }
        return here or {(each.part, each.root_module): each.report for each in await self._run_objects.roots(id)}

    async def write_log(self, id: RunId, part: str, lines: Sequence[str]) -> None:
        """Append masked lines to a run's log. Here, `part` is `ENVIRONMENT ROOT_MODULE`."""
        sealed = self._db.sealer.seal("\n".join(lines).encode(), about=about_lines(id, part))

        def work(connection: Connection) -> None:
            # Only one writer at a time for each run: after a reader has seen a position, no line with an earlier
            # position may be added.
            connection.execute(_LOCK_ID, {"id": id})
            connection.execute(log_lines.insert(), {"run_id": id, "part": part, "sealed": sealed})

        await self._db.run(work)

    async def read_log(self, id: RunId, *, after: int = 0) -> tuple[tuple[int, str, str], ...]:
        """The log after position `after`: (position, part, text of one or more lines)."""
        query = select(log_lines.c.id, log_lines.c.part, log_lines.c.sealed).where(
            log_lines.c.run_id == id, log_lines.c.id > after
        )
        # In one transaction, since lines may be moved from the table to the object store at this moment.
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


def _locked_state(connection: Connection, id: RunId) -> tuple[RepositoryId, RunState]:
    """The run's repository and state, locked until the transaction ends, since another process may change it."""
    repository, operation, stored = connection.execute(_LOCK, {"id": id}).one()
    return RepositoryId(repository), read_state(operation, stored)


def _link_explained(connection: Connection, id: RunId, repository: RepositoryId, state: RunState) -> None:
    """Update the links from an apply run to its pull requests according to its state."""
    if isinstance(state, PlanState):
        return
    c = explained_pull_requests.c
    connection.execute(delete(explained_pull_requests).where(c.run_id == id, c.number.not_in(state.explains)))
    for number in state.explains:
        row = {"run_id": id, "repository_id": repository, "number": number}
        upsert(connection, explained_pull_requests, row, update=[])
