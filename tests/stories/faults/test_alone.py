"""SQLite is for one worker."""

import os
import subprocess
import sys

from tests.stories.faults.conftest import FaultyLine


def test_a_second_planward_on_the_same_sqlite_is_refused(faulty: FaultyLine) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ghapp", "worker"], env=faulty.line.environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    data = os.fspath(faulty.line.directory / "data")
    assert f"another Planward works in {data}: end it first" in ended.stderr
