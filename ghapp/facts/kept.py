"""A cache of facts by blob id that outlives the process: a SQLite file of limited size below the data directory."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from checks.configuration.file_facts import FileFacts
from ghapp.processes.private_directories import make_private

VERSION = 4
"""Increase this when the facts of a file or their format change; facts of another version are deleted."""

MOST_ROWS = 500_000
"""The maximum number of cached facts. Above it, the oldest are dropped, and parsed again when needed."""

_ASKED_AT_ONCE = 500
_BUSY_S = 10.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL)"

log = structlog.get_logger()

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FileFacts).decode


class KeptFacts:
    """The cached facts by key. A failure to read or write is logged and counts as a miss."""

    def __init__(self, directory: Path, *, most_rows: int = MOST_ROWS) -> None:
        self._directory = directory
        self._path = directory / f"facts-{VERSION}.sqlite"
        self._most_rows = most_rows

    def read(self, keys: Collection[str]) -> dict[str, FileFacts]:
        """The cached facts for these keys."""
        try:
            with self._connection() as connection:
                return dict(_select(connection, list(keys)))
        except (sqlite3.Error, msgspec.MsgspecError, OSError) as error:
            self._forget(error)
            return {}

    def write(self, facts: Mapping[str, FileFacts]) -> None:
        """Store facts, and drop the oldest above the limit."""
        rows = [(key, _encode(each)) for key, each in facts.items()]
        if not rows:
            return
        try:
            with self._connection() as connection:
                connection.executemany("INSERT OR IGNORE INTO facts (key, value) VALUES (?, ?)", rows)
                oldest = "SELECT max(id) FROM facts"
                connection.execute(f"DELETE FROM facts WHERE id <= ({oldest}) - ?", (self._most_rows,))  # noqa: S608
        except (sqlite3.Error, OSError) as error:
            self._forget(error)

    def forget(self) -> None:
        """Delete everything, even while others read it."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            self._start()
        connection = sqlite3.connect(self._path, timeout=_BUSY_S)
        try:
            # Do not wait for the disk, which would slow down every run. After a crash of the machine, some files are
            # parsed again.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(_SCHEMA)
            with connection:
                yield connection
        finally:
            connection.close()

    def _start(self) -> None:
        make_private(self._directory)
        for other in self._directory.glob("facts-*.sqlite*"):
            if not other.name.startswith(self._path.name):
                other.unlink(missing_ok=True)

    def _forget(self, error: Exception) -> None:
        log.warning("facts_not_kept", kind=type(error).__name__)
        if not isinstance(error, sqlite3.OperationalError | OSError):
            self._path.unlink(missing_ok=True)


def _select(connection: sqlite3.Connection, keys: list[str]) -> Iterator[tuple[str, FileFacts]]:
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        asked = keys[start : start + _ASKED_AT_ONCE]
        places = ",".join("?" * len(asked))
        for key, value in connection.execute(f"SELECT key, value FROM facts WHERE key IN ({places})", asked):  # noqa: S608
            yield key, _decode(value)
