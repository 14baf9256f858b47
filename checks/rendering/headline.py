"""The first line under a report's title."""

from collections.abc import Sequence

from checks.plain_text import one_line
from checks.rendering.titles import in_environment
from checks.report import NO_COUNTS, RootReport, RunReport, total


def leading_line(report: RunReport) -> str | None:
    """The first line under the title; None if it would only repeat a failed apply's title, and instructions follow."""
    line = first_line(report)
    is_told = report.operation == "apply" and report.notes and report.conclusion not in ("success", "action_required")
    return None if is_told and one_line(line).replace("`", "").strip() == report.title else line


def first_line(report: RunReport) -> str:
    """The first line under the title: the cause if the run did not succeed, otherwise its root modules."""
    if report.conclusion != "success":
        return report.cause or report.first_cause
    sha = f"`{report.commit_sha[:12]}`"
    if not report.all_roots:
        return f"No root module is touched by {sha}: there is nothing to do in {report.target or report.environment}."
    done = "Applied" if report.operation == "apply" else "Planned"
    roots = report.previews or report.roots
    environment = report.previews[0].environment if report.previews else report.environment
    versions = sorted({root.terraform_version for root in roots if root.terraform_version})
    by = f", with Terraform {' and '.join(versions)}" if versions else ""
    at = f" at {sha}" if report.commit_sha else ""
    return f"{done} {modules(roots)}{at}{in_environment(environment, str)}{by}."


def folded_line(roots: Sequence[RootReport], environment: str, others: int) -> str:
    """One line on testing's plans that say nothing beyond the target's; `others` counts testing's other plans."""
    which = f"{'The other ' if others else ''}{modules(roots)}"
    if not all(root.succeeded for root in roots):
        return f"{which} in `{environment}`: the same errors."
    does = total(roots)
    empty = all(root.state_empty for root in roots if root.counts != NO_COUNTS) and does != NO_COUNTS
    why = (
        ", since the state there is empty" if empty else ", nothing beyond the plan above" if does != NO_COUNTS else ""
    )
    return f"{which} in `{environment}`: {does.words()}{why}."


def modules(roots: Sequence[RootReport]) -> str:
    """The name of the only root module (unless it is the repository's root), or the number of root modules."""
    if len(roots) == 1 and roots[0].root_module != ".":
        return f"`{roots[0].root_module}`"
    return f"{len(roots) or 'no'} root module{'' if len(roots) == 1 else 's'}"
