"""Small plans and their reports, for tests that state only what differs."""

import json
from typing import Any

from checks.plan import Plan, read_plan
from checks.report import RootReport, RunReport, report_plan
from checks.report.fold import block_address
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
