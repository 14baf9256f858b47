"""Decide about a branch's tip: apply, hold, wait, or leave it alone. Pure: the caller supplies the facts.

The decision depends on the facts alone, and not on the event that led to it (a push, a merge, a due time, an
approval). So events may arrive twice, late, out of order or never.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from checks.explain import Explained, Unexplained

Attempt = Literal["none", "unfinished", "applied", "unexplained", "held", "failed", "cancelled"]
"""The state of the newest apply check run on the tip.

There are two kinds of hold: `unexplained`, because nothing explains the tip, and `held`, because its plan waits for
approval. `applied`: it succeeded, even if another commit has become LAST since.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLast:
    """The branch is new: there is no known commit for its tip to follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLast:
    """The tip is LAST. `adopted`: whether nothing has been applied since Planward adopted a commit of the branch."""

    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """LAST is not on the tip's first-parent chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowsLast:
    """The tip follows LAST. `may_still_arrive`: whether an explanation may still arrive."""

    explanation: Explained | Unexplained
    may_still_arrive: bool


History = NoLast | AtLast | Forced | FollowsLast
"""The position of the tip relative to LAST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """Nothing to apply: the environment is already at this commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveAlone:
    """The decision was made before, and nothing has changed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Keep the check run in progress until an explanation of the tip arrives or the waiting time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTip:
    """A person has to decide: nothing explains the tip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTip:
    """Plan the tip and show the plan, which a person has to approve.

    `everything`: whether to plan every root module, affected or not.
    """

    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTip:
    """Plan the tip and apply each plan that passes the gate.

    `everything`: whether to plan every root module, affected or not.
    """

    everything: bool = False


Decision = UpToDate | LeaveAlone | Wait | HoldTip | PlanTip | ApplyTip

RequestedAction = Literal["plan", "apply"]
"""An action that people with permission have requested for this commit, and that no attempt has carried out yet."""


def is_settled(attempt: Attempt, *, asked: RequestedAction | None, rerun: bool) -> bool:
    """Whether the newest attempt is `failed` or `held`, so that only a person's request leads to another one.

    Do not call this for a tip that is LAST: the decision about it does not depend on attempts.
    """
    return attempt in ("failed", "held") and asked is None and not rerun


def decide_tip(
    history: History, *, attempt: Attempt, asked: RequestedAction | None, rerun: bool, waited: bool
) -> Decision:
    """Decide about the tip.

    `rerun`: whether somebody with permission to apply has requested another attempt; such a request approves nothing.
    `waited`: whether the waiting time for an explanation is over.
    """
    if isinstance(history, AtLast):
        return UpToDate() if asked is None or not history.adopted else _go_ahead(asked, everything=True)
    if is_settled(attempt, asked=asked, rerun=rerun):
        return LeaveAlone()
    if asked is not None:
        return _go_ahead(asked, everything=isinstance(history, NoLast))
    match history:
        case NoLast() | Forced():
            return _hold_once(attempt, rerun=rerun)
        case FollowsLast(explanation=Explained()):
            return ApplyTip()
        case FollowsLast(may_still_arrive=may_still_arrive):
            if may_still_arrive and not waited and attempt in ("none", "unfinished", "applied", "cancelled"):
                return Wait()
            return _hold_once(attempt, rerun=rerun)
        case _ as never:
            assert_never(never)


def _go_ahead(asked: RequestedAction, *, everything: bool) -> Decision:
    return PlanTip(everything=everything) if asked == "plan" else ApplyTip(everything=everything)


def _hold_once(attempt: Attempt, *, rerun: bool) -> Decision:
    return LeaveAlone() if attempt == "unexplained" and not rerun else HoldTip()
