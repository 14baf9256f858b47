"""The input and the result of a root run."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from checks import gate
from checks.confirmations import ToConfirm
from checks.plan import Counts
from checks.plan.parity import Parity, PlanSummary
from checks.report import RootReport
from checks.report.not_there_yet import LowerPlan
from ghapp.services import Services
from ghapp.values import CommitSha, EnvironmentName, RunId, TreeId


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """The place where reviewed plans are stored: a run, and a part of it."""

    run_id: RunId
    part: str


class KeptReport(RootReport, frozen=True, kw_only=True, omit_defaults=True):
    """A root module's report as stored, with a summary of its plan for later comparisons.

    Code that needs only the report reads it as a RootReport: the summary is never shown.
    """

    summary: PlanSummary | None = None


def with_summary(report: RootReport, summary: PlanSummary | None) -> KeptReport:
    """The report in its stored form."""
    return KeptReport(**msgspec.structs.asdict(report), summary=summary)


async def reviewed_summaries(
    services: Services, reviewed: Sequence[Reviewed], root_module: str
) -> tuple[PlanSummary, ...]:
    """The summaries of the reviewed plans of a root module; empty if it was in none of them."""
    found: list[PlanSummary] = []
    for each in reviewed:
        reports = await services.store.runs.readable_root_reports(each.run_id)
        kept = reports.get((each.part, root_module))
        summary = None if kept is None else msgspec.json.decode(kept, type=KeptReport).summary
        if summary is not None:
            found.append(summary)
    return tuple(found)


class RootJob(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a root run: one root module of a tree, in one environment, under the config at `config_sha`."""

    run_id: RunId
    part: str
    environment: EnvironmentName
    tree: TreeId
    config_sha: CommitSha
    base_sha: CommitSha | None = None
    """The base of the merge that made the tree; None if the tree is that of the commit `config_sha`."""
    root_module: str
    operation: Literal["plan", "apply"]
    blocked_by: tuple[str, ...] = ()
    lower: dict[str, LowerPlan] = {}
    """This run's plans of the root modules in earlier layers, by directory."""
    compared: bool = False
    """Whether its plan is compared with the previews, even if it was in none of them."""
    review: gate.Review | None = None
    """The review that preceded an apply; None for a plan."""
    previews: tuple[Reviewed, ...] = ()
    """The places where the reviewed plans are stored."""
    values_follow: bool = False
    """Whether this run already applied another root module, so that values which this one reads may have changed."""
    from_fork: bool = False
    """Whether the code comes from a fork, which gets no token for private modules."""
    by_hand: bool = False
    """Whether this environment applies only approved plans."""
    parity: Parity = "danger"
    confirm: tuple[str, ...] | None = None
    """The changes that need confirmation; None: those in the config that is in force for the pull request."""
    confirmed: frozenset[str] = frozenset()
    """The confirmations that people gave."""


class RootOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a root run."""

    part: str
    environment: EnvironmentName
    root_module: str
    outcome: Literal["planned", "planned_at_apply", "applied", "failed", "timed_out", "skipped", "held"]
    may_be_approved: bool = False
    """Whether it is held and a person can approve it."""
    cause: str | None = None
    digest: str | None = None
    shape_digest: str | None = None
    counts: Counts = Counts()
    confirm: tuple[ToConfirm, ...] = ()
    """The objects that it destroys or replaces and that need confirmation."""
    changes_anything: bool = False
    new_outputs: tuple[str, ...] = ()
    """The names of new outputs."""
    state_empty: bool = False
    second_copy: str | None = None
    """Why the apply would duplicate resources of another workspace; None if it would not."""
    plan_kept: bool = False
    """Whether it is held and its plan file is stored, so that an approval applies that file."""

    def as_lower(self) -> LowerPlan:
        """The facts that the root modules building on this one need."""
        return LowerPlan(
            changes_anything=self.changes_anything,
            new_outputs=frozenset(self.new_outputs),
            planned_at_apply=self.outcome == "planned_at_apply",
        )

    def gate_facts(self) -> gate.RootFacts:
        """The facts about this outcome that the gate needs."""
        return gate.RootFacts(
            root_module=self.root_module,
            environment=self.environment,
            outcome="planned" if self.outcome == "held" else self.outcome,
            cause=self.cause,
            plan_digest=self.digest,
            to_confirm=self.confirm,
            second_copy=self.second_copy,
        )
