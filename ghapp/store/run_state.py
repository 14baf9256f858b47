"""The state of a run: what its flow has to remember between its steps. Ids, digests, counts; never a value of
Terraform's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from checks.report import Conclusion
from ghapp.values import CommitSha

Operation = Literal["plan", "apply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A process that does something for the run which only one may do; it ends by itself (seconds since 1970)."""

    by: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRunState:
    """How far the run's check run on GitHub has come."""

    creation: Claim | None = None
    """Who creates it, or tried to."""
    shown_at: float | None = None
    """Since when GitHub shows it (seconds since 1970)."""
    may_be_duplicated: bool = False
    """GitHub did not answer a request to create it, and may have carried it out all the same."""
    completion_sent: bool = False
    """GitHub may show its conclusion already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeGroup:
    """The merge queue's group that a plan run is for."""

    pull_request: int
    head_sha: CommitSha
    """The head of the pull request, about which people decide."""
    config_sha: CommitSha
    """The commit whose config is in force: what the queue builds on may not be merged yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanState:
    """The state of a plan run."""

    bases: Mapping[int, CommitSha] = field(default_factory=dict)
    """The pull requests that the run is about, each with the base that it is merged into."""
    job: str = ""
    """The key of the job that announced it."""
    debounced: bool = False
    group: MergeGroup | None = None
    root_modules: tuple[str, ...] | None = None
    """The root modules that are planned; None until that is known."""
    digests: tuple[str, ...] = ()
    """The digests of the plans that the check run shows."""
    buttons: tuple[str, ...] = ()
    """The buttons of the check run, each by the name of what a person decides with it."""
    confirmations: tuple[str, ...] = ()
    """What whoever confirms what the check run shows confirms."""
    check_run: CheckRunState = CheckRunState()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """What an apply came to. It is kept before GitHub is told, so that it is told however often that fails."""

    conclusion: Conclusion
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyState:
    """The state of an apply run."""

    explains: tuple[int, ...] = ()
    """The pull requests whose merges it applies, or was asked to."""
    held_for: Literal["review", "unexplained"] | None = None
    digests: tuple[str, ...] = ()
    """The digests of the plans that a hold shows."""
    unexplained: bool = False
    """Nothing explained the commit when it was looked at."""
    plan_only: bool = False
    """People asked for its plan: nothing is applied."""
    approved_at: float = 0
    """When the decision was made on which this run acts (seconds since 1970)."""
    approved_by: str | None = None
    """Who approved the apply."""
    wait_until: float | None = None
    """How long an explanation of the push is waited for (seconds since 1970); None before it is waited for."""
    replaced_by: str | None = None
    """The run of a newer attempt that a hold says took its place."""
    busy_retries: int = 0
    """How often the environment was another branch's."""
    deployment_requested: bool = False
    result: ApplyResult | None = None
    """What it came to, where it has ended; the report of it is the run's."""
    check_run: CheckRunState = CheckRunState()

    @property
    def is_unexplained(self) -> bool:
        """Whether nothing explained the commit; a hold of an older version says it by its reason alone."""
        return self.unexplained or self.held_for == "unexplained"


RunState = PlanState | ApplyState

_RENAMED = {"explained_until": "wait_until", "came_back": "busy_retries", "deploying": "deployment_requested"}
_RENAMED_OF_CHECK_RUN = {
    "announcing": "creation",
    "made_twice": "may_be_duplicated",
    "completing": "completion_sent",
}
"""The names under which 0.1.0 before its release stored the same."""


def read_state(operation: Operation, stored: Mapping[str, Any]) -> RunState:
    """Read a stored state, also one with the names of an older version. Raises msgspec.ValidationError."""
    values = {_RENAMED.get(name, name): value for name, value in stored.items() if name not in _RENAMED_OF_CHECK_RUN}
    flat = {new: stored[old] for old, new in _RENAMED_OF_CHECK_RUN.items() if old in stored}
    if flat:
        values["check_run"] = {**values.get("check_run", {}), **flat}
    if operation == "plan":
        return msgspec.convert(values, PlanState, str_keys=True)
    return msgspec.convert(values, ApplyState, str_keys=True)


def state_to_store(state: RunState) -> dict[str, Any]:
    """The state as the database keeps it."""
    stored: dict[str, Any] = msgspec.to_builtins(state, str_keys=True)
    return stored
