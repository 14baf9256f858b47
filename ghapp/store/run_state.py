"""The state of a run: what its flow needs between its steps. Only ids, digests and counts, no values from Terraform."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from checks.report import Conclusion
from ghapp.values import CommitSha

Operation = Literal["plan", "apply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A process's claim to do something that only one may do for the run. It ends at `until` (seconds since 1970)."""

    by: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRunState:
    """The state of the run's check run on GitHub."""

    creation: Claim | None = None
    """The claim of the process that creates the check run, or tried to."""
    shown_at: float | None = None
    """The time since which GitHub shows it (seconds since 1970)."""
    may_be_duplicated: bool = False
    """Whether GitHub did not answer a request to create it, and so may have created it anyway."""
    completion_sent: bool = False
    """Whether GitHub may already show its conclusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeGroup:
    """The merge group that a plan run checks for GitHub's merge queue."""

    pull_request: int
    head_sha: CommitSha
    """The pull request's head, about which people decide."""
    config_sha: CommitSha
    """The commit whose config is in force: the branch's tip, since the group's base may not be merged yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanState:
    """The state of a plan run."""

    bases: Mapping[int, CommitSha] = field(default_factory=dict)
    """The run's pull requests, each with the base that it is merged into."""
    job: str = ""
    """The key of the job that announced the run."""
    debounced: bool = False
    """Whether to plan only when the base has not moved for a moment and its apply has ended."""
    group: MergeGroup | None = None
    root_modules: tuple[str, ...] | None = None
    """The root modules to plan; None until they are known."""
    digests: tuple[str, ...] = ()
    """The digests of the plans that the check run shows."""
    buttons: tuple[str, ...] = ()
    """The check run's buttons, as the decisions that they stand for."""
    confirmations: tuple[str, ...] = ()
    """The `ToConfirm.confirmation` of each object that a person confirms on this check run."""
    check_run: CheckRunState = CheckRunState()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """The result of an apply. It is stored before it is reported to GitHub, so that the report can be repeated."""

    conclusion: Conclusion
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyState:
    """The state of an apply run."""

    explains: tuple[int, ...] = ()
    """The pull requests whose merges the run applies."""
    held_for: Literal["review", "unexplained"] | None = None
    digests: tuple[str, ...] = ()
    """The digests of the plans that a hold shows."""
    unexplained: bool = False
    """Whether nothing explained the commit when it was examined."""
    plan_only: bool = False
    """Whether somebody requested only the plan, so that nothing is applied."""
    approved_at: float = 0
    """The time of the decision that this run carries out (seconds since 1970)."""
    approved_by: str | None = None
    """Who approved the apply."""
    wait_until: float | None = None
    """The time until which the run waits for an explanation of the push (seconds since 1970); None before the wait."""
    replaced_by: str | None = None
    """The run that replaced this hold, once the hold's check run shows that."""
    busy_retries: int = 0
    """How often the run had to wait because another branch was using the environment."""
    deployment_requested: bool = False
    result: ApplyResult | None = None
    """The result, once there is one. Its report is stored as the run's report."""
    check_run: CheckRunState = CheckRunState()

    @property
    def is_unexplained(self) -> bool:
        """Whether nothing explained the commit. In a hold by an older version, only `held_for` says so."""
        return self.unexplained or self.held_for == "unexplained"


RunState = PlanState | ApplyState

_RENAMED = {"explained_until": "wait_until", "came_back": "busy_retries", "deploying": "deployment_requested"}
_RENAMED_OF_CHECK_RUN = {
    "announcing": "creation",
    "made_twice": "may_be_duplicated",
    "completing": "completion_sent",
}
"""The names of these fields before the release of 0.1.0."""


def read_state(operation: Operation, stored: Mapping[str, Any]) -> RunState:
    """Read a stored state, including one with an older version's names. Raises msgspec.ValidationError."""
    values = {_RENAMED.get(name, name): value for name, value in stored.items() if name not in _RENAMED_OF_CHECK_RUN}
    flat = {new: stored[old] for old, new in _RENAMED_OF_CHECK_RUN.items() if old in stored}
    if flat:
        values["check_run"] = {**values.get("check_run", {}), **flat}
    if operation == "plan":
        return msgspec.convert(values, PlanState, str_keys=True)
    return msgspec.convert(values, ApplyState, str_keys=True)


def state_to_store(state: RunState) -> dict[str, Any]:
    """The state in its stored form."""
    stored: dict[str, Any] = msgspec.to_builtins(state, str_keys=True)
    return stored
