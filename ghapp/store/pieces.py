"""The large pieces of a run, its report, its root reports and its log, where they were moved to the object store.

A piece is written to the database, and moved once its run is completed: a run never waits for the object store. Objects
are sealed like rows, under their address.
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
    """One piece of the log in an object of kind "log"."""

    position: int
    part: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An object of a run: the `number`th of its kind, up to a position of the log; sealed with the key `key_id`."""

    run_id: RunId
    kind: Kind
    number: int
    address: str
    last_position: int
    key_id: bytes


_COLUMNS = [run_objects.c[name] for name in Piece.__slots__]


class Pieces:
    """What lies in the object store, by run and kind."""

    def __init__(self, database: Database, objects: Objects | None) -> None:
        self._db = database
        self._objects = objects

    @property
    def elsewhere(self) -> bool:
        """Whether there is an object store."""
        return self._objects is not None

    async def roots(self, id: RunId) -> tuple[KeptRoot, ...]:
        """The root runs of a run that were moved."""
        pieces = await self._db.read(lambda c: pieces_of(c, id, "roots"))
        contents = [await self.content(piece) for piece in pieces]
        return tuple(root for each in contents if each for root in msgspec.msgpack.decode(each, type=list[KeptRoot]))

    async def report(self, id: RunId) -> bytes | None:
        """A run's report that was moved, or None."""
        pieces = await self._db.read(lambda c: pieces_of(c, id, "report"))
        return await self.content(pieces[0]) if pieces else None

    async def lines(self, pieces: Iterable[Piece], *, after: int) -> list[KeptLines]:
        """The lines of these pieces of a log behind a position."""
        lines: list[KeptLines] = []
        for piece in pieces:
            content = await self.content(piece) if piece.last_position > after else None
            if content is not None:
                decoded = msgspec.msgpack.decode(content, type=list[KeptLines])
                lines += [each for each in decoded if each.position > after]
        return lines

    async def content(self, piece: Piece) -> bytes | None:
        """What lies there, opened; None where somebody removed it. Raises StoreUnavailable."""
        sealed = await self._reach().read(piece.address)
        return None if sealed is None else self._db.sealer.open(sealed, about=_about(piece.address))

    async def put(self, piece: Piece, content: bytes) -> None:
        """Keep the content, durably. It is found once the piece is `noted`. Raises StoreUnavailable."""
        await self._reach().put(piece.address, self._db.sealer.seal(content, about=_about(piece.address)))

    async def remove(self, pieces: Iterable[Piece]) -> None:
        """Remove what lies there; it may be gone already. Raises StoreUnavailable."""
        addresses = [piece.address for piece in pieces]
        if addresses:
            await self._reach().remove(addresses)

    def _reach(self) -> Objects:
        if self._objects is None:
            raise StoreUnavailable(
                "logs and reports were moved to an object store, and PLANWARD_OBJECT_STORE_URL is not set: set it"
            )
        return self._objects


def pieces_of(connection: Connection, id: RunId, kind: Kind | None = None) -> tuple[Piece, ...]:
    """The pieces of a run, in their order."""
    query = select(*_COLUMNS).where(run_objects.c.run_id == id)
    if kind is not None:
        query = query.where(run_objects.c.kind == kind)
    rows = connection.execute(query.order_by(run_objects.c.kind, run_objects.c.number)).all()
    return tuple(Piece(**row._mapping) for row in rows)


def note(connection: Connection, piece: Piece) -> None:
    """Note that the piece lies in the object store."""
    values = {name: getattr(piece, name) for name in Piece.__slots__}
    upsert(connection, run_objects, values, update=["address", "last_position", "key_id"])


def forget(connection: Connection, id: RunId, kind: Kind | None = None) -> None:
    """Forget where pieces of a run lay."""
    statement = delete(run_objects).where(run_objects.c.run_id == id)
    connection.execute(statement if kind is None else statement.where(run_objects.c.kind == kind))


def about_report(id: RunId) -> str:
    """What the sealed report of a run is bound to."""
    return f"run {id}"


def about_root(id: RunId, part: str, root_module: str) -> str:
    """What the sealed report of a root run is bound to."""
    return f"root {id} {part} {root_module}"


def about_lines(id: RunId, part: str) -> str:
    """What sealed lines of a log are bound to."""
    return f"log {id} {part}"


def _about(address: str) -> str:
    return f"object {address}"
