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
class ApplyTip:
    """Plan it and, where the gate lets each plan pass, apply it. `everything`: every root module, touched or not."""

    everything: bool = False


Decision = UpToDate | Rest | Wait | HoldTip | ApplyTip


def is_settled(attempt: Attempt, *, approved: bool, rerun: bool) -> bool:
    """Whether the newest attempt at a tip that is not LAST is its last word until a person asks for another."""
    return attempt in ("failed", "held") and not (approved or rerun)


def decide_tip(history: History, *, attempt: Attempt, approved: bool, rerun: bool, waited: bool) -> Decision:
    """Decide about the tip.

    `approved`: somebody who may let this very commit in, and no finished attempt has acted on that. `rerun`: somebody
    who may apply asks for another attempt; it approves nothing. `waited`: the time to wait for an explanation is over.
    """
    if isinstance(history, AtLast):
        return ApplyTip(everything=True) if approved and history.adopted else UpToDate()
    if is_settled(attempt, approved=approved, rerun=rerun):
        return Rest()
    asked = approved or rerun
    match history:
        case NoLast():
            return ApplyTip(everything=True) if approved else _unexplained(attempt, asked=asked)
        case Forced():
            return ApplyTip() if approved else _unexplained(attempt, asked=asked)
        case Behind(explanation=Explained()):
            return ApplyTip()
        case Behind(may_still_come=may_still_come):
            if approved:
                return ApplyTip()
            if may_still_come and not waited and attempt in ("none", "unfinished", "applied", "cancelled"):
                return Wait()
            return _unexplained(attempt, asked=asked)
        case _ as never:
            assert_never(never)


def _unexplained(attempt: Attempt, *, asked: bool) -> Decision:
    return Rest() if attempt == "unexplained" and not asked else HoldTip()
