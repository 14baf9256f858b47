"""Planward is killed at every point of each story, and the result equals that of the undisturbed story.

The points are those that the undisturbed stories pass, so a new step is included by itself. By default Planward is
killed only where something was done that is not recorded yet; PLANWARD_TEST_EVERY_POINT has it killed at all points.

A commit that waits for a person is the same as any other until Terraform has planned it. So by default the stories with
a hold are killed only at the steps from there on.
"""

import os
import re

import pytest

from tests.databases import POSTGRESQL, SQLITE
from tests.stories.faults.conftest import THREE, FaultyLine
from tests.stories.faults.outcome import without_words
from tests.stories.faults.telling import Told, maybe_lost, tell, tell_approved, tell_unexplained, undisturbed

EVERY_POINT = "PLANWARD_TEST_EVERY_POINT" in os.environ
KINDS = [SQLITE, POSTGRESQL, *([THREE] if EVERY_POINT else [])]
WRITES = r"(POST|PATCH) .*"
STEPS, GITHUB, COMMANDS = r"step .*", rf"{WRITES}|accepted .*|message", r"terraform .*|secrets"
OF_A_HOLD = r"step (plan|apply|conclude|report|name deciders|stop after|button).*"
WHILE_APPLYING = r"terraform apply: (during|after)"
"""Where something was applied that Planward has not recorded: the new plan has nothing to do, and says so."""


@pytest.fixture(scope="module")
def undisturbed_story(faulty: FaultyLine) -> Told:
    return undisturbed(faulty)


def require_killed_at(where: frozenset[str], faulty: FaultyLine, disturbed: Told, unsure: int) -> frozenset[str]:
    """Assert that Planward was killed at these points and at no others; returns those at which it was.

    A point after a write may be missing if another job's point killed Planward during the write itself: GitHub had
    taken it, and Planward finds that out instead of writing again. The point after a message is missing if another
    job's point killed Planward during the message, so that it was unsure whether the chat has it.
    """
    killed = frozenset(faulty.calm())
    assert killed <= where
    missing = where - killed
    assert len(missing) < len(killed)
    during_the_write = {f"{point.removesuffix(': before')}: after" for point in disturbed.among(f"{WRITES}: before")}
    during_a_message = {"message: after"} if unsure else set()
    assert missing <= during_the_write | during_a_message
    return killed


def require_equal_outcomes(disturbed: Told, usual: Told, killed: frozenset[str], unsure: int) -> None:
    """Assert that the outcomes are equal, but for messages in chat that a kill may have cost.

    `unsure` counts the messages of which Planward did not know whether the chat has them. If Planward was killed just
    after a message, the chat does have it.
    """
    lost = unsure - len(killed & {"message: after"})
    heard, expected = disturbed.outcome["messages"], usual.outcome["messages"]
    assert [each for each in expected if each in heard] == heard
    assert len(expected) - len(heard) <= lost
    assert {**disturbed.outcome, "messages": expected} == usual.outcome


def test_killed_at_every_point_in_turn_it_ends_as_if_it_had_not_been(
    faulty: FaultyLine, undisturbed_story: Told
) -> None:
    phases = "before|after|recorded|during" if EVERY_POINT else "after"
    where = undisturbed_story.among(rf"(?!{WHILE_APPLYING})({STEPS}|{GITHUB}|{COMMANDS}): ({phases})")
    since = faulty.line.logs.mark()
    disturbed = tell(faulty, kill="|".join(map(re.escape, where)), patience_s=180 + 15 * len(where))
    unsure = maybe_lost(faulty, since)
    killed = require_killed_at(where, faulty, disturbed, unsure)
    require_equal_outcomes(disturbed, undisturbed_story, killed, unsure)


@pytest.mark.by_default("terraform apply: during")
@pytest.mark.parametrize("point", ["terraform apply: during", "terraform apply: after"])
def test_killed_while_terraform_applies_it_finds_what_was_applied(
    faulty: FaultyLine, undisturbed_story: Told, point: str
) -> None:
    disturbed = tell(faulty, kill=point)
    assert len(faulty.calm()) == 1
    assert without_words(disturbed.outcome) == without_words(undisturbed_story.outcome)


@pytest.mark.by_default("of a hold")
@pytest.mark.parametrize("points", [OF_A_HOLD, rf"{STEPS}|{COMMANDS}"], ids=["of a hold", "all"])
def test_the_plan_that_was_shown_is_applied_even_if_planward_is_killed_between_hold_and_apply(
    faulty: FaultyLine, points: str
) -> None:
    usual = tell_approved(faulty)
    assert usual.outcome["as shown"] == [True, True]
    assert usual.outcome["plan files kept"] == [(0,)]
    phases = "before|after|recorded|during" if EVERY_POINT else "after"
    where = usual.among(rf"(?!{WHILE_APPLYING})({points}): ({phases})")
    since = faulty.line.logs.mark()
    disturbed = tell_approved(faulty, kill="|".join(map(re.escape, where)), patience_s=180 + 15 * len(where))
    unsure = maybe_lost(faulty, since)
    killed = require_killed_at(where, faulty, disturbed, unsure)
    require_equal_outcomes(disturbed, usual, killed, unsure)


@pytest.mark.by_default("of a hold")
@pytest.mark.parametrize("points", [OF_A_HOLD, rf"{STEPS}|{COMMANDS}"], ids=["of a hold", "all"])
def test_planward_resumes_if_killed_between_plan_and_apply_of_an_unexplained_push(
    faulty: FaultyLine, points: str
) -> None:
    usual = tell_unexplained(faulty)
    assert usual.outcome["size"] == 2
    phases = "before|after|recorded|during" if EVERY_POINT else "after"
    where = usual.among(rf"(?!{WHILE_APPLYING})({points}): ({phases})")
    since = faulty.line.logs.mark()
    disturbed = tell_unexplained(faulty, kill="|".join(map(re.escape, where)), patience_s=180 + 15 * len(where))
    unsure = maybe_lost(faulty, since)
    killed = require_killed_at(where, faulty, disturbed, unsure)
    require_equal_outcomes(disturbed, usual, killed, unsure)


def test_the_points_are_before_and_after_each_step_and_each_command_that_gets_credentials(
    undisturbed_story: Told,
) -> None:
    steps = {point.removesuffix(": before") for point in undisturbed_story.among(r"step .*: before")}
    assert {
        f"{step}: {phase}" for step in steps for phase in ("before", "after", "recorded")
    } == undisturbed_story.among("step .*")
    assert {"step judge", "step begin staging", "step apply staging network", "step conclude staging"} <= steps
    assert {"step announce", "step prepare", "step plan 1:staging network", "step conclude"} <= steps
    commands = ["secrets", *(f"terraform {name}" for name in ("init", "plan", "show", "apply"))]
    assert {f"{name}: {phase}" for name in commands for phase in ("before", "after")} <= undisturbed_story.passed
