"""The changes that Terraform defers to a later plan, and the reasons."""

from collections.abc import Iterable, Mapping

import msgspec

from checks.declaration import Declaration
from checks.plan import DeferredChange
from checks.plan.configuration import Block
from checks.report.change_report import ChangeReport
from checks.report.changes import block_lookup, by_danger, report_change
from checks.report.diff import ComparisonCache
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
    """The reason for a deferral as text; Terraform's own word if this code does not know it."""
    return f"deferred: {_REASONS.get(reason, reason or 'unknown')}"


def report_deferred(
    deferred: Iterable[DeferredChange],
    *,
    mask: Mask,
    comparing: ComparisonCache,
    declarations: Mapping[str, Declaration],
    configured: Mapping[str, Block],
) -> tuple[ChangeReport, ...]:
    """Report every deferred change, equal ones folded into one, ordered by danger."""
    look_up_block = block_lookup(configured, declarations)
    reported = [
        msgspec.structs.replace(
            report_change(each.resource_change, mask=mask, comparing=comparing, look_up_block=look_up_block),
            reason=reason_of_deferral(each.reason),
        )
        for each in deferred
    ]
    return tuple(sorted(fold(sorted(reported, key=by_danger)), key=by_danger))
