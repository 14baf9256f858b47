"""One database: SQLite in the data directory, or PostgreSQL. Statements run in threads, each call one transaction."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ghapp.errors import PlanwardError, SettingsError
from ghapp.sealing import Sealer
from ghapp.store.migrations import bring_forward

SQLITE_PATIENCE_S = 30
"""How long a statement waits for whoever writes to the file."""
_READS = "planward_reads"
"""The option of a connection that only reads."""
_PAUSES_S = (0.05, 0.5)
"""How long it is waited before a transaction that PostgreSQL broke off is begun again."""

T = TypeVar("T")
Clock = Callable[[], float]


class StoreUnavailable(PlanwardError):
    """The database does not take what has to be remembered, for now; the text is for the operator."""


class Database:
    """What the rooms of the store share: the engine, the clock, the sealer."""

    def __init__(self, url: str, sealer: Sealer, *, clock: Clock = time.time) -> None:
        self.engine = _create_engine(url)
        self._reading = self.engine.execution_options(**{_READS: True})
        self.sealer = sealer
        self.clock = clock

    def migrate(self) -> None:
        """Bring the schema to this version. Raises SettingsError where a newer Planward has already been here."""
        with _first(self.engine) as connection:
            bring_forward(connection)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction, in a thread; more than once where PostgreSQL broke off.

        Also the end of a transaction may be broken off, so that what was done is done again: let that do no harm.
        """
        return await asyncio.to_thread(self._run, work, self.engine)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """As `run`, for `work` that only reads; on SQLite it waits for no writer."""
        return await asyncio.to_thread(self._run, work, self._reading)

    def _run(self, work: Callable[[Connection], T], engine: Engine) -> T:
        for pause_s in _PAUSES_S if engine.dialect.name == "postgresql" else ():
            try:
                return _in_transaction(work, engine)
            except (OperationalError, InterfaceError):
                time.sleep(pause_s)
        try:
            return _in_transaction(work, engine)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise StoreUnavailable(why_unavailable(error)) from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _in_transaction(work: Callable[[Connection], T], engine: Engine) -> T:
    with engine.begin() as connection:
        return work(connection)


def upsert(connection: Connection, table: Table, values: Mapping[str, Any], *, update: Sequence[str]) -> None:
    """Insert a row, or set the columns `update` of the one with the same primary key; none: leave it as it is."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values)
    if update:
        keys = [column.name for column in table.primary_key.columns]
        statement = statement.on_conflict_do_update(index_elements=keys, set_={name: values[name] for name in update})
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement)


@contextlib.contextmanager
def _first(engine: Engine) -> Iterator[Connection]:
    """The first transaction. Raises SettingsError where the database cannot be reached, without its password."""
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
            "PLANWARD_DATABASE_URL is no database's address: postgresql://USER:PASSWORD@HOST/NAME, or leave it out"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError("PLANWARD_DATABASE_URL: only postgresql:// and sqlite:/// are known")
    engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy says BEGIN itself, see below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_PATIENCE_S * 1000}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another one wrote meanwhile.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def why_unavailable(error: Exception) -> str:
    """What the operator has to do where the database failed so."""
    said = str(error)
    if "full" in said or "No space left" in said:
        return "the disk of Planward's database is full: make room"
    if "locked" in said:
        return "Planward's database is locked by another program: end it"
    return "Planward's database cannot be reached: bring it back"
