"""One line for all stories of a process."""

from collections.abc import Iterator

import pytest

from tests.stories.harness import Line, running_line


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The local GitHub, OpenBao and `planward serve`."""
    with running_line(tmp_path_factory.mktemp("line")) as line:
        yield line
