"""Make DBOS wait while the disk that holds its own SQLite tables is full.

DBOS repeats a transaction as long as SQLite reports "database is locked". But if SQLite reports a full disk, DBOS fails
the flow, and the result of the flow's step is lost. So a full disk is reported to DBOS as a locked database. With
PostgreSQL, DBOS waits by itself.
"""

import sqlite3
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from ghapp.log import log

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""SQLITE_IOERR: there is no space for the journal. https://www.sqlite.org/rescode.html"""
_PRIMARY = 0xFF
_PATIENCE_MS = 30_000


def patient_engine(url: str) -> Engine:
    """An engine for DBOS. Its connections are prepared as DBOS prepares its own."""
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _wait_for_room)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
    connection.execute("PRAGMA foreign_keys=ON")


def _wait_for_room(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & _PRIMARY in _FULL:
        log.warning("engine_waits_for_disk", reason="the disk of Planward's database is full: make room")
        full = sqlite3.OperationalError("database is locked: its disk is full")
        raise OperationalError(None, None, full) from None
