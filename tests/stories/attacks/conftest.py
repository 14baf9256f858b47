"""A line for each sandbox but bubblewrap."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandboxes import NO_UID
from tests.stories.line import Line, running_line


@pytest.fixture(scope="package", params=["uid", "none"])
def attacked(request: pytest.FixtureRequest) -> Iterator[Line]:
    """A line in the sandbox `uid`, and one without a sandbox, in which almost every attack has to succeed."""
    if request.param == "uid" and NO_UID is not None:
        pytest.skip(NO_UID)
    # Not below pytest's temporary directory, which only its owner can enter.
    directory = Path(tempfile.mkdtemp(prefix="planward-attacked-"))
    directory.chmod(0o711)
    try:
        with running_line(directory, fresh=True, PLANWARD_SANDBOX=request.param, PLANWARD_CONCURRENCY="4") as line:
            yield line
    finally:
        shutil.rmtree(directory)


def sandbox_of(line: Line) -> str:
    """The sandbox in which a line's Planward runs Terraform."""
    return line.environ["PLANWARD_SANDBOX"]
