"""Accounts, teams, Apps and their installations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

JSON = dict[str, Any]
Permissions = dict[str, str]

BASE_ROLES = ("none", "read", "triage", "write", "maintain", "admin")
"""`none`, which means no role, and GitHub's five roles from the weakest to the strongest."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A person, an organisation or an App's bot."""

    id: int
    login: str
    type: Literal["User", "Organization", "Bot"]
    name: str | None
    created_at: datetime
    site_admin: bool = False
    emails: list[str] = field(default_factory=list)
    """Verified email addresses besides `email`. GitHub links commits with any of them to the account."""

    @property
    def email(self) -> str:
        """The noreply address, which GitHub puts into commits that it makes for the account."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


WEB_FLOW = Account(
    id=19_864_447,
    login="web-flow",
    type="User",
    name="GitHub Web Flow",
    created_at=datetime(2016, 6, 10, tzinfo=UTC),
    emails=["noreply@github.com"],
)
"""GitHub's own account: the committer of commits made on its pages or by its merge button, except by a rebase."""


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    id: int
    slug: str
    name: str
    organization: Account
    parent: Team | None = None
    members: dict[int, Literal["member", "maintainer"]] = field(default_factory=dict)
    invited: set[int] = field(default_factory=set)
    """People who have not accepted yet. Their membership is pending, and they have none of the team's access."""
    repositories: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class CustomRole:
    """A role that an organisation defines. It inherits from one of GitHub's five roles."""

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
class UserToken:
    """A user access token: it may do what both the person and the App may."""

    value: str = field(repr=False)
    refresh_value: str = field(repr=False)
    app: App
    account: Account
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInCode:
    """A code that the web flow hands to the App. The App can exchange it once."""

    app: App
    account: Account
    redirect_uri: str
    code_challenge: str | None
    expires_at: datetime


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
