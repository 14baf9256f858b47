"""Planward is killed at every point of both stories; what comes of them is what comes of undisturbed ones."""

import os
from typing import Any

import pytest

from tests.stories.faults.conftest import FaultyLine
from tests.stories.faults.outcome import outcome, without_words
from tests.stories.harness import Story, eventually

WHILE_APPLYING = r"terraform apply: (during|after)|step apply .*: after"
"""Where something was applied that Planward has not recorded: the new plan has nothing to do, and says so."""


@pytest.fixture(scope="module")
def undisturbed(faulty: FaultyLine) -> dict[str, Any]:
    story = faulty.line.story()
    number, merged = tell(faulty, story)
    return outcome(story, number, merged)


def tell(faulty: FaultyLine, story: Story) -> tuple[int, str]:
    """Propose, merge, wait for the apply, and until nothing is under way."""
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    merged = story.merge(number)
    story.applied(merged)
    eventually(lambda: story.comments(number), "the pull request is told")
    faulty.quiet()
    return number, merged


PHASES = "before|after|recorded|during" if "PLANWARD_TEST_EVERY_POINT" in os.environ else "after"
"""By default only where something was done that is not recorded yet: every restart takes seconds."""


@pytest.mark.parametrize(
    "points",
    [rf"step .*: ({PHASES})", rf"(POST|PATCH) .*: ({PHASES})", rf"terraform .*: ({PHASES})|accepted .*: after"],
    ids=["steps", "github", "terraform"],
)
def test_killed_at_every_point_in_turn_it_ends_as_if_it_had_not_been(
    faulty: FaultyLine, undisturbed: dict[str, Any], points: str
) -> None:
    story = faulty.line.story()
    faulty.kill_at(rf"(?!{WHILE_APPLYING})({points})")
    number, merged = tell(faulty, story)
    assert faulty.calm()
    assert outcome(story, number, merged) == undisturbed


@pytest.mark.parametrize("point", ["terraform apply: during", "terraform apply: after", "step apply .*: after"])
def test_killed_while_terraform_applies_it_finds_what_was_applied(
    faulty: FaultyLine, undisturbed: dict[str, Any], point: str
) -> None:
    story = faulty.line.story()
    faulty.kill_at(point)
    number, merged = tell(faulty, story)
    assert len(faulty.calm()) == 1
    assert without_words(outcome(story, number, merged)) == without_words(undisturbed)
