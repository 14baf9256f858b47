"""Encrypt data again with the current key if an older key encrypted it, so that the older keys can be removed.

The current key is the first one in `PLANWARD_ENCRYPTION_KEY`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, func, select, update

from ghapp.store.database import Database
from ghapp.store.kept_plans import KeptPlan, KeptPlans, about_plan
from ghapp.store.run_objects import RunObject, RunObjects, about_lines, about_report, about_root
from ghapp.store.tables import kept_plans, log_lines, root_runs, run_objects, runs

_KEY_ID_BYTES = 4


class KeyRotation:
    """Re-encrypts the rows and objects that older keys encrypted."""

    def __init__(self, database: Database, run_objects: RunObjects, kept_plans: KeptPlans) -> None:
        self._db = database
        self._run_objects = run_objects
        self._kept_plans = kept_plans

    @property
    def is_under_way(self) -> bool:
        """Whether more than one key is listed."""
        return bool(self._db.sealer.older_key_ids)

    async def reseal_rows(self, *, limit: int) -> int:
        """Encrypt up to `limit` rows with the current key. Returns how many were found."""
        number = 0
        for column, keys in (
            (runs.c.report, [runs.c.id]),
            (root_runs.c.report, [root_runs.c.run_id, root_runs.c.part, root_runs.c.root_module]),
            (log_lines.c.sealed, [log_lines.c.id, log_lines.c.run_id, log_lines.c.part]),
            (kept_plans.c.sealed, [kept_plans.c[name] for name in KeptPlan.__slots__]),
        ):
            if number < limit:
                number += await self._reseal_column(column, keys, limit=limit - number)
        return number

    async def reseal_objects(self, *, limit: int) -> int:
        """Encrypt up to `limit` objects with the current key. Returns how many were found. Raises StoreUnavailable."""
        c = run_objects.c
        query = select(*(c[name] for name in RunObject.__slots__)).where(c.key_id.in_(self._db.sealer.older_key_ids))
        rows = await self._db.read(lambda connection: connection.execute(query.limit(limit)).all())
        for row in rows:
            await self._reseal_object(RunObject(**row._mapping))
        if len(rows) == limit:
            return limit
        return len(rows) + await self._kept_plans.reseal_objects(limit=limit - len(rows))

    async def _reseal_column(self, column: Column[Any], keys: Sequence[Column[Any]], *, limit: int) -> int:
        older = func.substr(column, 1, _KEY_ID_BYTES).in_(self._db.sealer.older_key_ids)
        rows = await self._db.read(lambda c: c.execute(select(column, *keys).where(older).limit(limit)).all())
        for sealed, *found in rows:
            await self._reseal_row(column, keys, sealed, found)
        return len(rows)

    async def _reseal_row(
        self, column: Column[Any], keys: Sequence[Column[Any]], sealed: bytes, found: Sequence[Any]
    ) -> None:
        about = _about(column.table, found)
        resealed = self._db.sealer.seal(self._db.sealer.open(sealed, about=about), about=about)
        mine = [key == value for key, value in zip(keys, found, strict=True)]
        # Only if the row has not been written again since it was read.
        statement = update(runs.metadata.tables[column.table.name]).where(*mine, column == sealed)
        await self._db.run(lambda c: c.execute(statement.values({column.name: resealed})))

    async def _reseal_object(self, run_object: RunObject) -> None:
        content = await self._run_objects.content(run_object)
        resealed = replace(run_object, key_id=self._db.sealer.key_id)
        if content is not None:
            await self._run_objects.put(resealed, content)
        c = run_objects.c
        mine = (c.run_id == run_object.run_id, c.kind == run_object.kind, c.number == run_object.number)
        statement = update(run_objects).where(*mine).values(key_id=resealed.key_id)
        await self._db.run(lambda connection: connection.execute(statement))


def _about(table: Any, found: Sequence[Any]) -> str:
    """The identity to which each row's encrypted text is bound."""
    if table is runs:
        return about_report(found[0])
    if table is root_runs:
        return about_root(*found)
    if table is kept_plans:
        return about_plan(KeptPlan(**dict(zip(KeptPlan.__slots__, found, strict=True))))
    _, *of_lines = found
    return about_lines(*of_lines)
