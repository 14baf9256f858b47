"""Make the report of a root module, from its plan or from the reason why it has none."""

from collections.abc import Mapping, Sequence

import msgspec

from checks.declaration import Declaration
from checks.diagnostic import Diagnostic
from checks.plan import Plan
from checks.plan.apply_stream import ResourceResult, applied_counts
from checks.plan.configuration import blocks, read_modules
from checks.plan.digest import digest, shape_digest
from checks.plan.parity import PlanSummary, difference, summarize
from checks.report import RootReport
from checks.report.bounds import Bounds
from checks.report.changes import report_changes, report_drift
from checks.report.deferred import report_deferred
from checks.report.diff import ComparisonCache
from checks.report.plan_parts import (
    report_checks,
    report_dependents,
    report_invocations,
    report_outputs,
    warnings_of_plan,
)
from checks.sensitive import Mask


def report_plan(
    plan: Plan,
    *,
    root_module: str,
    environment: str,
    workspace: str,
    mask: Mask,
    declarations: Mapping[str, Declaration] = {},
    diagnostics: Sequence[Diagnostic] = (),
    warnings: Sequence[str] = (),
    undeclared: Sequence[str] = (),
    digest_key: bytes = b"",
    reviewed: PlanSummary | None = None,
) -> RootReport:
    """Report a plan's changes. The result contains no value that Terraform or `mask` marks as sensitive.

    `declarations` are the blocks of the configuration by address without instance keys
    (`module.net.aws_subnet.private`). `reviewed` is the summary of another plan, made with the same `digest_key`: the
    report then contains the differences.
    """
    configured = dict(blocks(read_modules(plan.configuration)))
    mask = mask.also(plan.sensitive_values()).but_names([root_module, *configured, *plan.names()])
    comparing = ComparisonCache()
    changes = report_changes(
        plan.resource_changes, mask=mask, comparing=comparing, declarations=declarations, configured=configured
    )
    deferred = report_deferred(
        plan.deferred_changes, mask=mask, comparing=comparing, declarations=declarations, configured=configured
    )
    drift = report_drift(plan.drift, mask=mask, comparing=comparing, declarations=declarations)
    outputs = report_outputs(plan, mask, comparing.effort)
    bounds = Bounds((*changes, *deferred, *drift), outputs)
    return RootReport(
        root_module=root_module,
        environment=environment,
        workspace=workspace,
        outcome="planned",
        counts=plan.counts,
        digest=digest(plan, key=digest_key),
        state_empty=plan.state_empty,
        complete=plan.complete,
        errored=plan.errored,
        shape_digest=shape_digest(plan),
        diagnostics=_masked(diagnostics, mask),
        warnings=(*map(mask.text, warnings), *warnings_of_plan(plan), *bounds.warnings()),
        changes=bounds.changes(changes),
        drift=bounds.changes(drift),
        deferred=bounds.changes(deferred),
        outputs=bounds.outputs(outputs),
        checks=report_checks(plan, mask),
        invocations=report_invocations(plan, mask, comparing.effort),
        dependents=report_dependents(plan),
        difference=difference(reviewed, summarize(plan, mask=mask, key=digest_key)) if reviewed is not None else None,
        terraform_version=plan.terraform_version,
        undeclared=tuple(map(mask.text, undeclared)),
    )


def report_failure(
    *,
    root_module: str,
    environment: str,
    workspace: str,
    cause: str,
    mask: Mask,
    diagnostics: Sequence[Diagnostic] = (),
    warnings: Sequence[str] = (),
    undeclared: Sequence[str] = (),
    timed_out: bool = False,
    results: Sequence[ResourceResult] = (),
) -> RootReport:
    """Report a root module that could not be planned or applied; `cause` says what failed, where, and what to do.

    `results` are the results of its apply up to the failure.
    """
    mask = mask.but_names([root_module])
    return RootReport(
        root_module=root_module,
        environment=environment,
        workspace=workspace,
        outcome="timed_out" if timed_out else "failed",
        cause=mask.text(cause),
        counts=applied_counts(results),
        diagnostics=_masked(diagnostics, mask),
        warnings=tuple(map(mask.text, warnings)),
        results=tuple(results),
        undeclared=tuple(map(mask.text, undeclared)),
    )


def report_skipped(
    *,
    root_module: str,
    environment: str,
    workspace: str,
    cause: str,
    results: Sequence[ResourceResult] = (),
) -> RootReport:
    """Report a root module that was interrupted, or skipped (for example because it builds on one that failed).

    `results` are the results of its apply up to the interruption.
    """
    return RootReport(
        root_module=root_module,
        environment=environment,
        workspace=workspace,
        outcome="skipped",
        cause=cause,
        counts=applied_counts(results),
        results=tuple(results),
    )


def report_planned_at_apply(*, root_module: str, environment: str, workspace: str, why: str) -> RootReport:
    """Report a root module that can be planned only after others are applied; `why` names what it reads from them."""
    return RootReport(
        root_module=root_module,
        environment=environment,
        workspace=workspace,
        outcome="planned_at_apply",
        cause=f"{why}. The apply is held if its plan destroys, replaces or forgets a resource, "
        "runs an action, or has a change that the report would list as dangerous.",
    )


def _masked(diagnostics: Sequence[Diagnostic], mask: Mask) -> tuple[Diagnostic, ...]:
    def hide(text: str | None) -> str | None:
        return None if text is None else mask.text(text)

    return tuple(
        msgspec.structs.replace(
            diagnostic,
            summary=mask.text(diagnostic.summary),
            detail=mask.text(diagnostic.detail),
            address=diagnostic.address and mask.address(diagnostic.address),
            snippet=hide(diagnostic.snippet),
        )
        for diagnostic in diagnostics
    )
