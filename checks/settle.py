"""What becomes of a branch's tip: applied, held, waited for, or left alone. Pure: the shell brings what it knows.

Whatever gave reason to look (a push, a merge, a due time, an approval), the same is decided from the same facts, so
that events may come twice, late, in any order or never.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from checks.explain import Explained, Unexplained

Attempt = Literal["none", "unfinished", "applied", "unexplained", "held", "failed", "cancelled"]
"""What the newest check run of an apply on the tip says: `unexplained` and `held` are its two kinds of hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLast:
    """The branch is new: nothing is known that its tip could follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLast:
    """The tip is LAST. `adopted`: it was there when the repository was first seen, and was never applied."""

    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """LAST does not lie on the tip's first-parent chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The tip follows LAST. `may_still_come`: something that explains it could be told yet."""

    explanation: Explained | Unexplained
    may_still_come: bool


History = NoLast | AtLast | Forced | Behind
"""How the tip lies to LAST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """Nothing to apply: the environment is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """It was decided before, and nothing has come that would change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The check run stays in progress until what explains the tip is told, or the time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTip:
    """A person has to look at it: nothing explains the tip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTip:
    """Plan it and show the plan: a person has to approve it. `everything`: every root module, touched or not."""

    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTip:
    """Plan it and, where the gate lets each plan pass, apply it. `everything`: every root module, touched or not."""

    everything: bool = False


Decision = UpToDate | Rest | Wait | HoldTip | PlanTip | ApplyTip

Asked = Literal["plan", "apply"]
"""What people who may let this very commit in asked for, and no finished attempt has done yet."""


def is_settled(attempt: Attempt, *, asked: Asked | None, rerun: bool) -> bool:
    """Whether the newest attempt at a tip that is not LAST is its last word until a person asks for another."""
    return attempt in ("failed", "held") and asked is None and not rerun


def decide_tip(history: History, *, attempt: Attempt, asked: Asked | None, rerun: bool, waited: bool) -> Decision:
    """Decide about the tip.

    `rerun`: somebody who may apply asks for another attempt; it approves nothing. `waited`: the time to wait for an
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
        case Behind(explanation=Explained()):
            return ApplyTip()
        case Behind(may_still_come=may_still_come):
            if may_still_come and not waited and attempt in ("none", "unfinished", "applied", "cancelled"):
                return Wait()
            return _unexplained(attempt, rerun=rerun)
        case _ as never:
            assert_never(never)


def _let_in(asked: Asked, *, everything: bool) -> Decision:
    return PlanTip(everything=everything) if asked == "plan" else ApplyTip(everything=everything)


def _unexplained(attempt: Attempt, *, rerun: bool) -> Decision:
    return Rest() if attempt == "unexplained" and not rerun else HoldTip()
