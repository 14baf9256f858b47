"""The changes that Terraform defers to a later plan, and the reasons."""

from collections.abc import Iterable, Mapping

import msgspec

from checks.declaration import Declaration
from checks.plan import DeferredChange
from checks.plan.configuration import Block
from checks.report.change_report import ChangeReport
from checks.report.changes import blocks_of, by_danger, report_change
from checks.report.diff import Comparing
from checks.report.fold import fold
from checks.sensitive import Mask

_REASONS: dict[str, str] = {
    "instance_count_unknown": "its `count` or `for_each` is known only after apply",
    "resource_config_unknown": "its arguments are known only after apply",
    "provider_config_unknown": "its provider's configuration is known only after apply",
    "absent_prereq": "something that it depends on does not exist yet",
    "deferred_prereq": "something that it depends on is deferred",
}


def reason_of_deferral(reason: str) -> str:
    """Why something is deferred, as text; an unknown reason is shown in Terraform's own word."""
    return f"deferred: {_REASONS.get(reason, reason or 'unknown')}"


def report_deferred(
    deferred: Iterable[DeferredChange],
    *,
    mask: Mask,
    comparing: Comparing,
    declarations: Mapping[str, Declaration],
    configured: Mapping[str, Block],
) -> tuple[ChangeReport, ...]:
    """Report every deferred change, equal ones folded into one, ordered by danger."""
    about = blocks_of(configured, declarations)
    reported = [
        msgspec.structs.replace(
            report_change(each.resource_change, mask=mask, comparing=comparing, about=about),
            reason=reason_of_deferral(each.reason),
        )
        for each in deferred
    ]
    return tuple(sorted(fold(sorted(reported, key=by_danger)), key=by_danger))
