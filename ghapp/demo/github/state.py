"""What the local GitHub knows: plain, mutable records, all of them changed under `World.lock` alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ghapp.demo.github.git import BareRepository

JSON = dict[str, Any]
Level = Literal["read", "write", "admin"]
Permissions = dict[str, str]

BASE_ROLES = ("none", "read", "triage", "write", "maintain", "admin")
"""GitHub's roles from the weakest to the strongest."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A person, an organisation or an App's bot."""

    id: int
    login: str
    type: Literal["User", "Organization", "Bot"]
    name: str | None
    created_at: datetime
    site_admin: bool = False

    @property
    def email(self) -> str:
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    id: int
    slug: str
    name: str
    organization: Account
    members: dict[int, Literal["member", "maintainer"]] = field(default_factory=dict)
    repositories: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class CustomRole:
    """An organisation's own role name; it inherits one of GitHub's five."""

    name: str
    base_role: str


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    id: int
    slug: str
    name: str
    owner: Account
    bot: Account
    client_id: str
    client_secret: str = field(repr=False)
    private_key_pem: str = field(repr=False)
    public_key_pem: str
    webhook_url: str | None
    webhook_secret: str | None = field(repr=False)
    permissions: Permissions
    events: list[str]
    created_at: datetime
    description: str = ""
    external_url: str = ""
    callback_urls: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Installation:
    id: int
    app: App
    account: Account
    repository_selection: Literal["all", "selected"]
    repository_ids: set[int]
    permissions: Permissions
    events: list[str]
    created_at: datetime
    suspended_at: datetime | None = None
    suspended_by: Account | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class InstallationToken:
    value: str = field(repr=False)
    installation: Installation
    repository_ids: set[int] | None
    permissions: Permissions
    expires_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class RequiredCheck:
    context: str
    app_id: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class BranchProtection:
    """Classic protection of one branch."""

    required_checks: list[RequiredCheck] | None = None
    strict: bool = False
    pull_request_required: bool = False
    required_approvals: int = 0
    dismiss_stale_reviews: bool = False
    enforce_admins: bool = False
    conversation_resolution: bool = False
    linear_history: bool = False
    allow_force_pushes: bool = False
    allow_deletions: bool = False
    restrict_pushes_to: list[str] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Ruleset:
    id: int
    name: str
    enforcement: str
    conditions: JSON
    rules: list[JSON]
    bypass_actors: list[JSON]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Comment:
    id: int
    number: int
    author: Account
    body: str
    created_at: datetime
    updated_at: datetime
    via_app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Reaction:
    id: int
    content: str
    author: Account
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Review:
    id: int
    author: Account
    state: str
    body: str
    commit_id: str
    submitted_at: datetime
    dismissed: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class ReviewThread:
    """A conversation on a line; what "require conversation resolution" asks about."""

    id: int
    author: Account
    path: str
    line: int
    body: str
    created_at: datetime
    resolved: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Issue:
    """An issue, or the issue half of a pull request."""

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
    """(base tip, head) that the test merge was asked for; the first question for a pair is answered `null`."""
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


@dataclass(slots=True, kw_only=True, eq=False)
class CheckSuite:
    id: int
    app: App
    head_sha: str
    head_branch: str | None
    before: str | None
    after: str | None
    created_at: datetime
    updated_at: datetime
    runs: list[CheckRun] = field(default_factory=list)

    @property
    def latest_runs(self) -> list[CheckRun]:
        """The newest run of each name."""
        return list({run.name: run for run in sorted(self.runs, key=lambda run: run.id)}.values())


@dataclass(slots=True, kw_only=True, eq=False)
class CheckRun:
    id: int
    suite: CheckSuite
    name: str
    head_sha: str
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    details_url: str | None
    external_id: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[JSON] = field(default_factory=list)
    images: list[JSON] = field(default_factory=list)
    actions: list[JSON] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.suite.app


@dataclass(slots=True, kw_only=True, eq=False)
class CommitStatus:
    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: Account
    app_id: int | None
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class DeploymentStatus:
    id: int
    state: str
    description: str
    environment: str
    environment_url: str
    log_url: str
    creator: Account
    created_at: datetime
    via_app: App | None


@dataclass(slots=True, kw_only=True, eq=False)
class Deployment:
    id: int
    sha: str
    ref: str
    task: str
    payload: Any
    environment: str
    original_environment: str
    description: str | None
    creator: Account
    created_at: datetime
    updated_at: datetime
    transient_environment: bool
    production_environment: bool
    via_app: App | None
    statuses: list[DeploymentStatus] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.statuses[-1].state if self.statuses else "pending"


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
