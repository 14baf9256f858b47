"""The conclusion of a planning check run, from the gate's decision."""

from collections.abc import Collection
from typing import assert_never

from checks import gate
from checks.report import Conclusion


def conclusion_of(decision: gate.Clear | gate.Hold | gate.Refuse, outcomes: Collection[str]) -> Conclusion:
    """Conclude a plan run; `outcomes` are those of its root modules."""
    match decision:
        case gate.Clear():
            return "success"
        case gate.Hold():
            return "action_required"
        case gate.Refuse():
            return "timed_out" if {*outcomes} & {"failed", "timed_out"} == {"timed_out"} else "failure"
        case _ as never:
            assert_never(never)


def cause_of(decision: gate.Clear | gate.Hold | gate.Refuse) -> str | None:
    """The first line of the check run; None if the gate is clear."""
    return None if isinstance(decision, gate.Clear) else decision.cause
