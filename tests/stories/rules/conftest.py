"""One repository for all stories of the rules that only propose changes."""

import pytest

from tests.stories.line import Line
from tests.stories.story import Story


@pytest.fixture(scope="package")
def proposals(shared_line: Line) -> Story:
    """The repository of `unmerged`."""
    return shared_line.story()


@pytest.fixture(scope="module")
def unmerged(line: Line, proposals: Story) -> Story:
    """The repository that all files share. Nothing is pushed to its environments' branches."""
    assert proposals.line is line
    return proposals
