"""What a plan says beside its resource changes: outputs, conditions, actions, what depends on it."""

import re
from collections.abc import Iterator

from checks.plan import Action, ActionInvocation, Plan
from checks.report.change_report import AttributeChange, CheckReport
from checks.report.diff import diff_value
from checks.report.fold import block_address
from checks.report.graph import Dependency, dependents
from checks.sensitive import Mask


def report_outputs(plan: Plan, mask: Mask) -> tuple[AttributeChange, ...]:
    """The outputs that change."""
    return tuple(
        attribute
        for output in plan.output_changes
        if output.action is not Action.NO_OP
        for attribute in diff_value(output.name, output.shown_before, output.shown_after, mask=mask)
    )


def warnings_of_plan(plan: Plan) -> Iterator[str]:
    """What keeps a plan from being all there is to do."""
    if plan.errored:
        yield "Terraform could not finish this plan: what is shown is only a part of it."
    if plan.deferred_changes:
        yield f"{len(plan.deferred_changes)} changes are put off to a later plan: too much is known only after apply."
    elif not plan.complete and not plan.errored:
        yield "This plan is incomplete: after it, the configuration still asks for more."


def report_invocations(plan: Plan, mask: Mask) -> tuple[str, ...]:
    """The actions of providers that applying the plan runs, with what triggers each."""
    return tuple(mask.text(_invocation(invocation)) for invocation in plan.action_invocations)


def _invocation(invocation: ActionInvocation) -> str:
    trigger = invocation.lifecycle_action_trigger
    if trigger is None or not trigger.triggering_resource_address:
        return f"`{invocation.address}`"
    event = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", trigger.action_trigger_event).lower()
    return f"`{invocation.address}` {event} of `{trigger.triggering_resource_address}`"


def report_dependents(plan: Plan) -> tuple[Dependency, ...]:
    """The blocks that depend on those that change."""
    changed = {block_address(change.address) for change in plan.resource_changes if change.changes}
    return dependents(plan.configuration, plan.prior_state, changed)


def report_checks(plan: Plan, mask: Mask) -> tuple[CheckReport, ...]:
    """The conditions that do not hold."""
    return tuple(
        CheckReport(
            address=mask.address(check.address.to_display),
            status=check.status,
            messages=tuple(map(mask.text, check.messages)),
        )
        for check in plan.checks
        if check.status in ("fail", "error")
    )
