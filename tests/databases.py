"""SQLite and PostgreSQL: every test that touches a database runs on both, or on the one that `--database` names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import Postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"

NewDatabase = Callable[[Path], str]
"""Gives the address of a new database, as PLANWARD_DATABASE_URL takes it; SQLite's lies in the directory."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """On PostgreSQL a line's work is done by a process of its own."""
    parser.addoption("--database", choices=(SQLITE, POSTGRESQL), help="run what needs one there, and there alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `database`, itself or through another fixture, once on each."""
    if "database" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("database")
        databases = [chosen] if chosen else [SQLITE, POSTGRESQL]
        metafunc.parametrize("database", databases, indirect=True, scope="session")


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    """Which of the two it is."""
    return str(request.param)


@pytest.fixture(scope="session")
def new_database(database: str, request: pytest.FixtureRequest) -> NewDatabase:
    """How to come to an empty database with Planward's tables."""
    if database == SQLITE:
        return lambda directory: f"sqlite:///{directory / 'planward.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return lambda _: postgres.prepared()
