"""The first line under a report's title."""

from collections.abc import Sequence

from checks.plain_text import one_line
from checks.rendering.titles import in_environment
from checks.report import RootReport, RunReport


def leading_line(report: RunReport) -> str | None:
    """The first line under the title; None where the title says it and what to do about it follows."""
    line = first_line(report)
    is_told = report.operation == "apply" and report.notes and report.conclusion not in ("success", "action_required")
    return None if is_told and one_line(line).replace("`", "").strip() == report.title else line


def first_line(report: RunReport) -> str:
    """The first line under the title: the cause of what is no success, else what was looked at."""
    if report.conclusion != "success":
        return report.cause or report.first_cause
    if report.operation == "plan" and report.environment == "testing" and report.repository:
        empty = [root for root in report.roots if root.state_empty and root.counts.add]
        if empty:
            return _empty_state(empty, len(report.roots))
    sha = f"`{report.commit_sha[:12]}`"
    if not report.roots and not report.previews:
        return f"No root module is touched by {sha}: there is nothing to do in {report.environment}."
    done = "Applied" if report.operation == "apply" else "Planned"
    versions = sorted({root.terraform_version for root in report.roots if root.terraform_version})
    by = f", with Terraform {' and '.join(versions)}" if versions else ""
    previews = f"; beside it {_modules(report.previews)} in {report.previews[0].environment}" if report.previews else ""
    at = f" at {sha}" if report.commit_sha else ""
    return f"{done} {_modules(report.roots)}{at}{in_environment(report.environment, str)}{by}{previews}."


def _empty_state(roots: Sequence[RootReport], number: int) -> str:
    where = "" if number == 1 else f" for {_modules(roots)} of {number}"
    in_them = "" if number == 1 else "in them "
    return (
        f"The state of testing is empty{where}, so everything {in_them}is to add. With `testing: {{apply: on_merge}}` "
        "in `.github/planward.yml` testing is brought to each merged commit, and plans show only what a change changes."
    )


def _modules(roots: Sequence[RootReport]) -> str:
    if len(roots) == 1 and roots[0].root_module != ".":
        return f"`{roots[0].root_module}`"
    return f"{len(roots) or 'no'} root module{'' if len(roots) == 1 else 's'}"
