"""One repository for all stories of the rules that only propose changes."""

import pytest

from tests.stories.line import Line
from tests.stories.story import Story


@pytest.fixture(scope="package")
def unmerged(line: Line) -> Story:
    """Into the branches of this repository nothing is pushed."""
    return line.story()
