"""One line for all stories that run in one pytest process on one kind of database."""

from collections.abc import Iterator

import pytest

from tests.databases import POSTGRESQL, NewDatabase
from tests.stories.line import Line, running_line


@pytest.fixture(scope="package")
def line(database: str, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The local GitHub, OpenBao and `planward serve`; on PostgreSQL `planward worker` does the work.

    It is stopped after the last story, since even an idle line takes a tenth of a core.
    """
    directory = tmp_path_factory.mktemp("line")
    url = new_database(directory / "data")
    with running_line(directory, own_worker=database == POSTGRESQL, PLANWARD_DATABASE_URL=url) as line:
        yield line


@pytest.fixture(autouse=True)
def undisturbed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each story, let deliveries through again and restart stopped processes, also if the story failed."""
    yield
    if "line" in request.fixturenames:
        line: Line = request.getfixturevalue("line")
        line.github.let_through()
        line.supervise()
