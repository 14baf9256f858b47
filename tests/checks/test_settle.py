"""Decisions about the tip of a branch, in every state of its attempts."""

from typing import get_args

import pytest

from checks import settle
from checks.explain import Explained, Unexplained

EXPLAINED = settle.FollowsLast(explanation=Explained(pull_requests=()), may_still_arrive=False)
UNEXPLAINED = settle.FollowsLast(explanation=Unexplained(unexplained=(), reasons=("why",)), may_still_arrive=False)
LATE = settle.FollowsLast(explanation=Unexplained(unexplained=(), reasons=("why",)), may_still_arrive=True)
ATTEMPTS: tuple[settle.Attempt, ...] = (
    "none",
    "unfinished",
    "applied",
    "unexplained",
    "held",
    "failed",
    "cancelled",
)


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("history", [settle.NoLast(), settle.Forced(), UNEXPLAINED, LATE])
def test_an_unexplained_tip_is_applied_only_if_somebody_let_it_in(
    history: settle.History, attempt: settle.Attempt
) -> None:
    for waited in (False, True):
        for rerun in (False, True):
            decision = settle.decide_tip(history, attempt=attempt, asked=None, rerun=rerun, waited=waited)
            assert not isinstance(decision, settle.ApplyTip)
    types: dict[settle.RequestedAction, type[settle.Decision]] = {"plan": settle.PlanTip, "apply": settle.ApplyTip}
    for asked, decision_type in types.items():
        decision = settle.decide_tip(history, attempt=attempt, asked=asked, rerun=False, waited=False)
        assert isinstance(decision, decision_type)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_is_applied_if_the_environment_is_already_at_the_tip(attempt: settle.Attempt) -> None:
    for asked in (None, *get_args(settle.RequestedAction)):
        there = settle.decide_tip(settle.AtLast(adopted=False), attempt=attempt, asked=asked, rerun=True, waited=True)
        assert there == settle.UpToDate()


def test_an_explanation_that_comes_late_turns_a_hold_into_an_apply_but_no_failure() -> None:
    def decide(attempt: settle.Attempt) -> settle.Decision:
        return settle.decide_tip(EXPLAINED, attempt=attempt, asked=None, rerun=False, waited=False)

    assert decide("unexplained") == settle.ApplyTip()
    assert decide("failed") == decide("held") == settle.LeaveAlone()
