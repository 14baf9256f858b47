"""Repositories with their issues, pull requests and merge queues, which all refer to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ghapp.local_github.git import BareRepository
from ghapp.local_github.state.accounts import Account
from ghapp.local_github.state.checks import CheckRun, CheckSuite, CommitStatus, Deployment
from ghapp.local_github.state.protection import BranchProtection, Ruleset
from ghapp.local_github.state.writing import Comment, Review, ReviewThread


@dataclass(slots=True, kw_only=True, eq=False)
class Issue:
    """An issue, or the issue that belongs to a pull request."""

    id: int
    number: int
    title: str
    body: str | None
    author: Account
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    closed_at: datetime | None = None
    comments: list[Comment] = field(default_factory=list)
    pull: PullRequest | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class PullRequest:
    id: int
    issue: Issue
    repository: Repository
    head_repository: Repository | None
    head_owner: Account
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    mergeable_for: tuple[str, str] | None = None
    """(base tip, head) of the test merge. The first request for a pair is answered `null`."""
    mergeable: bool | None = None
    maintainer_can_modify: bool = False
    reviews: list[Review] = field(default_factory=list)
    threads: list[ReviewThread] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.issue.number

    @property
    def state(self) -> str:
        return self.issue.state

    @property
    def from_fork(self) -> bool:
        return self.head_repository is not self.repository


ActivityType = Literal["push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One move of a branch, and who moved it."""

    id: int
    activity_type: ActivityType
    ref: str
    before: str
    after: str
    actor: Account
    at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class QueueEntry:
    """A pull request that waits in a merge queue, and the head of its group, which is being checked."""

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
    activities: list[Activity] = field(default_factory=list)
    merge_queues: dict[str, list[QueueEntry]] = field(default_factory=dict)
    """The waiting entries of each merge queue, by base branch. A ruleset's queue is missing until its first entry."""

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[PullRequest]:
        return [issue.pull for issue in self.issues.values() if issue.pull is not None]

    @property
    def check_runs(self) -> list[CheckRun]:
        return [run for suite in self.suites for run in suite.runs]
