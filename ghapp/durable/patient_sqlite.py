"""DBOS' own tables on SQLite, which wait for a full disk as they do for a locked database.

DBOS repeats a transaction as long as SQLite says "database is locked". If the disk is full, DBOS fails the flow, and
the result of its step is lost. With PostgreSQL, DBOS waits for a full disk by itself.
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
    """An engine for DBOS; connections are prepared as DBOS prepares its own."""
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _wait_where_it_is_full)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
    connection.execute("PRAGMA foreign_keys=ON")


def _wait_where_it_is_full(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & _PRIMARY in _FULL:
        log.warning("engine_waits_for_disk", reason="the disk of Planward's database is full: make room")
        full = sqlite3.OperationalError("database is locked: its disk is full")
        raise OperationalError(None, None, full) from None
