"""Planward's data directory is full: a run fails and says who has to do what, and no data is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_disk import SmallDisk, small_disk
from tests.stories.faults.hasty import HastyLine
from tests.stories.line import Line, running_line
from tests.stories.waiting import eventually


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small", megabytes=32) as disk:
        yield disk


@pytest.fixture
def full(disk: SmallDisk, tmp_path: Path) -> Iterator[Line]:
    """A line whose data directory lies on a small disk, and its database elsewhere."""
    url = f"sqlite:///{tmp_path / 'planward.db'}"
    with running_line(
        tmp_path, PLANWARD_DATA_DIR=str(disk.directory), PLANWARD_DATABASE_URL=url, line_type=HastyLine
    ) as line:
        yield line


def test_a_full_disk_fails_runs_and_loses_nothing(disk: SmallDisk, full: Line) -> None:
    story = full.story()
    first = story.propose()
    assert story.planned(first)["conclusion"] == "success"
    disk.fill()
    second = story.propose({"notes.md": "# Notes\n"}, head="second")
    check = story.planned(second)
    assert check["conclusion"] == "failure"
    assert "the data directory of Planward is full; the operator has to make room" in check["output"]["summary"]
    merged = story.merge(first)

    def pushes_deferred() -> bool:
        return any(f":apply:staging:{merged}" in each["job"] for each in full.events("job_deferred"))

    eventually(pushes_deferred, "the push is deferred")
    disk.make_room()
    # The job resumes by itself, since there is no check run on which anybody could press a button.
    assert story.applied(merged)["conclusion"] == "success"
    assert story.size("staging") == 2
    story.rerun(check)
    assert story.planned(second, count=2)["conclusion"] == "success"
