"""Installation tokens. Each has only the permissions for one use, and is limited to one repository if possible.

Callers that need the same rights share a token.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from ghapp.github.auth import Authentication
from ghapp.github.calls import Calls
from ghapp.github.errors import (
    SUSPENDED,
    GitHubRefused,
    GitHubUnavailable,
    InstallationGone,
    InstallationSuspended,
)
from ghapp.values import InstallationId, RepositoryId

Permissions = tuple[tuple[str, str], ...]

FETCH: Permissions = (("contents", "read"), ("metadata", "read"))
"""The permissions for git. Planward cannot push."""

REPORT: Permissions = (
    ("checks", "write"),
    ("deployments", "write"),
    ("metadata", "read"),
    ("pull_requests", "write"),
)
"""The permissions for check runs, deployments, comments and reactions."""

TEAMS: Permissions = (("members", "read"),)
"""The permissions for reading a team's members."""

ADMINISTRATION: Permissions = (("administration", "read"), ("metadata", "read"))
"""The permissions for reading classic branch protection. `administration` is optional, so Planward requests such a
token only if the installation has granted this permission."""

LIST_REPOSITORIES: Permissions = (("metadata", "read"),)
"""The permissions for listing an installation's repositories."""

_MARGIN_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights of a token. Without a repository, it is for every repository of the installation."""

    installation_id: InstallationId
    repository_id: RepositoryId | None
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    expires_at: float


class _CreatedToken(Struct):
    token: str
    expires_at: datetime


class _Installation(Struct):
    suspended_at: str | None = None


class InstallationTokens:
    """The valid tokens. They live for an hour; one that is about to expire is not returned."""

    def __init__(self, app: Calls, *, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._now = now
        self._tokens: dict[Grant, _Token] = {}
        self._locks: defaultdict[Grant, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def token(self, grant: Grant, *, remaining_s: float = _MARGIN_S) -> str:
        """A token that is valid for at least `remaining_s` seconds. Raises InstallationGone, InstallationSuspended."""
        async with self._locks[grant]:
            token = self._tokens.get(grant)
            if token is None or token.expires_at - self._now() < remaining_s:
                try:
                    token = self._tokens[grant] = await self._make(grant)
                except GitHubUnavailable as error:
                    # Whether or not GitHub created a token, the call that needs it was not made.
                    error.may_have_happened = False
                    raise
            return token.value

    def drop(self, grant: Grant, value: str) -> None:
        """Forget a token that GitHub refused, unless another one has replaced it."""
        token = self._tokens.get(grant)
        if token is not None and token.value == value:
            del self._tokens[grant]

    def forget(self) -> tuple[str, ...]:
        """Forget every token, and return those that are still valid."""
        alive = tuple(token.value for token in self._tokens.values() if token.expires_at > self._now())
        self._tokens.clear()
        return alive

    async def make_for(self, installation_id: InstallationId, names: Sequence[str]) -> str:
        """A token that reads the contents of several repositories (`OWNER/NAME`); it is not stored."""
        repositories = [name.partition("/")[2] for name in names]
        try:
            made = await self._app.send(
                "POST",
                "/app/installations/{installation_id}/access_tokens",
                _CreatedToken,
                at={"installation_id": installation_id},
                doing="get a token for modules",
                json={"permissions": {"contents": "read"}, "repositories": repositories},
            )
        except GitHubRefused as error:
            if "not accessible to the parent installation" not in error.words:
                raise
            raise GitHubRefused(
                f"PLANWARD_MODULE_REPOSITORIES lists {', '.join(names)}, but one of these repositories does not exist, "
                "or the App's installation has no access to it: correct the list, or give access in the installation's "
                "settings",
                status=error.status,
            ) from None
        return made.token

    async def _make(self, grant: Grant) -> _Token:
        doing = "get an installation token"
        wanted: dict[str, object] = {"permissions": dict(grant.permissions)}
        if grant.repository_id is not None:
            wanted["repository_ids"] = [grant.repository_id]
        try:
            made = await self._app.send(
                "POST",
                "/app/installations/{installation_id}/access_tokens",
                _CreatedToken,
                at={"installation_id": grant.installation_id},
                doing=doing,
                json=wanted,
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                await self._require_installation(grant.installation_id)
                raise GitHubUnavailable(str(error), may_have_happened=False) from None
            if "not accessible to the parent installation" in error.words:
                raise InstallationGone(
                    "the App's installation no longer has access to this repository: add the repository in its settings"
                ) from None
            raise
        return _Token(made.token, made.expires_at.timestamp())

    async def _require_installation(self, id: InstallationId) -> None:
        """Raise InstallationGone or InstallationSuspended if GitHub says that the installation is gone or suspended."""
        try:
            installation = await self._app.read(
                "/app/installations/{installation_id}",
                _Installation,
                doing="ask for the installation",
                at={"installation_id": id},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                raise InstallationGone("the App is not installed on this account any more: install it again") from None
            raise
        if installation.suspended_at is not None:
            raise InstallationSuspended(SUSPENDED)


class InstallationAuth(Authentication):
    """Calls as an installation."""

    def __init__(self, tokens: InstallationTokens, grant: Grant) -> None:
        self._tokens = tokens
        self._grant = grant
        self.payer = f"installation {grant.installation_id}"

    async def token(self) -> str:
        """A token that is valid for at least two minutes."""
        return await self._tokens.token(self._grant)

    def drop(self, token: str) -> bool:
        """Use another token for the next call."""
        self._tokens.drop(self._grant, token)
        return True
