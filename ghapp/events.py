"""GitHub's events, in the past tense.

`webhook/` makes them from payloads, which no other package sees. They are plain values that can be compared and hashed,
and `msgspec.json` writes and reads them as `Event`.
"""

from typing import Literal

from msgspec import Struct

from ghapp.values import BranchName, CommitSha, InstallationId, RepositoryId


class RepositoryRef(Struct, frozen=True, kw_only=True):
    """A repository as installation events name it: an id that never changes, and a name that can."""

    id: RepositoryId
    full_name: str


class Repository(Struct, frozen=True, kw_only=True):
    """The repository of an event. `clone_url` is the git remote as the signed payload names it."""

    id: RepositoryId
    full_name: str
    clone_url: str
    default_branch: BranchName

    @property
    def ref(self) -> RepositoryRef:
        """The repository's id and name only."""
        return RepositoryRef(id=self.id, full_name=self.full_name)


class Person(Struct, frozen=True, kw_only=True):
    """An account. The id identifies it, since a login can be given up and taken by somebody else."""

    login: str
    id: int
    is_bot: bool = False


GHOST = Person(login="ghost", id=0)
"""A deleted account. GitHub has no account 0, so it never equals an account with permissions."""


class Head(Struct, frozen=True, kw_only=True):
    """The head of a pull request; `repository_id` is None when the fork it came from was deleted."""

    sha: CommitSha
    ref: BranchName
    repository_id: RepositoryId | None


class Base(Struct, frozen=True, kw_only=True):
    """The base of a pull request: its target branch, and that branch's commit when GitHub sent the event."""

    sha: CommitSha
    ref: BranchName


class _Event(Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Events are tagged, so that their union can be read from JSON."""


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
        """Whether the head is in another repository, or in a deleted one."""
        return self.head.repository_id != self.repository.id


class PullRequestChanged(_OfPullRequest, frozen=True, kw_only=True):
    """An open pull request's commits, base or draft state changed. `edited` comes only with `base_changed`."""

    action: Literal["opened", "synchronize", "reopened", "ready_for_review", "edited", "converted_to_draft"]
    draft: bool
    base_changed: bool


class PullRequestClosed(_OfPullRequest, frozen=True, kw_only=True):
    """A pull request was merged, or closed without a merge.

    `merge_sha` is the merge commit, the squash commit, or the base's new commit after a rebase. `merged_at` is in
    seconds since 1970. Without a merge, `merge_sha`, `merged_by` and `merged_at` are None.
    """

    merged: bool
    merge_sha: CommitSha | None
    merged_by: Person | None
    merged_at: int | None


class PullRequestApproved(_Event, frozen=True, kw_only=True):
    """Somebody submitted an approving review of a pull request's commit `head_sha`."""

    installation_id: InstallationId
    repository: Repository
    number: int
    review_id: int
    head_sha: CommitSha
    author: Person


class BranchPushed(_Event, frozen=True, kw_only=True):
    """A branch was moved, created or deleted. `before` of a created branch and `after` of a deleted one is
    NO_COMMIT."""

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
    """Somebody pressed "Re-run all checks". `head_branch` is None if the head is in a fork."""

    installation_id: InstallationId
    repository: Repository
    check_suite_id: int
    head_sha: CommitSha
    head_branch: BranchName | None
    app_id: int | None
    sender: Person


class ButtonPressed(_Event, frozen=True, kw_only=True):
    """Somebody pressed a button of a check run; `identifier` says which one."""

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
    """Somebody wrote a comment on an issue or pull request. Edited comments never become an event."""

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
    """A merge queue discarded a group; `reason` is GitHub's word: merged, invalidated, dequeued."""

    installation_id: InstallationId
    repository: Repository
    head_sha: CommitSha
    base_ref: BranchName
    reason: str


class InstallationChanged(_Event, frozen=True, kw_only=True):
    """The App was installed, removed, suspended, unsuspended, or given new permissions."""

    action: Literal["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"]
    installation_id: InstallationId
    repositories: tuple[RepositoryRef, ...]
    sender: Person


class RepositoriesChanged(_Event, frozen=True, kw_only=True):
    """Repositories were added to an installation or removed from it."""

    installation_id: InstallationId
    added: tuple[RepositoryRef, ...]
    removed: tuple[RepositoryRef, ...]
    sender: Person


class RepositoryChanged(_Event, frozen=True, kw_only=True):
    """A repository was renamed, transferred, deleted, archived or the like. `repository` is its new state."""

    action: Literal["renamed", "deleted", "archived", "unarchived", "transferred"]
    installation_id: InstallationId | None
    repository: Repository
    sender: Person


class Ping(_Event, frozen=True, kw_only=True):
    """GitHub's greeting to a new webhook."""


class Ignored(_Event, frozen=True, kw_only=True):
    """An event that Planward does not act on; `reason` is for the log and names no person and no repository."""

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
"""Every event that a delivery can become."""
