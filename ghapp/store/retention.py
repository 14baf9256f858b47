"""Remove data that is no longer needed and older than the settings allow.

It is removed in small batches, which may be interrupted anywhere. Objects are removed before their rows, so that no
object is left without a row.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, not_, or_, select, tuple_, update

from ghapp.store import retention_rules
from ghapp.store.database import Database, upsert
from ghapp.store.delivery_markers import REDELIVERIES
from ghapp.store.marker_key import MarkerOwner, PullRequestKey
from ghapp.store.marker_kinds import read_key
from ghapp.store.run_objects import Kind, RunObjects, forget_objects, objects_of
from ghapp.store.tables import (
    approvals,
    audit,
    commit_writers,
    explained_pull_requests,
    log_lines,
    markers,
    pull_requests,
    pushes,
    removed_runs,
    repositories,
    root_runs,
    run_objects,
    runs,
    verdicts,
)
from ghapp.values import RepositoryId, RunId

_REDELIVERIES_S = 30 * 24 * 3600.0
"""How long redelivery markers are kept: longer than GitHub keeps deliveries, which is three days."""


class Retention:
    """Removes old data. Most methods return how many they removed; fewer than `limit` means that nothing is left.

    `before` is a time in seconds since 1970.
    """

    def __init__(self, database: Database, run_objects: RunObjects) -> None:
        self._db = database
        self._run_objects = run_objects

    async def remove_logs(self, *, before: float, limit: int) -> int:
        """Remove the logs of runs that ended before a time. The runs' pages say that the log was removed."""
        c = runs.c
        mine = (c.finished_at < before, c.log_removed_at.is_(None))
        found = await self._ids(select(c.id).where(*mine).order_by(c.finished_at).limit(limit))
        for id in found:
            await self._remove_run_data(id, self._log_removed, kind="log")
        return len(found)

    async def remove_runs(self, *, before: float, limit: int) -> int:
        """Remove runs that ended before a time, with reports and logs. They still count in the metrics."""
        c = runs.c
        old = (c.status == "completed", c.finished_at < before, not_(retention_rules.attempt_is_needed(before)))
        # Later attempts first, so that the numbers of the remaining attempts have no gap.
        order = (c.repository_id, c.head_sha, c.check_run_name, c.attempt.desc())
        found = await self._ids(select(c.id).where(*old).order_by(*order).limit(limit))
        for id in found:
            await self._remove_run_data(id, _remove_run)
        return len(found)

    async def erase_uninstalled(self, *, limit: int) -> int:
        """Erase the reports and logs of repositories that removed the App; the rows of their runs stay."""
        c = runs.c
        left = select(repositories.c.id).where(repositories.c.left_at.is_not(None))
        rest = or_(c.report.is_not(None), c.log_removed_at.is_(None))
        query = select(c.id).where(c.repository_id.in_(left), c.status == "completed", rest)
        found = await self._ids(query.limit(limit))
        for id in found:
            await self._remove_run_data(id, self._erase)
        return len(found)

    async def remove_pushes(self, *, before: float, limit: int) -> int:
        """Remove pushes that are older than LAST of their branch, and pushes to branches without LAST."""
        return await self._rows(pushes, pushes.c.at < before, not_(retention_rules.push_is_needed()), limit=limit)

    async def remove_commit_writers(self, *, before: float, limit: int) -> int:
        """Remove the authors and committers of commits older than every LAST. GitHub can be asked for them again."""
        c = commit_writers.c
        old = (c.at < before, not_(retention_rules.writers_are_needed()))
        keys = select(c.repository_id, c.sha).where(*old).limit(limit)
        rows = await self._db.read(lambda connection: connection.execute(keys).all())
        if rows:
            mine = tuple_(c.repository_id, c.sha).in_([tuple(row) for row in rows])
            await self._db.run(lambda connection: connection.execute(delete(commit_writers).where(mine, *old)))
        return len(rows)

    async def remove_verdicts(self, *, before: float, limit: int) -> int:
        """Remove verdicts on pull requests that can no longer be merged or applied."""
        return await self._rows(
            verdicts, verdicts.c.at < before, not_(retention_rules.verdict_is_needed()), limit=limit
        )

    async def remove_approvals(self, *, before: float, limit: int) -> int:
        """Remove approvals of commits without a run or an open pull request. The audit log still has them."""
        return await self._rows(
            approvals, approvals.c.at < before, not_(retention_rules.approval_is_needed()), limit=limit
        )

    async def remove_pull_requests(self, *, before: float, limit: int) -> int:
        """Remove pull requests that can no longer be merged or applied and have no runs or verdicts."""
        c = pull_requests.c
        # An older version did not record this time, so it begins now.
        unseen = update(pull_requests).where(c.seen_at.is_(None)).values(seen_at=self._db.clock())
        await self._db.run(lambda connection: connection.execute(unseen))
        old = (c.seen_at < before, not_(retention_rules.pull_request_is_needed()))
        keys = select(c.repository_id, c.number).where(*old).limit(limit)
        rows = await self._db.read(lambda connection: connection.execute(keys).all())
        if rows:
            statement = delete(pull_requests).where(tuple_(c.repository_id, c.number).in_([tuple(row) for row in rows]))
            await self._db.run(lambda connection: connection.execute(statement.where(*old)))
        return len(rows)

    async def remove_markers(self, *, before: float, limit: int, after: str = "") -> tuple[int, str | None]:
        """Examine up to `limit` old markers, by key, beginning after `after`, and remove those whose owner is gone.

        Markers that never had an owner stay. Returns how many were removed, and the last examined key, or None if there
        are no more.
        """
        c = markers.c
        query = select(c.key).where(c.at < before, c.key > after).order_by(c.key).limit(limit)
        keys = await self._ids(query)
        owners = {key: found.owner for key in keys if (found := read_key(key)) is not None and found.owner is not None}
        there = await self._db.read(lambda connection: _existing(connection, owners.values()))
        over = [key for key, owner in owners.items() if owner not in there]
        if over:
            statement = delete(markers).where(c.key.in_(over), c.at < before)
            await self._db.run(lambda connection: connection.execute(statement))
        return len(over), keys[-1] if len(keys) == limit else None

    async def remove_redelivery_markers(self) -> int:
        """Remove markers of redeliveries that GitHub has long forgotten."""
        c = markers.c
        old = delete(markers).where(c.key.startswith(REDELIVERIES), c.at < self._db.clock() - _REDELIVERIES_S)
        return int(await self._db.run(lambda connection: connection.execute(old).rowcount))

    async def remove_audit_entries(self, *, before: float, limit: int) -> int:
        """Remove entries of the audit log from before a time."""
        return await self._rows(audit, audit.c.at < before, limit=limit)

    async def _rows(self, table: Table, *conditions: ColumnElement[bool], limit: int) -> int:
        (id,) = table.primary_key.columns
        found = await self._ids(select(id).where(*conditions).order_by(id).limit(limit))
        if found:
            statement = delete(table).where(id.in_(found))
            await self._db.run(lambda connection: connection.execute(statement))
        return len(found)

    async def _remove_run_data(
        self, id: RunId, rest: Callable[[Connection, RunId], None], *, kind: Kind | None = None
    ) -> None:
        """Remove a run's objects from the object store, then do the `rest`."""
        await self._run_objects.remove(await self._db.run(lambda connection: objects_of(connection, id, kind)))
        await self._db.run(lambda connection: rest(connection, id))

    def _log_removed(self, connection: Connection, id: RunId) -> None:
        connection.execute(delete(log_lines).where(log_lines.c.run_id == id))
        forget_objects(connection, id, "log")
        connection.execute(update(runs).where(runs.c.id == id).values(log_removed_at=self._db.clock()))

    def _erase(self, connection: Connection, id: RunId) -> None:
        self._log_removed(connection, id)
        forget_objects(connection, id)
        connection.execute(delete(root_runs).where(root_runs.c.run_id == id))
        connection.execute(update(runs).where(runs.c.id == id).values(report=None))

    async def _ids(self, query: Any) -> list[Any]:
        rows: Sequence[Any] = await self._db.run(lambda connection: connection.execute(query).all())
        return [row[0] for row in rows]


def _existing(connection: Connection, owners: Iterable[MarkerOwner]) -> frozenset[MarkerOwner]:
    """The runs and pull requests among these that exist."""
    of_runs = {each for each in owners if not isinstance(each, PullRequestKey)}
    of_pull_requests = {(each.repository_id, each.number) for each in owners if isinstance(each, PullRequestKey)}
    found = connection.execute(select(runs.c.id).where(runs.c.id.in_(of_runs))).all() if of_runs else ()
    c = pull_requests.c
    query = select(c.repository_id, c.number).where(tuple_(c.repository_id, c.number).in_(of_pull_requests))
    numbered = connection.execute(query).all() if of_pull_requests else ()
    return frozenset(
        (
            *(RunId(id) for (id,) in found),
            *(PullRequestKey(repository_id=RepositoryId(repository), number=number) for repository, number in numbered),
        )
    )


def _remove_run(connection: Connection, id: RunId) -> None:
    """Remove a run with all its data, and add it to the counts."""
    row = connection.execute(select(runs.c.operation, runs.c.conclusion).where(runs.c.id == id)).first()
    if row is None:
        return
    for table in (log_lines, root_runs, run_objects, explained_pull_requests):
        connection.execute(delete(table).where(table.c.run_id == id))
    connection.execute(delete(runs).where(runs.c.id == id))
    counted = {"operation": row.operation, "conclusion": row.conclusion}
    upsert(connection, removed_runs, {**counted, "count": 0}, update=[])
    c = removed_runs.c
    mine = (c.operation == row.operation, c.conclusion == row.conclusion)
    connection.execute(update(removed_runs).where(*mine).values(count=c["count"] + 1))
