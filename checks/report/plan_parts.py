"""The parts of a plan besides its resource changes: outputs, conditions, actions, dependents."""

from collections.abc import Iterator

from checks.plan import Action, ActionInvocation, ActionTrigger, Plan
from checks.report.change_report import AttributeChange, CheckReport, InvocationReport
from checks.report.compare import Effort
from checks.report.deferred import reason_of_deferral
from checks.report.diff import diff, diff_value
from checks.report.fold import block_address, natural_order
from checks.report.graph import Dependency, dependents
from checks.sensitive import Mask


def report_outputs(plan: Plan, mask: Mask, effort: Effort) -> tuple[AttributeChange, ...]:
    """The outputs that change."""
    return tuple(
        attribute
        for output in plan.output_changes
        if output.action is not Action.NO_OP
        for attribute in diff_value(output.name, output.shown_before, output.shown_after, mask=mask, effort=effort)
    )


def warnings_of_plan(plan: Plan) -> Iterator[str]:
    """The reasons why another plan is needed after this one."""
    if plan.errored:
        yield "Terraform could not finish this plan: this report shows only a part of it."
    elif not plan.complete and not plan.deferred_changes and not plan.deferred_invocations:
        yield "This plan is incomplete: after it is applied, another plan will still show changes."


def report_invocations(plan: Plan, mask: Mask, effort: Effort) -> tuple[InvocationReport, ...]:
    """The providers' actions that the apply runs, then the deferred ones; each with its arguments."""
    now = [_invocation(invocation, mask, effort) for invocation in plan.action_invocations]
    later = [_invocation(each.action_invocation, mask, effort, each.reason) for each in plan.deferred_invocations]
    return tuple(sorted([*now, *later], key=lambda report: (report.reason is not None, natural_order(report.address))))


def _invocation(
    invocation: ActionInvocation, mask: Mask, effort: Effort, deferred: str | None = None
) -> InvocationReport:
    trigger = invocation.lifecycle_action_trigger or ActionTrigger()
    return InvocationReport(
        address=mask.address(invocation.address),
        type=invocation.type,
        event=trigger.event,
        by_request=invocation.by_request,
        triggered_by=mask.address(trigger.triggering_resource_address) or None,
        attributes=diff(None, invocation.shown_config, mask=mask, effort=effort).attributes,
        reason=None if deferred is None else reason_of_deferral(deferred),
    )


def report_dependents(plan: Plan) -> tuple[Dependency, ...]:
    """The blocks that depend on changed ones."""
    changed = {block_address(change.address) for change in plan.resource_changes if change.changes}
    return dependents(plan.configuration, plan.prior_state, changed)


def report_checks(plan: Plan, mask: Mask) -> tuple[CheckReport, ...]:
    """The failed conditions."""
    return tuple(
        CheckReport(
            address=mask.address(check.address.to_display),
            status=check.status,
            messages=tuple(map(mask.text, check.messages)),
        )
        for check in plan.checks
        if check.status in ("fail", "error")
    )
