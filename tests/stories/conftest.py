"""The lines of the stories. A line is a local GitHub, OpenBao and Planward (`line.py`).

All stories that run in one pytest process on one kind of database share a line. Some files use one of fresh
interpreters.
"""

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.databases import POSTGRESQL, NewDatabase
from tests.stories.line import Line, running_line
from tests.stories.story import Story

_topics = itertools.count(1)


@pytest.fixture(scope="package")
def shared_line(database: str, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The local GitHub, OpenBao and `planward serve`; on PostgreSQL `planward worker` does the work.

    On PostgreSQL the processes are fresh interpreters, so that `fresh_line` can be the same line. The line is stopped
    after the last story, since even an idle line takes a tenth of a core.
    """
    with _line(database, new_database, tmp_path_factory.mktemp("line"), fresh=database == POSTGRESQL) as line:
        yield line


@pytest.fixture(scope="module")
def line(shared_line: Line) -> Line:
    """The shared line. A file whose stories are about processes replaces this fixture."""
    return shared_line


@pytest.fixture(scope="module")
def fresh_line(
    database: str,
    new_database: NewDatabase,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Line]:
    """A line whose processes are fresh interpreters, as an operator starts them."""
    if database == POSTGRESQL:
        shared: Line = request.getfixturevalue("shared_line")
        yield shared
        return
    with _line(database, new_database, tmp_path_factory.mktemp("fresh"), fresh=True) as line:
        yield line


def _line(database: str, new_database: NewDatabase, directory: Path, *, fresh: bool) -> AbstractContextManager[Line]:
    url = new_database(directory / "data")
    return running_line(directory, own_worker=database == POSTGRESQL, fresh=fresh, PLANWARD_DATABASE_URL=url)


@pytest.fixture(scope="module")
def unmerged(line: Line) -> Story:
    """One repository for all stories of a file that only propose changes. Its environments' branches stay as they are.

    If each story made its own repository, that would take as long as a plan.
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
