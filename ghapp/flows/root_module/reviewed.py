"""The plan that was reviewed, remembered beside its report so that the one at apply time can be compared with it."""

import msgspec

from checks.plan.parity import PlanSummary
from checks.report import RootReport
from ghapp.services import Services
from ghapp.values import RunId


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a root module's reviewed plan is remembered: the run, and the part of it."""

    run_id: RunId
    part: str


class KeptReport(RootReport, frozen=True, kw_only=True, omit_defaults=True):
    """A root module's report as it is stored, with the summary of a plan that others are to be compared with.

    Readers that want the report alone read it as a RootReport: the summary is no part of what is shown.
    """

    summary: PlanSummary | None = None


def with_summary(report: RootReport, summary: PlanSummary | None) -> KeptReport:
    """The report as it is stored."""
    return KeptReport(**msgspec.structs.asdict(report), summary=summary)


async def reviewed_summary(services: Services, reviewed: Reviewed | None, root_module: str) -> PlanSummary | None:
    """The summary of the plan that was reviewed for a root module; None where there is none."""
    if reviewed is None:
        return None
    reports = await services.store.runs.root_reports(reviewed.run_id)
    kept = reports.get((reviewed.part, root_module))
    return None if kept is None else msgspec.json.decode(kept, type=KeptReport).summary
