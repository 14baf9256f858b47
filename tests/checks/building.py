"""Small plans and their reports, for tests that state only what differs."""

import json
import re
from typing import Any

from checks.plan import Plan, read_plan
from checks.rendering.lines import lines_of_change
from checks.rendering.markdown import render_check_run
from checks.report import RootReport, RunReport
from checks.report.fold import block_address
from checks.report.root_reports import report_plan
from checks.sensitive import Mask

NO_MASK = Mask.none()


def plan_of(*resources: dict[str, Any], **more: Any) -> Plan:
    return read_plan(
        json.dumps({"format_version": "1.2", "planned_values": {}, "resource_changes": resources, **more}).encode()
    )


def resource(address: str, *actions: str, **change: Any) -> dict[str, Any]:
    marks_of: dict[str, Any] = {"before_sensitive": {}, "after_sensitive": {}, "after_unknown": {}}
    type_, name = block_address(address).split(".")[-2:]
    return {
        "address": address,
        "module_address": address[: max(address.rfind(f"{type_}.{name}") - 1, 0)] or None,
        "type": type_,
        "name": name,
        "change": {"actions": actions, **marks_of, **change},
    }


def report(plan: Any, **more: Any) -> RootReport:
    return report_plan(plan, root_module=".", environment="testing", workspace="default", mask=NO_MASK, **more)


def run(*roots: RootReport) -> RunReport:
    return RunReport(
        operation="plan",
        environment="testing",
        repository="o/r",
        commit_sha="a" * 40,
        conclusion="success",
        roots=roots,
    )


def update(before: dict[str, Any], after: dict[str, Any], **change: Any) -> RootReport:
    """The report of a plan that changes one resource in place."""
    return report(plan_of(resource("null_x.y", "update", before=before, after=after, **change)))


def body_of(root: RootReport) -> list[str]:
    """The lines under the only change, without the line that counts the unchanged attributes."""
    (change,) = root.changes
    signed = (f"{'!' if line.forces else line.sign} {line.text}" for line in lines_of_change(change))
    return [line for line in signed if not re.fullmatch(r"  # \d+ unchanged", line)]


def fence_of(root: RootReport) -> list[str]:
    """The lines of `body_of`, as they appear in the Markdown."""
    output = render_check_run(run(root))
    (fence,) = re.findall(r"```diff\n(.*?)\n```", f"{output.summary}\n{output.text}", re.DOTALL)
    return [line for line in fence.split("\n") if not re.fullmatch(r"  # \d+ unchanged", line)]
