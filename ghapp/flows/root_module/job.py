"""What a root run is given, and what leaves it."""

from typing import Literal

import msgspec

from checks import gate
from checks.plan import Counts
from checks.plan.parity import PlanSummary
from checks.report import RootReport
from ghapp.services import Services
from ghapp.values import CommitSha, EnvironmentName, RunId, TreeId


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
    reports = await services.store.runs.readable_root_reports(reviewed.run_id)
    kept = reports.get((reviewed.part, root_module))
    return None if kept is None else msgspec.json.decode(kept, type=KeptReport).summary


class RootJob(msgspec.Struct, frozen=True, kw_only=True):
    """Which root module, of which tree, under which config, in which environment."""

    run_id: RunId
    part: str
    environment: EnvironmentName
    tree: TreeId
    config_sha: CommitSha
    base_sha: CommitSha | None = None
    """What the tree is merged onto, where that is not the commit whose config is in force."""
    root_module: str
    operation: Literal["plan", "apply"]
    blocked_by: tuple[str, ...] = ()
    review: gate.Review | None = None
    """What was looked at before; only for an apply."""
    reviewed: Reviewed | None = None
    """Where the plan that was looked at is remembered."""
    by_hand: bool = False
    """This environment applies only what a person approved."""


class RootOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves the step."""

    part: str
    environment: EnvironmentName
    root_module: str
    outcome: Literal["planned", "applied", "failed", "timed_out", "skipped", "held"]
    may_be_approved: bool = False
    """It is held, and a person can let it go on."""
    cause: str | None = None
    digest: str | None = None
    shape_digest: str | None = None
    counts: Counts = Counts()
    to_confirm: tuple[str, ...] = ()
    changes_anything: bool = False
    state_empty: bool = False
    second_copy: str | None = None
    """Why applying it would build a second copy of what another workspace holds."""

    def verdict(self) -> gate.RootVerdict:
        """As the gate takes it."""
        return gate.RootVerdict(
            root_module=self.root_module,
            environment=self.environment,
            outcome="planned" if self.outcome == "held" else self.outcome,
            cause=self.cause,
            plan_digest=self.digest,
            to_confirm=self.to_confirm,
            second_copy=self.second_copy,
        )
