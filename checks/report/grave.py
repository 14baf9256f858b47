"""Add the report's dangers to the summary of a plan, so that an apply is held if no preview showed them."""

from collections.abc import Sequence

import msgspec

from checks.plan.parity import PlanSummary
from checks.report.change_report import ChangeReport


def with_dangers(summary: PlanSummary, changes: Sequence[ChangeReport]) -> PlanSummary:
    """The summary of a plan, with the marks of changed and added resources from the report's danger list.

    Other actions get no marks: a destruction, for example, is grave without them.
    """
    marks = {
        (address, change.deposed): change.marks
        for change in changes
        if change.marks and change.section in ("change", "add")
        for address in change.instances or (change.address,)
    }
    if not marks:
        return summary
    found = tuple(
        msgspec.structs.replace(each, dangers=marks.get((each.address, each.deposed), ())) for each in summary.changes
    )
    return msgspec.structs.replace(summary, changes=found)
