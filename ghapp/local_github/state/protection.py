"""Branch protection and rulesets, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ghapp.local_github.state.accounts import JSON, Account


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
    code_owner_reviews: bool = False
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
    organization: Account | None = None
    """The owner of the ruleset, if it is not the repository."""
