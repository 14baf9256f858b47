"""Issues, pull requests, and what people write on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ghapp.local_github.state.accounts import Account, App

if TYPE_CHECKING:
    from ghapp.local_github.state.repositories import Repository


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
