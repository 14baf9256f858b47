"""Decide about a branch's tip: apply, hold, wait, or leave it alone. Pure: the caller supplies the facts.

Whatever the reason for examining the branch (a push, a merge, a due time, an approval), the same facts give the same
decision, so events may arrive twice, late, in any order or never.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from checks.explain import Explained, Unexplained

Attempt = Literal["none", "unfinished", "applied", "unexplained", "held", "failed", "cancelled"]
"""The state of the newest apply check run on the tip: `unexplained` and `held` are its two kinds of hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLast:
    """The branch is new: there is no known commit for its tip to follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLast:
    """The tip is LAST. `adopted`: it existed when the repository was first seen, and was never applied."""

    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """LAST is not on the tip's first-parent chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowsLast:
    """The tip follows LAST. `may_still_arrive`: an explanation may still arrive."""

    explanation: Explained | Unexplained
    may_still_arrive: bool


History = NoLast | AtLast | Forced | FollowsLast
"""The position of the tip relative to LAST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """Nothing to apply: the environment is already at this commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """It was decided before, and nothing has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The check run stays in progress until an explanation of the tip arrives, or the waiting time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTip:
    """A person has to decide: nothing explains the tip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTip:
    """Plan it and show the plan, which a person has to approve. `everything`: every root module, affected or not."""

    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTip:
    """Plan it and apply it if the gate passes each plan. `everything`: every root module, affected or not."""

    everything: bool = False


Decision = UpToDate | Rest | Wait | HoldTip | PlanTip | ApplyTip

Asked = Literal["plan", "apply"]
"""The action for this commit that authorised people requested, and no finished attempt has done yet."""


def is_settled(attempt: Attempt, *, asked: Asked | None, rerun: bool) -> bool:
    """Whether the newest attempt at a tip that is not LAST is final until a person requests another."""
    return attempt in ("failed", "held") and asked is None and not rerun


def decide_tip(history: History, *, attempt: Attempt, asked: Asked | None, rerun: bool, waited: bool) -> Decision:
    """Decide about the tip.

    `rerun`: somebody who may apply requests another attempt, which approves nothing. `waited`: the waiting time for an
    explanation is over.
    """
    if isinstance(history, AtLast):
        return UpToDate() if asked is None or not history.adopted else _let_in(asked, everything=True)
    if is_settled(attempt, asked=asked, rerun=rerun):
        return Rest()
    if asked is not None:
        return _let_in(asked, everything=isinstance(history, NoLast))
    match history:
        case NoLast() | Forced():
            return _unexplained(attempt, rerun=rerun)
        case FollowsLast(explanation=Explained()):
            return ApplyTip()
        case FollowsLast(may_still_arrive=may_still_arrive):
            if may_still_arrive and not waited and attempt in ("none", "unfinished", "applied", "cancelled"):
                return Wait()
            return _unexplained(attempt, rerun=rerun)
        case _ as never:
            assert_never(never)


def _let_in(asked: Asked, *, everything: bool) -> Decision:
    return PlanTip(everything=everything) if asked == "plan" else ApplyTip(everything=everything)


def _unexplained(attempt: Attempt, *, rerun: bool) -> Decision:
    return Rest() if attempt == "unexplained" and not rerun else HoldTip()
