"""The plan files of holds. They are encrypted, kept for hours, and erased when somebody has decided about the hold.
Only these rows contain secrets.

A plan file contains values of variables and resources in plain text. Its encryption is bound to one run, root module,
commit and digest. It is stored in the object store if there is one, and never by the durable engine.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update

from ghapp.log import log
from ghapp.sealing import UnsealError
from ghapp.store.database import Database, StoreUnavailable, upsert
from ghapp.store.objects import Objects
from ghapp.store.tables import kept_plans, repositories
from ghapp.values import CommitSha, EnvironmentName, RepositoryId, RunId

MOST_BYTES = 32 * 1024 * 1024
"""Larger plan files are not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlan:
    """The identity of a plan file: its hold, its commit, its digest, and the engine that made it."""

    run_id: RunId
    repository_id: RepositoryId
    environment: EnvironmentName
    root_module: str
    sha: CommitSha
    digest: str
    engine: str
    """The engine's name and version: "terraform 1.11.4"."""


_COLUMNS = [kept_plans.c[name] for name in KeptPlan.__slots__]


class KeptPlans:
    """Plan files by the held run and the root module."""

    def __init__(self, database: Database, objects: Objects | None) -> None:
        self._db = database
        self._objects = objects

    async def keep(self, plan: KeptPlan, content: bytes, *, for_s: float) -> None:
        """Store a plan file for this long; it replaces one of the same run and root module. Raises
        StoreUnavailable."""
        sealed = await asyncio.to_thread(self._db.sealer.seal, content, about=about_plan(plan))
        address = None
        if self._objects is not None:
            address = _address(plan)
            await self._objects.put(address, sealed)
        row = {name: getattr(plan, name) for name in KeptPlan.__slots__}
        row |= {
            "sealed": sealed if address is None else None,
            "address": address,
            "key_id": None if address is None else self._db.sealer.key_id,
            "expires_at": self._db.clock() + for_s,
        }
        changed = [name for name in row if name not in ("run_id", "root_module")]
        await self._db.run(lambda c: upsert(c, kept_plans, row, update=changed))

    async def find(self, run_id: RunId, root_module: str) -> KeptPlan | None:
        """The plan file of a root module in a hold; None if it is no longer kept."""
        c = kept_plans.c
        mine = (c.run_id == run_id, c.root_module == root_module, c.expires_at > self._db.clock())
        row = await self._db.read(lambda connection: connection.execute(select(*_COLUMNS).where(*mine)).first())
        return None if row is None else KeptPlan(**row._mapping)

    async def content(self, plan: KeptPlan) -> bytes | None:
        """The plan file's content; None if it is gone, or if it was encrypted for another plan."""
        c = kept_plans.c
        mine = (c.run_id == plan.run_id, c.root_module == plan.root_module)
        row = await self._db.read(lambda n: n.execute(select(c.sealed, c.address).where(*mine)).first())
        if row is None:
            return None
        try:
            sealed = row.sealed if row.address is None else await self._from_object(row.address)
            return (
                None
                if sealed is None
                else await asyncio.to_thread(self._db.sealer.open, sealed, about=about_plan(plan))
            )
        except (UnsealError, StoreUnavailable) as error:
            log.warning("kept_plan_unreadable", run=plan.run_id, root_module=plan.root_module, reason=str(error))
            return None

    async def reseal_objects(self, *, limit: int) -> int:
        """Encrypt up to `limit` plan files in the object store with the current key. Returns how many were found.

        Raises StoreUnavailable.
        """
        c = kept_plans.c
        older = (c.address.is_not(None), c.key_id.is_(None) | c.key_id.in_(self._db.sealer.older_key_ids))
        query = select(*_COLUMNS, c.address).where(*older).limit(limit)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        for *values, address in rows:
            await self._reseal_object(KeptPlan(**dict(zip(KeptPlan.__slots__, values, strict=True))), address)
        return len(rows)

    async def _reseal_object(self, plan: KeptPlan, address: str) -> None:
        sealed = await self._store().read(address)
        if sealed is not None:
            try:
                content = await asyncio.to_thread(self._db.sealer.open, sealed, about=about_plan(plan))
            except UnsealError as error:
                # It can never be applied. Planward plans again, as if the file had not been kept.
                log.error("kept_plan_unreadable", run=plan.run_id, root_module=plan.root_module, reason=str(error))
            else:
                resealed = await asyncio.to_thread(self._db.sealer.seal, content, about=about_plan(plan))
                await self._store().put(address, resealed)
        c = kept_plans.c
        mine = (c.run_id == plan.run_id, c.root_module == plan.root_module, c.digest == plan.digest)
        statement = update(kept_plans).where(*mine).values(key_id=self._db.sealer.key_id)
        await self._db.run(lambda connection: connection.execute(statement))
        await self._remove_if_unused(plan.run_id, plan.root_module, address)

    async def _remove_if_unused(self, run_id: RunId, root_module: str, address: str) -> None:
        """Remove an object that has no row. It may have been written while its row was deleted."""
        c = kept_plans.c
        query = select(c.address).where(c.run_id == run_id, c.root_module == root_module)
        used = await self._db.read(lambda connection: connection.scalar(query))
        if used != address:
            await self._store().remove([address])

    def _store(self) -> Objects:
        if self._objects is None:
            raise StoreUnavailable(
                "plan files were kept in an object store, and PLANWARD_OBJECT_STORE_URL is not set: set it"
            )
        return self._objects

    async def _from_object(self, address: str) -> bytes | None:
        return None if self._objects is None else await self._objects.read(address)

    async def erase_decided(self, repository: RepositoryId, environment: EnvironmentName, *, besides: RunId) -> None:
        """Erase the plan files of an environment's holds except those of the run `besides`. Raises StoreUnavailable."""
        c = kept_plans.c
        await self._erase(c.repository_id == repository, c.environment == environment, c.run_id != besides)

    async def erase_old(self, *, limit: int) -> int:
        """Erase expired plan files, and those of repositories that removed the App; returns how many."""
        left = select(repositories.c.id).where(repositories.c.left_at.is_not(None))
        expired = await self._erase(kept_plans.c.expires_at <= self._db.clock(), limit=limit)
        return max(expired, await self._erase(kept_plans.c.repository_id.in_(left), limit=limit))

    async def _erase(self, *which: ColumnElement[bool], limit: int | None = None) -> int:
        c = kept_plans.c
        query = select(c.run_id, c.root_module, c.address).where(*which).limit(limit)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        await self._remove_objects(row.address for row in rows)
        # Delete only these rows, whose objects are gone now. Others may have been stored in the meantime.
        statements = [
            delete(kept_plans).where(c.run_id == row.run_id, c.root_module == row.root_module, *which) for row in rows
        ]
        await self._db.run(lambda connection: [connection.execute(statement) for statement in statements])
        for row in rows:
            if row.address is not None:
                await self._remove_if_unused(row.run_id, row.root_module, row.address)
        return len(rows)

    async def _remove_objects(self, addresses: Iterable[str | None]) -> None:
        """Remove objects before their rows, so that none is left without a row."""
        found = [address for address in addresses if address is not None]
        if found:
            await self._store().remove(found)


def about_plan(plan: KeptPlan) -> str:
    """The identity to which an encrypted plan file is bound."""
    return f"plan {plan.run_id} {plan.environment} {plan.root_module} {plan.sha} {plan.digest} {plan.engine}"


def _address(plan: KeptPlan) -> str:
    name = hashlib.sha256(f"{plan.environment} {plan.root_module}".encode()).hexdigest()[:16]
    return f"{plan.repository_id}/{plan.run_id}/plan-{name}"
