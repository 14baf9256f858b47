"""The events of GitHub, in the past tense.

`webhook/` makes these from payloads; no other room sees a payload. Values only: they compare, they hash,
and `msgspec.json` writes and reads them back as `Event`.
"""

from typing import Literal

from msgspec import Struct

from ghapp.values import BranchName, CommitSha, InstallationId, RepositoryId


class RepositoryRef(Struct, frozen=True, kw_only=True):
    """A repository as the events about installations name it: the number that stays, the name that may change."""

    id: RepositoryId
    full_name: str


class Repository(Struct, frozen=True, kw_only=True):
    """The repository of an event. The git remote is `clone_url`, which stands in a signed document, never composed."""

    id: RepositoryId
    full_name: str
    clone_url: str
    default_branch: BranchName

    @property
    def ref(self) -> RepositoryRef:
        """Its number and name alone."""
        return RepositoryRef(id=self.id, full_name=self.full_name)


class Person(Struct, frozen=True, kw_only=True):
    """An account. The number identifies it; a login can be given up and taken by somebody else."""

    login: str
    id: int
    is_bot: bool = False


GHOST = Person(login="ghost", id=0)
"""Stands for an account that was deleted. GitHub has no account 0, so it never equals one that may do something."""


class Head(Struct, frozen=True, kw_only=True):
    """The head of a pull request; `repository_id` is None when the fork it came from was deleted."""

    sha: CommitSha
    ref: BranchName
    repository_id: RepositoryId | None


class Base(Struct, frozen=True, kw_only=True):
    """The base of a pull request: the branch it goes into, and where that stood when GitHub wrote this."""

    sha: CommitSha
    ref: BranchName


class _Event(Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Tagged, so that a union of them survives a trip through JSON."""


class _OfPullRequest(_Event, frozen=True, kw_only=True):
    installation_id: InstallationId
    repository: Repository
    number: int
    title: str
    url: str
    author: Person
    sender: Person
    head: Head
    base: Base

    @property
    def from_fork(self) -> bool:
        """Whether the head lies in another repository, or in one that is gone."""
        return self.head.repository_id != self.repository.id


class PullRequestChanged(_OfPullRequest, frozen=True, kw_only=True):
    """An open pull request's commits, base or draft state changed. `edited` comes only with `base_changed`."""

    action: Literal["opened", "synchronize", "reopened", "ready_for_review", "edited", "converted_to_draft"]
    draft: bool
    base_changed: bool


class PullRequestClosed(_OfPullRequest, frozen=True, kw_only=True):
    """A pull request was merged or given up. Of one that was not merged the three `merge…` values are None.

    `merge_sha` is the merge commit, the squash commit, or what the base was moved to by a rebase; `merged_at` is in
    seconds since 1970.
    """

    merged: bool
    merge_sha: CommitSha | None
    merged_by: Person | None
    merged_at: int | None


class PullRequestApproved(_Event, frozen=True, kw_only=True):
    """Somebody submitted a review that approves a pull request, as it was at `head_sha`."""

    installation_id: InstallationId
    repository: Repository
    number: int
    review_id: int
    head_sha: CommitSha
    author: Person


class BranchPushed(_Event, frozen=True, kw_only=True):
    """A branch was moved, created or deleted. `before` of a created and `after` of a deleted one is NO_COMMIT."""

    installation_id: InstallationId
    repository: Repository
    branch: BranchName
    before: CommitSha
    after: CommitSha
    created: bool
    deleted: bool
    forced: bool
    pusher: Person


class CheckRunRerequested(_Event, frozen=True, kw_only=True):
    """Somebody pressed "Re-run" on one check run."""

    installation_id: InstallationId
    repository: Repository
    check_run_id: int
    name: str
    head_sha: CommitSha
    external_id: str
    app_id: int | None
    sender: Person


class CheckSuiteRerequested(_Event, frozen=True, kw_only=True):
    """Somebody pressed "Re-run all checks". `head_branch` is None for a fork's head."""

    installation_id: InstallationId
    repository: Repository
    check_suite_id: int
    head_sha: CommitSha
    head_branch: BranchName | None
    app_id: int | None
    sender: Person


class ButtonPressed(_Event, frozen=True, kw_only=True):
    """Somebody pressed one of a check run's own buttons; `identifier` says which."""

    installation_id: InstallationId
    repository: Repository
    check_run_id: int
    name: str
    head_sha: CommitSha
    external_id: str
    app_id: int | None
    identifier: str
    sender: Person


class CommentCreated(_Event, frozen=True, kw_only=True):
    """Somebody wrote a comment on an issue or pull request. Edited ones never become an event."""

    installation_id: InstallationId
    repository: Repository
    number: int
    is_pull_request: bool
    comment_id: int
    body: str
    author: Person


class MergeGroupRequested(_Event, frozen=True, kw_only=True):
    """A merge queue asks for checks on the commit that it would merge."""

    installation_id: InstallationId
    repository: Repository
    head_sha: CommitSha
    head_ref: str
    base_sha: CommitSha
    base_ref: BranchName
    sender: Person


class MergeGroupDestroyed(_Event, frozen=True, kw_only=True):
    """A merge queue let a group go; `reason` is GitHub's word: merged, invalidated, dequeued."""

    installation_id: InstallationId
    repository: Repository
    head_sha: CommitSha
    base_ref: BranchName
    reason: str


class InstallationChanged(_Event, frozen=True, kw_only=True):
    """The App was installed, removed, suspended, let go on, or given new permissions."""

    action: Literal["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"]
    installation_id: InstallationId
    repositories: tuple[RepositoryRef, ...]
    sender: Person


class RepositoriesChanged(_Event, frozen=True, kw_only=True):
    """Repositories were added to or taken from an installation."""

    installation_id: InstallationId
    added: tuple[RepositoryRef, ...]
    removed: tuple[RepositoryRef, ...]
    sender: Person


class RepositoryChanged(_Event, frozen=True, kw_only=True):
    """A repository got another name, another owner, or an end. `repository` is as it is afterwards."""

    action: Literal["renamed", "deleted", "archived", "unarchived", "transferred"]
    installation_id: InstallationId | None
    repository: Repository
    sender: Person


class Ping(_Event, frozen=True, kw_only=True):
    """GitHub's greeting to a new webhook."""


class Ignored(_Event, frozen=True, kw_only=True):
    """Nothing that Planward acts on; `reason` is for the log and names no person and no repository."""

    reason: str


Event = (
    PullRequestChanged
    | PullRequestClosed
    | PullRequestApproved
    | BranchPushed
    | CheckRunRerequested
    | CheckSuiteRerequested
    | ButtonPressed
    | CommentCreated
    | MergeGroupRequested
    | MergeGroupDestroyed
    | InstallationChanged
    | RepositoriesChanged
    | RepositoryChanged
    | Ping
    | Ignored
)
"""Everything that a delivery can turn into."""
