"""What a root run is given, and what leaves it."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from checks import gate
from checks.plan import Counts
from checks.plan.parity import Parity, PlanSummary
from checks.report import RootReport
from checks.report.not_there_yet import LowerPlan
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


async def reviewed_summaries(
    services: Services, reviewed: Sequence[Reviewed], root_module: str
) -> tuple[PlanSummary, ...]:
    """The summaries of the plans that were reviewed for a root module; none where it was in none of them."""
    found: list[PlanSummary] = []
    for each in reviewed:
        reports = await services.store.runs.readable_root_reports(each.run_id)
        kept = reports.get((each.part, root_module))
        summary = None if kept is None else msgspec.json.decode(kept, type=KeptReport).summary
        if summary is not None:
            found.append(summary)
    return tuple(found)


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
    lower: dict[str, LowerPlan] = {}
    """What the same run plans in the layers below, by directory."""
    compared: bool = False
    """Whether its plan is compared with the previews: with nothing, where it was in none of them."""
    review: gate.Review | None = None
    """What was looked at before; only for an apply."""
    previews: tuple[Reviewed, ...] = ()
    """Where the plans that were looked at are remembered."""
    values_follow: bool = False
    """A root module below it was applied in this run: the values that it reads may have changed since the preview."""
    from_fork: bool = False
    """The code comes from a fork: it gets no token for private modules."""
    by_hand: bool = False
    """This environment applies only what a person approved."""
    parity: Parity = "danger"
    confirm: tuple[str, ...] | None = None
    """What has to be confirmed; None: what the config says that is in force for the pull request."""
    confirmed: frozenset[str] = frozenset()
    """The confirmations that count."""


class RootOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves the step."""

    part: str
    environment: EnvironmentName
    root_module: str
    outcome: Literal["planned", "planned_at_apply", "applied", "failed", "timed_out", "skipped", "held"]
    may_be_approved: bool = False
    """It is held, and a person can let it go on."""
    cause: str | None = None
    digest: str | None = None
    shape_digest: str | None = None
    counts: Counts = Counts()
    confirm: tuple[gate.ToConfirm, ...] = ()
    """What it destroys or replaces and the config wants confirmed."""
    changes_anything: bool = False
    new_outputs: tuple[str, ...] = ()
    """The names of the outputs that it gets."""
    state_empty: bool = False
    second_copy: str | None = None
    """Why applying it would build a second copy of what another workspace holds."""
    plan_kept: bool = False
    """It is held, and its plan file is kept: an approval applies that."""

    def as_lower(self) -> LowerPlan:
        """What those that build on it have to know."""
        return LowerPlan(
            changes_anything=self.changes_anything,
            new_outputs=frozenset(self.new_outputs),
            planned_at_apply=self.outcome == "planned_at_apply",
        )

    def verdict(self) -> gate.RootVerdict:
        """As the gate takes it."""
        return gate.RootVerdict(
            root_module=self.root_module,
            environment=self.environment,
            outcome="planned" if self.outcome == "held" else self.outcome,
            cause=self.cause,
            plan_digest=self.digest,
            to_confirm=self.confirm,
            second_copy=self.second_copy,
        )
