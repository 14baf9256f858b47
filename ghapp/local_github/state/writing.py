"""What people write: comments, reactions, reviews."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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
