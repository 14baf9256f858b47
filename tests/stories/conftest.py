"""One line for all stories of a process and a database."""

from collections.abc import Iterator

import pytest

from tests.databases import POSTGRESQL, NewDatabase
from tests.stories.line import Line, running_line


@pytest.fixture(scope="package")
def line(database: str, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The local GitHub, OpenBao and `planward serve`; on PostgreSQL the work is done by `planward worker`.

    It ends with the stories: an idle line takes a tenth of a core from the tests that come after them.
    """
    directory = tmp_path_factory.mktemp("line")
    url = new_database(directory / "data")
    with running_line(directory, own_worker=database == POSTGRESQL, PLANWARD_DATABASE_URL=url) as line:
        yield line


@pytest.fixture(autouse=True)
def undisturbed(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a story holds back, loses or ends is there for the next, also where the story fails."""
    yield
    if "line" in request.fixturenames:
        line: Line = request.getfixturevalue("line")
        line.github.let_through()
        line.supervise()
