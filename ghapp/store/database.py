"""One database: SQLite in the data directory, or PostgreSQL. Statements run in threads, each call in one
transaction."""

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import stamina
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Row,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ghapp.errors import PlanwardError, SettingsError
from ghapp.sealing import Sealer
from ghapp.store.migrations import migrate_schema

SQLITE_PATIENCE_S = 30
"""How long a statement waits for another writer to the file."""
_READS = "planward_reads"
"""The execution option that marks a read-only connection."""
_RETRIES, _FIRST_PAUSE_S, _PAUSE_GROWTH = 2, 0.05, 10.0
"""How often, and after which pauses, a transaction is repeated if PostgreSQL broke the connection."""

_MOST_PARAMETERS = 10_000
"""SQLite allows 32,766 in one statement, PostgreSQL 65,535."""

_COMMIT_CHECKS_S = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)

T = TypeVar("T")
Clock = Callable[[], float]


class StoreUnavailable(PlanwardError):
    """The database is unavailable for now. The message is for the operator."""


class Database:
    """The SQL engine, the clock and the sealer, which encrypts. All parts of the store share them."""

    def __init__(self, url: str, sealer: Sealer, *, clock: Clock = time.time) -> None:
        self.engine = _create_engine(url)
        self._reading = self.engine.execution_options(**{_READS: True})
        self.sealer = sealer
        self.clock = clock

    def migrate(self) -> None:
        """Migrate the schema to this version. Raises SettingsError if a newer Planward used the database."""
        with _first_transaction(self.engine) as connection:
            migrate_schema(connection)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction, in a thread. If the connection to PostgreSQL breaks, do it again.

        If the connection breaks during the commit, first ask PostgreSQL whether the commit succeeded. If there is no
        answer within a few seconds, the work is repeated even though it may have been committed. So it must be safe to
        do `work` twice.
        """
        return await asyncio.to_thread(self._run, work, self.engine)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Like `run`, for `work` that only reads: on SQLite it does not wait for writers."""
        return await asyncio.to_thread(self._run, work, self._reading)

    def _run(self, work: Callable[[Connection], T], engine: Engine) -> T:
        try:
            if engine.dialect.name != "postgresql":
                return _in_transaction(work, engine)
            once = _run_once if engine is self.engine else _in_transaction
            return _retry(lambda: once(work, engine))
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise StoreUnavailable(explain_unavailable(error)) from error
        except DatabaseError as error:
            if not _is_damage(error):
                raise
            raise StoreUnavailable("Planward's database is damaged: stop Planward and restore a backup") from error

    @property
    def where(self) -> str:
        """A description of the database for the operator; without user and password."""
        url = self.engine.url
        return f"the database {url.database}" + (f" at {url.host}" if url.host else "")

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _retry(work: Callable[[], T]) -> T:
    attempts = stamina.retry_context(
        on=(OperationalError, InterfaceError),
        attempts=1 + _RETRIES,
        timeout=None,
        wait_initial=_FIRST_PAUSE_S,
        wait_exp_base=_PAUSE_GROWTH,
        wait_jitter=0.0,
    )
    for attempt in attempts:
        with attempt:
            return work()
    raise AssertionError("stamina ends with a value or an error")


def _in_transaction(work: Callable[[Connection], T], engine: Engine) -> T:
    with engine.begin() as connection:
        return work(connection)


def _run_once(work: Callable[[Connection], T], engine: Engine) -> T:
    """Do the work in a transaction. If the answer to its commit is lost, ask PostgreSQL whether it succeeded."""
    with engine.connect() as connection, connection.begin() as transaction:
        result = work(connection)
        number = connection.scalar(text("SELECT CAST(pg_current_xact_id_if_assigned() AS text)"))
        try:
            transaction.commit()
        except (OperationalError, InterfaceError):
            if number is None or not _is_committed(number, engine):
                raise
        return result


def _is_committed(number: str, engine: Engine) -> bool:
    """Whether the transaction with this id was committed. Waits while it is in progress or PostgreSQL is unavailable.

    stamina's retries cannot do this: the question is also repeated after the answer "in progress", and giving up is
    not an error.

    https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
    """
    status = text("SELECT pg_xact_status(CAST(:number AS xid8))")
    for pause_s in _COMMIT_CHECKS_S:
        with contextlib.suppress(OperationalError, InterfaceError), engine.connect() as connection:
            said = connection.scalar(status, {"number": number})
            if said != "in progress":
                return bool(said == "committed")
        time.sleep(pause_s)
    return False


def upsert(connection: Connection, table: Table, values: Mapping[str, Any], *, update: Sequence[str]) -> None:
    """Insert a row. If its primary key exists, set only the columns in `update`; if that is empty, do nothing."""
    connection.execute(_upsert(connection.dialect.name, table, tuple(update)), values)


@functools.cache
def _upsert(dialect_name: str, table: Table, update: tuple[str, ...]) -> Executable:
    """The statement for `upsert`, which is built only once."""
    dialect: Any = postgresql if dialect_name == "postgresql" else sqlite
    statement: Any = dialect.insert(table)
    if update:
        keys = [column.name for column in table.primary_key.columns]
        inserted = {name: statement.excluded[name] for name in update}
        return cast("Executable", statement.on_conflict_do_update(index_elements=keys, set_=inserted))
    return cast("Executable", statement.on_conflict_do_nothing())


def equal(table: Table, *names: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions that these columns have the values of the statement's parameters with the same names.

    No value may be None, because in SQL nothing equals NULL. A statement with parameters can be built once and run
    often, which saves time: building a statement takes longer than running it.
    """
    return tuple(table.c[name] == bindparam(name) for name in names)


def select_in(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Sequence[Any]
) -> list[Row[Any]]:
    """The rows of a query whose column has one of these values; in several statements, since parameters are limited."""
    rows: list[Row[Any]] = []
    for start in range(0, len(values), _MOST_PARAMETERS):
        some = column.in_(values[start : start + _MOST_PARAMETERS])
        rows += connection.execute(query.where(some)).all()
    return rows


def require_undamaged(path: Path) -> None:
    """Check that SQLite can read a file, if it exists. Raises SettingsError if it is truncated or not a database."""
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            raise SettingsError(
                f"{path} is damaged ({error}): it holds what Planward remembers, and SQLite cannot read it. Stop "
                "Planward and restore the file from a backup, together with the other .db file of its directory"
            ) from None


def _is_damage(error: Exception) -> bool:
    return any(words in str(error) for words in ("file is not a database", "disk image is malformed"))


@contextlib.contextmanager
def _first_transaction(engine: Engine) -> Iterator[Connection]:
    """The first transaction. Raises SettingsError if the database is unreachable; the message has no password."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        require_undamaged(Path(engine.url.database))
    try:
        connection = engine.connect()
    except OperationalError:
        url = engine.url
        if engine.dialect.name == "sqlite":
            raise SettingsError(f"the database {url.database} cannot be opened: may Planward write there?") from None
        where = ":".join(str(part) for part in (url.host or "a socket", url.port) if part)
        raise SettingsError(
            f"PLANWARD_DATABASE_URL: the database at {where} cannot be used: is it up, and may {url.username} log in?"
        ) from None
    with connection, connection.begin():
        yield connection


def _create_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            "PLANWARD_DATABASE_URL is not a database URL: write postgresql://USER:PASSWORD@HOST/NAME, or leave it out"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError("PLANWARD_DATABASE_URL: only postgresql:// and sqlite:/// are supported")
    engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy sends BEGIN itself, see below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_PATIENCE_S * 1000}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Writers lock at once: after a plain BEGIN, the first write fails if another transaction wrote in the meantime.
    reads = connection.get_execution_options().get(_READS, False)
    try:
        # Through SQLAlchemy, this statement would take as long as most queries.
        connection.connection.driver_connection.execute("BEGIN" if reads else "BEGIN IMMEDIATE")  # type: ignore[union-attr]
    except sqlite3.Error as error:
        raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error) from error


def explain_unavailable(error: Exception) -> str:
    """Instructions for the operator after this failure of the database."""
    said = str(error)
    if "full" in said or "No space left" in said:
        return "the disk of Planward's database is full: make room"
    if "locked" in said:
        return "Planward's database is locked by another program: end it"
    return "Planward's database cannot be reached: bring it back"
