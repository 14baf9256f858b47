"""Reports, root reports and logs of completed runs that were moved to the object store.

Runs write them to the database, and they are moved only when their run is completed, so that no run waits for the
object store. Objects are encrypted like rows, and bound to their address.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy import Connection, delete, select

from ghapp.store.database import Database, StoreUnavailable, upsert
from ghapp.store.objects import Objects
from ghapp.store.tables import run_objects
from ghapp.values import RunId

Kind = Literal["report", "roots", "log"]


class KeptRoot(msgspec.Struct, frozen=True, array_like=True):
    """A root run in an object of kind "roots"."""

    part: str
    root_module: str
    outcome: str
    report: bytes


class KeptLines(msgspec.Struct, frozen=True, array_like=True):
    """Lines of the log in an object of kind "log"."""

    position: int
    part: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunObject:
    """An object of a run: the `number`th of its kind, encrypted with the key `key_id`.

    An object of kind "log" has lines up to `last_position`.
    """

    run_id: RunId
    kind: Kind
    number: int
    address: str
    last_position: int
    key_id: bytes


_COLUMNS = [run_objects.c[name] for name in RunObject.__slots__]


class RunObjects:
    """Objects of runs in the object store, by run and kind."""

    def __init__(self, database: Database, objects: Objects | None) -> None:
        self._db = database
        self._objects = objects

    @property
    def available(self) -> bool:
        """Whether there is an object store."""
        return self._objects is not None

    async def roots(self, id: RunId) -> tuple[KeptRoot, ...]:
        """The moved root runs of a run."""
        objects = await self._db.read(lambda c: objects_of(c, id, "roots"))
        contents = [await self.content(run_object) for run_object in objects]
        return tuple(root for each in contents if each for root in msgspec.msgpack.decode(each, type=list[KeptRoot]))

    async def report(self, id: RunId) -> bytes | None:
        """The moved report of a run, or None."""
        objects = await self._db.read(lambda c: objects_of(c, id, "report"))
        return await self.content(objects[0]) if objects else None

    async def lines(self, objects: Iterable[RunObject], *, after: int) -> list[KeptLines]:
        """The lines in these log objects after a position."""
        lines: list[KeptLines] = []
        for run_object in objects:
            content = await self.content(run_object) if run_object.last_position > after else None
            if content is not None:
                decoded = msgspec.msgpack.decode(content, type=list[KeptLines])
                lines += [each for each in decoded if each.position > after]
        return lines

    async def content(self, run_object: RunObject) -> bytes | None:
        """The object's decrypted content; None if somebody removed it. Raises StoreUnavailable."""
        sealed = await self._store().read(run_object.address)
        return None if sealed is None else self._db.sealer.open(sealed, about=_about(run_object.address))

    async def put(self, run_object: RunObject, content: bytes) -> None:
        """Write the content durably. Readers find it only after `record_object`. Raises StoreUnavailable."""
        await self._store().put(run_object.address, self._db.sealer.seal(content, about=_about(run_object.address)))

    async def remove(self, objects: Iterable[RunObject]) -> None:
        """Remove the objects; missing ones are no error. Raises StoreUnavailable."""
        addresses = [run_object.address for run_object in objects]
        if addresses:
            await self._store().remove(addresses)

    def _store(self) -> Objects:
        if self._objects is None:
            raise StoreUnavailable(
                "logs and reports were moved to an object store, and PLANWARD_OBJECT_STORE_URL is not set: set it"
            )
        return self._objects


def objects_of(connection: Connection, id: RunId, kind: Kind | None = None) -> tuple[RunObject, ...]:
    """The objects of a run, in order."""
    query = select(*_COLUMNS).where(run_objects.c.run_id == id)
    if kind is not None:
        query = query.where(run_objects.c.kind == kind)
    rows = connection.execute(query.order_by(run_objects.c.kind, run_objects.c.number)).all()
    return tuple(RunObject(**row._mapping) for row in rows)


def record_object(connection: Connection, run_object: RunObject) -> None:
    """Record that the object is in the object store."""
    values = {name: getattr(run_object, name) for name in RunObject.__slots__}
    upsert(connection, run_objects, values, update=["address", "last_position", "key_id"])


def forget_objects(connection: Connection, id: RunId, kind: Kind | None = None) -> None:
    """Delete the addresses of a run's objects."""
    statement = delete(run_objects).where(run_objects.c.run_id == id)
    connection.execute(statement if kind is None else statement.where(run_objects.c.kind == kind))


def about_report(id: RunId) -> str:
    """The identity to which a run's encrypted report is bound."""
    return f"run {id}"


def about_root(id: RunId, part: str, root_module: str) -> str:
    """The identity to which a root run's encrypted report is bound."""
    return f"root {id} {part} {root_module}"


def about_lines(id: RunId, part: str) -> str:
    """The identity to which encrypted lines of a log are bound."""
    return f"log {id} {part}"


def _about(address: str) -> str:
    return f"object {address}"
