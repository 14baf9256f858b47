"""Repositories and what lies in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ghapp.local_github.state.accounts import Account
from ghapp.local_github.state.checks import CheckRun, CheckSuite, CommitStatus, Deployment
from ghapp.local_github.state.protection import BranchProtection, Ruleset
from ghapp.local_github.state.pulls import Issue, PullRequest

if TYPE_CHECKING:
    from ghapp.local_github.git import BareRepository


@dataclass(slots=True, kw_only=True, eq=False)
class QueueEntry:
    """A pull request that waits in a merge queue, with the group's head that is being checked."""

    pull: PullRequest
    enqueued_by: Account
    head_ref: str
    head_sha: str
    base_sha: str


@dataclass(slots=True, kw_only=True, eq=False)
class Repository:
    id: int
    owner: Account
    name: str
    private: bool
    default_branch: str
    git: BareRepository
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    description: str | None = None
    archived: bool = False
    parent: Repository | None = None
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    allow_rebase_merge: bool = True
    delete_branch_on_merge: bool = False
    collaborators: dict[int, str] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    suites: list[CheckSuite] = field(default_factory=list)
    statuses: list[CommitStatus] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    protections: dict[str, BranchProtection] = field(default_factory=dict)
    rulesets: list[Ruleset] = field(default_factory=list)
    merge_queues: dict[str, list[QueueEntry]] = field(default_factory=dict)
    """Base branches that have a merge queue, each with the entries that wait."""

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[PullRequest]:
        return [issue.pull for issue in self.issues.values() if issue.pull is not None]

    @property
    def check_runs(self) -> list[CheckRun]:
        return [run for suite in self.suites for run in suite.runs]
