"""One line for all stories that run in one pytest process on one kind of database."""

import itertools
from collections.abc import Iterator

import pytest

from tests.databases import POSTGRESQL, NewDatabase
from tests.stories.line import Line, running_line
from tests.stories.story import Story

_topics = itertools.count(1)


@pytest.fixture(scope="package")
def line(database: str, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The local GitHub, OpenBao and `planward serve`; on PostgreSQL `planward worker` does the work.

    It is stopped after the last story, since even an idle line takes a tenth of a core.
    """
    directory = tmp_path_factory.mktemp("line")
    url = new_database(directory / "data")
    with running_line(directory, own_worker=database == POSTGRESQL, PLANWARD_DATABASE_URL=url) as line:
        yield line


@pytest.fixture(scope="module")
def unmerged(line: Line) -> Story:
    """One repository for all stories of a file that only propose changes to it: into its branches nothing is pushed.

    A repository of its own costs a story as much as a plan does.
    """
    return line.story()


@pytest.fixture
def topic() -> str:
    """The name of a branch that nobody has used yet."""
    return f"topic-{next(_topics)}"


@pytest.fixture(autouse=True)
def undisturbed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each story, let deliveries through again and restart stopped processes, also if the story failed."""
    yield
    if "line" in request.fixturenames:
        line: Line = request.getfixturevalue("line")
        line.github.let_through()
        line.supervise()
