"""GitHub fails whenever Planward creates an object, before or after it exists. In the end each object exists once."""

import pytest

from tests.stories.faults.conftest import FaultyLine
from tests.stories.faults.outcome import outcome
from tests.stories.story import Story
from tests.stories.waiting import eventually

CREATES = [r"/check-runs$", r"/deployments$", r"/deployments/\d+/statuses$", r"/issues/\d+/comments$"]


@pytest.mark.by_default("answer lost")
@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer lost"])
def test_an_object_is_created_once_although_github_does_not_answer(faulty: FaultyLine, lost: bool) -> None:
    story = faulty.line.story()
    github = faulty.line.github
    for path in CREATES:
        if lost:
            github.lose_answer("POST", path, times=2)
        else:
            github.fail("POST", path, status=502, times=2)
    try:
        number, merged = tell(story)
    finally:
        github.clear_faults()
    faulty.quiet()
    found = outcome(story, number, merged, [])
    assert [each["conclusion"] for each in found["plans"]] == ["success"]
    assert [each["conclusion"] for each in found["applies"]] == ["success"]
    assert found["deployments"] == [["in_progress", "success"]]
    assert len(found["comments"]) == 1
    assert story.size("staging") == 2


def tell(story: Story) -> tuple[int, str]:
    """Propose, merge, and wait for the apply and its comment."""
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    eventually(lambda: story.comments(number), "the pull request is told", patience_s=180)
    return number, merged
