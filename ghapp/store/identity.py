"""The database's identity, by which a lost database, an older copy and a lost key are noticed on startup.

The database has an id, and a counter that increases while Planward runs on it. Each process writes both to
`database.json` in its data directory, and compares them when it starts.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, func, select, update

from ghapp.errors import SettingsError
from ghapp.log import log
from ghapp.store.database import Database, StoreUnavailable, upsert
from ghapp.store.tables import identity, log_lines, root_runs, run_objects, runs

FILE = "database.json"
_ONLY_ROW = 1
_KEY_ID_BYTES = 4
_EVERY_S = 300.0
"""The interval of the counter. A copy is recognised as older if the counter increased after the copy was made."""


class _Note(msgspec.Struct, frozen=True):
    """The content of `database.json`."""

    id: str
    beats: int


@dataclass(frozen=True, slots=True)
class _Row:
    """The database's own record."""

    id: str
    beats: int
    key_id: bytes | None


class Identity:
    """The row of the database's identity, and its copy in the data directory."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def require_same(self, data_dir: Path, *, new_key: bool) -> None:
        """Compare the database with `database.json`, and the keys with those that encrypted the data.

        Then record the database in `database.json`, and the current key in the database.

        `new_key`: whether to give up data that was encrypted with a lost key. Raises SettingsError if `database.json`
        names another database, or if a key is missing and `new_key` is not set. An older copy of the database is only
        logged.
        """
        row = await self._db.run(_row)
        note = data_dir / FILE
        noted = await asyncio.to_thread(_read, note)
        if noted is not None and noted.id != row.id:
            raise SettingsError(
                f"{self._db.where} is not the database that {note} remembers: it was deleted, or another was put in "
                "its place. With this one, Planward would adopt the branches again, and hold the merge of each pull "
                "request that became green before. Restore the lost database from a backup, or remove "
                f"{note} to continue with this one"
            )
        if noted is not None and noted.beats > row.beats:
            log.warning(
                "database_is_older",
                database=self._db.where,
                meaning="it is an older copy of the one that ran here before: approvals that were given after the copy "
                "was made are requested again, and commits that were applied after it are planned again",
                remedy="nothing after a restore; otherwise stop Planward and bring the newer one back",
            )
        await self._require_key(row, data_dir, new_key=new_key)
        await self.advance(data_dir)

    async def advance(self, data_dir: Path) -> None:
        """Increase the counter, so that copies made before this are recognised as older."""

        def work(connection: Connection) -> _Row:
            key_id = self._db.sealer.key_id
            connection.execute(update(identity).values(beats=identity.c.beats + 1, key_id=key_id))
            return _row(connection)

        row = await self._db.run(work)
        try:
            await asyncio.to_thread(_write, data_dir / FILE, _Note(id=row.id, beats=row.beats))
        except OSError as error:
            log.warning("database_not_noted", file=str(data_dir / FILE), reason=str(error))

    @contextlib.asynccontextmanager
    async def counting(self, data_dir: Path) -> AsyncIterator[None]:
        """Increase the counter every five minutes during the context, and at its end."""
        task = asyncio.create_task(self._count(data_dir))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(StoreUnavailable):
                await self.advance(data_dir)

    async def _count(self, data_dir: Path) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.advance(data_dir)
            except StoreUnavailable as error:
                log.warning("database_not_noted", reason=str(error))

    async def _require_key(self, row: _Row, data_dir: Path, *, new_key: bool) -> None:
        known = (self._db.sealer.key_id, *self._db.sealer.older_key_ids)
        if row.key_id in known or not await self._db.read(lambda c: _is_sealed_with_another(c, known)):
            return
        if not new_key:
            raise SettingsError(
                f"{self._db.where} has reports and logs that were encrypted with a key that is neither in "
                f"PLANWARD_ENCRYPTION_KEY nor in {data_dir / 'encryption.key'}. Without it they cannot be read. "
                f"Restore the key from a backup, or list it after the new one. If it is lost, start once with "
                "PLANWARD_NEW_KEY=true: these reports and logs then stay unreadable, and everything else works"
            )
        log.warning("sealed_with_a_lost_key", database=self._db.where, meaning="older reports and logs are unreadable")


def _row(connection: Connection) -> _Row:
    new = {"one": _ONLY_ROW, "id": uuid4().hex, "beats": 0, "key_id": None}
    upsert(connection, identity, new, update=[])
    row = connection.execute(select(identity.c.id, identity.c.beats, identity.c.key_id)).one()
    return _Row(row.id, row.beats, row.key_id)


def _is_sealed_with_another(connection: Connection, known: tuple[bytes, ...]) -> bool:
    """Whether a report or log is encrypted with a key that is not among these. This reads all of them, so call it only
    for a new key."""
    conditions = (
        select(runs.c.id).where(runs.c.report.is_not(None), func.substr(runs.c.report, 1, _KEY_ID_BYTES).not_in(known)),
        select(root_runs.c.run_id).where(func.substr(root_runs.c.report, 1, _KEY_ID_BYTES).not_in(known)),
        select(log_lines.c.id).where(func.substr(log_lines.c.sealed, 1, _KEY_ID_BYTES).not_in(known)),
        select(run_objects.c.run_id).where(run_objects.c.key_id.not_in(known)),
    )
    return any(connection.execute(condition.limit(1)).first() is not None for condition in conditions)


def _read(note: Path) -> _Note | None:
    try:
        return msgspec.json.decode(note.read_bytes(), type=_Note)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        raise SettingsError(
            f"{note} cannot be read: it says which database this data directory was used with. Remove it if "
            "PLANWARD_DATABASE_URL and the database are as they were"
        ) from None


def _write(note: Path, noted: _Note) -> None:
    """Replace the file atomically: if the process is killed, there is either the old file or the new one."""
    new = note.with_suffix(f".{os.getpid()}.new")
    new.write_bytes(msgspec.json.encode(noted))
    new.replace(note)
