"""SQLite and PostgreSQL: which of them a test that touches a database runs on.

Each test outside of `tests/stories/` runs on both. A story runs on SQLite. If it is marked `both_databases`, it also
runs on PostgreSQL, and so does every story with `--every`. One story of each theme has this mark, and so has each story
that depends on the database. With `--database`, all of these tests run only on the one that it names.
"""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import Postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"

NewDatabase = Callable[[Path], str]
"""Returns the address of a new database, for PLANWARD_DATABASE_URL. A SQLite database is put into the directory."""

_STORIES = "tests/stories/"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--database` and `--every`."""
    parser.addoption("--database", choices=(SQLITE, POSTGRESQL), help="run what needs a database there, and only there")
    parser.addoption("--every", action="store_true", help="run every story on both databases, as a release does")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of this file."""
    config.addinivalue_line("markers", "both_databases: a story that always runs on PostgreSQL too")


def databases_of(metafunc: pytest.Metafunc, kinds: list[str]) -> list[str]:
    """Those of the kinds that this test runs on. All kinds but SQLite are kinds of PostgreSQL."""
    chosen = metafunc.config.getoption("database")
    if chosen:
        return [kind for kind in kinds if (kind == SQLITE) == (chosen == SQLITE)]
    story = metafunc.definition.nodeid.startswith(_STORIES)
    if not story or metafunc.config.getoption("every") or metafunc.definition.get_closest_marker("both_databases"):
        return kinds
    return kinds[:1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize what asks for `database`, itself or through another fixture."""
    if "database" in metafunc.fixturenames:
        databases = databases_of(metafunc, [SQLITE, POSTGRESQL])
        metafunc.parametrize("database", databases, indirect=True, scope="session")


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    """Which of the two it is."""
    return str(request.param)


@pytest.fixture(scope="session")
def new_database(database: str, request: pytest.FixtureRequest) -> NewDatabase:
    """How to get an empty database with Planward's tables."""
    if database == SQLITE:
        return new_sqlite
    postgres: Postgres = request.getfixturevalue("postgres")
    return lambda _: postgres.prepared()


def new_sqlite(directory: Path) -> str:
    """Put an empty database with Planward's tables into the directory, and return its address.

    Its files are copies, since making the tables takes a quarter of a second.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    for name, content in _with_tables().items():
        (directory / name).write_bytes(content)
    return _sqlite(directory)


@functools.cache
def _with_tables() -> dict[str, bytes]:
    # Imported late because most tests do not need them: importing the durable engine alone takes a second.
    from ghapp.durable import JobQueue
    from ghapp.sealing import Sealer
    from ghapp.store import Store

    with tempfile.TemporaryDirectory(prefix="planward-") as directory:
        url = _sqlite(Path(directory))
        Store(url, Sealer(["k" * 32])).close()
        JobQueue(url).close()
        return {each.name: each.read_bytes() for each in Path(directory).iterdir()}


def _sqlite(directory: Path) -> str:
    return f"sqlite:///{directory / 'planward.db'}"
