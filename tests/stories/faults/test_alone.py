"""SQLite is for one worker."""

import os

from tests.forked import ForkedPlanward
from tests.stories.faults.conftest import FaultyLine


def test_a_second_planward_on_the_same_sqlite_is_refused(faulty: FaultyLine) -> None:
    second = ForkedPlanward(["worker"], faulty.line.environ)
    assert second.wait(60) == 1
    data = os.fspath(faulty.line.directory / "data")
    assert f"another Planward works in {data}: end it first" in second.stderr.read()
    second.close()
