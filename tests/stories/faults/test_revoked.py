"""Tokens die, or GitHub refuses, at every point of a story; its results equal those of the undisturbed story.

The points are those at which test_killed.py kills Planward. By default tokens die before each step, each write to
GitHub and each command. With PLANWARD_TEST_EVERY_POINT they die at all points, and GitHub refuses in every way.
"""

import re
from functools import partial

import pytest

from tests.databases import SQLITE
from tests.stories.faults.conftest import FaultyLine
from tests.stories.faults.telling import Told, tell, undisturbed
from tests.stories.faults.test_killed import COMMANDS, EVERY_POINT, GITHUB, STEPS

KINDS = [SQLITE]
_WRITES = r"(POST|PATCH) .*: before"
_LONG = 8
"""The number of requests of one call: each attempt uses two tokens."""
_WAYS = [(401, 1), (403, _LONG), (404, _LONG), *([(403, 1), (404, 1), (401, _LONG)] if EVERY_POINT else [])]


@pytest.fixture(scope="module")
def undisturbed_story(faulty: FaultyLine) -> Told:
    return undisturbed(faulty)


def test_tokens_that_die_at_every_point_in_turn_change_nothing(faulty: FaultyLine, undisturbed_story: Told) -> None:
    phases = "before|after|recorded|during" if EVERY_POINT else "before"
    where = undisturbed_story.among(rf"({STEPS}|{GITHUB}|{COMMANDS}): ({phases})")
    told = tell(faulty, disturb=partial(faulty.revoke_at, "|".join(map(re.escape, where))))
    assert set(faulty.calm()) == where
    assert told.outcome == undisturbed_story.outcome


@pytest.mark.by_default("403-8")
@pytest.mark.parametrize(("status", "times"), _WAYS)
def test_writes_that_github_refuses_one_after_the_other_are_made_in_the_end(
    faulty: FaultyLine, undisturbed_story: Told, status: int, times: int
) -> None:
    where = undisturbed_story.among(_WRITES)
    begun = faulty.line.logs.mark()
    told = tell(faulty, disturb=partial(faulty.refuse_at, _WRITES, status, times), patience_s=90 + 10 * len(where))
    assert where <= set(faulty.calm())
    assert told.outcome == undisturbed_story.outcome
    for event in ("job_refused", "job_failed", "run_not_shown"):
        assert faulty.line.events(event, begun) == []
