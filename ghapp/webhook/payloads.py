"""The parts of GitHub's payloads that Planward needs, under GitHub's names.

Only these fields are read: real payloads lack some fields that the published schemas require.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from ghapp.values import BranchName, CommitSha, InstallationId, RepositoryId

Sha = Annotated[CommitSha, Meta(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?\Z")]
FullName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+\Z")]


class Present(Struct):
    """An object whose content does not matter, only whether it is there."""


class Account(Struct):
    login: str
    id: int
    type: str = "User"


class RepositoryRef(Struct):
    id: RepositoryId
    full_name: FullName


class Repository(RepositoryRef):
    clone_url: str
    default_branch: BranchName


class Id(Struct):
    id: int


class Installation(Struct):
    id: InstallationId


class Action(Struct):
    action: str = ""


class FromRepository(Struct):
    installation: Installation
    repository: Repository
    sender: Account


class Head(Struct):
    sha: Sha
    ref: BranchName
    repo: Id | None = None


class Base(Struct):
    sha: Sha
    ref: BranchName


class PullRequest(Struct):
    number: int
    title: str
    html_url: str
    head: Head
    base: Base
    user: Account | None = None
    draft: bool = False
    merged: bool = False
    merge_commit_sha: Sha | None = None
    merged_by: Account | None = None
    merged_at: datetime | None = None


class Changes(Struct):
    base: Present | None = None


class PullRequestPayload(FromRepository):
    pull_request: PullRequest
    changes: Changes | None = None


class Review(Struct):
    id: int
    state: str
    commit_id: Sha | None = None
    user: Account | None = None


class Number(Struct):
    number: int


class ReviewPayload(FromRepository):
    review: Review
    pull_request: Number


class Pusher(Struct):
    name: str


class PushPayload(Struct):
    ref: str
    before: Sha
    after: Sha
    created: bool
    deleted: bool
    forced: bool
    repository: Repository
    installation: Installation
    pusher: Pusher
    sender: Account | None = None


class CheckRun(Struct):
    id: int
    name: str
    head_sha: Sha
    external_id: str | None = None
    app: Id | None = None


class RequestedAction(Struct):
    identifier: str


class CheckRunPayload(FromRepository):
    check_run: CheckRun


class ButtonPayload(CheckRunPayload):
    requested_action: RequestedAction


class CheckSuite(Struct):
    id: int
    head_sha: Sha
    head_branch: BranchName | None = None
    app: Id | None = None


class CheckSuitePayload(FromRepository):
    check_suite: CheckSuite


class Issue(Struct):
    number: int
    pull_request: Present | None = None


class Comment(Struct):
    id: int
    body: str
    user: Account | None = None


class CommentPayload(FromRepository):
    issue: Issue
    comment: Comment


class MergeGroup(Struct):
    head_sha: Sha
    head_ref: str
    base_sha: Sha
    base_ref: str


class MergeGroupPayload(FromRepository):
    merge_group: MergeGroup
    reason: str = ""


class InstallationPayload(Struct):
    installation: Installation
    sender: Account
    repositories: list[RepositoryRef] | None = None


class RepositoriesPayload(Struct):
    installation: Installation
    sender: Account
    repositories_added: list[RepositoryRef]
    repositories_removed: list[RepositoryRef]


class RepositoryPayload(Struct):
    repository: Repository
    sender: Account
    installation: Installation | None = None
