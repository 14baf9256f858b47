"""What people write: comments, reactions, reviews."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ghapp.local_github.state.accounts import Account, App


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


ReviewState = Literal["PENDING", "APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]


@dataclass(slots=True, kw_only=True, eq=False)
class Review:
    id: int
    author: Account
    state: ReviewState
    body: str
    commit_id: str
    submitted_at: datetime | None


@dataclass(slots=True, kw_only=True, eq=False)
class ReviewThread:
    """A conversation on a line, for "require conversation resolution"."""

    id: int
    author: Account
    path: str
    line: int
    body: str
    created_at: datetime
    resolved: bool = False
