"""DBOS' own tables on SQLite, in such a way that a full disk is waited for like a database that is locked.

DBOS repeats a transaction for as long as SQLite says "database is locked". Where it says that the disk is full DBOS
lets the flow fail, and what its step did is not remembered. PostgreSQL's full disk it waits for by itself.
"""

import sqlite3
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from ghapp.log import log

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""SQLITE_IOERR: there is no room for the journal. https://www.sqlite.org/rescode.html"""
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
