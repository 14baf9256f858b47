"""The results of a failed apply for each resource: the worst first, in every format of the report."""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.plan.apply_stream import Outcome, ResourceResult
from checks.report.change_report import SYMBOLS

_ORDER: tuple[Outcome, ...] = ("failed", "interrupted", "not_reached", "applied")
_HEADINGS: dict[Outcome, str] = {
    "failed": "failed",
    "interrupted": "interrupted: begun, but not finished",
    "not_reached": "not reached",
    "applied": "applied",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultGroup:
    """The results of one root module with the same outcome."""

    outcome: Outcome
    results: tuple[ResourceResult, ...]

    @property
    def heading(self) -> str:
        """Their number and outcome."""
        return f"{len(self.results):,} {_HEADINGS[self.outcome]}"

    @property
    def stands_out(self) -> bool:
        """Whether each of them needs attention."""
        return self.outcome in ("failed", "interrupted")


def groups_of_results(results: Sequence[ResourceResult]) -> tuple[ResultGroup, ...]:
    """The groups that are not empty."""
    groups = (ResultGroup(outcome=each, results=tuple(r for r in results if r.outcome == each)) for each in _ORDER)
    return tuple(group for group in groups if group.results)


def symbol_of(result: ResourceResult) -> str:
    """Terraform's symbol of the planned action."""
    return SYMBOLS.get(result.action, "?")


def remarks_of_result(result: ResourceResult) -> tuple[str, ...]:
    """The remarks about one resource, beside its address."""
    remarks = [f"deposed object {result.deposed}"] if result.deposed else []
    if result.took_s:
        remarks.append(f"{'took' if result.outcome == 'applied' else 'after'} {duration(result.took_s)}")
    if result.done == ("delete",):
        remarks.append("the old object was destroyed, and the new one was not created")
    elif result.done == ("create",):
        remarks.append("the new object was created, and the old one was not destroyed")
    return tuple(remarks)


def duration(seconds: int) -> str:
    """A duration as text: "42 s", "3 min 5 s", "2 h 4 min"."""
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
