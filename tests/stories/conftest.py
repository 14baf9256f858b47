"""One line for all stories of a process and a database."""

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres
from tests.stories.harness import Line, running_line

SQLITE, POSTGRESQL = "sqlite", "postgresql"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Stories run on what `--database` says; without it on SQLite, and a module's `DATABASES` where it has them."""
    if "line" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("database")
        databases = [chosen] if chosen else getattr(metafunc.module, "DATABASES", [SQLITE])
        # What runs on one database keeps its name.
        ids = [pytest.HIDDEN_PARAM] if len(databases) == 1 else databases
        metafunc.parametrize("line", databases, ids=ids, indirect=True, scope="session")


@pytest.fixture(scope="session")
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The local GitHub, OpenBao and `planward serve`; on PostgreSQL the work is done by `planward worker`."""
    directory = tmp_path_factory.mktemp("line")
    if request.param == SQLITE:
        with running_line(directory) as line:
            yield line
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        with running_line(directory, own_worker=True, PLANWARD_DATABASE_URL=postgres.database()) as line:
            yield line
