"""Installation tokens: each for one repository and the permissions that its use needs, made once however many ask.

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
"""What git needs. Planward cannot push."""

SPEAK: Permissions = (
    ("checks", "write"),
    ("deployments", "write"),
    ("metadata", "read"),
    ("pull_requests", "write"),
)
"""What check runs, deployments, comments and reactions need."""

TEAMS: Permissions = (("members", "read"),)
"""What it takes to ask who belongs to a team."""

ADMINISTRATION: Permissions = (("administration", "read"), ("metadata", "read"))
"""What classic branch protection needs; optional, so it is asked for only where it was granted."""

LOOK: Permissions = (("metadata", "read"),)
"""What it takes to list the repositories of an installation."""

_MARGIN_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token allows. Without a repository: every repository of the installation."""

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
    """The tokens that are alive. They live for an hour; one that is nearly over is not handed out."""

    def __init__(self, app: Calls, *, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._now = now
        self._tokens: dict[Grant, _Token] = {}
        self._locks: defaultdict[Grant, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def token(self, grant: Grant, *, remaining_s: float = _MARGIN_S) -> str:
        """A token that holds for at least `remaining_s` seconds. Raises InstallationGone, InstallationSuspended."""
        async with self._locks[grant]:
            token = self._tokens.get(grant)
            if token is None or token.expires_at - self._now() < remaining_s:
                try:
                    token = self._tokens[grant] = await self._make(grant)
                except GitHubUnavailable as error:
                    # What the token was for was not carried out, whatever became of the token.
                    error.may_have_happened = False
                    raise
            return token.value

    def drop(self, grant: Grant, value: str) -> None:
        """Forget a token that GitHub refused, unless another took its place meanwhile."""
        token = self._tokens.get(grant)
        if token is not None and token.value == value:
            del self._tokens[grant]

    def forget(self) -> tuple[str, ...]:
        """Forget every token, and give those that are still alive."""
        alive = tuple(token.value for token in self._tokens.values() if token.expires_at > self._now())
        self._tokens.clear()
        return alive

    async def make_for(self, installation_id: InstallationId, names: Sequence[str]) -> str:
        """A token that reads the contents of several repositories (`OWNER/NAME`), kept nowhere."""
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
                f"{', '.join(names)}: PLANWARD_MODULE_REPOSITORIES lists it, and the App's installation does not reach "
                "it, or it does not exist: add it in the installation's settings",
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
                    "the App's installation does not reach this repository any more: add it in its settings"
                ) from None
            raise
        return _Token(made.token, made.expires_at.timestamp())

    async def _require_installation(self, id: InstallationId) -> None:
        """Raises InstallationGone and InstallationSuspended where GitHub says so when it is asked."""
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
                raise InstallationGone("the App is not installed there any more: install it again") from None
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
        """One that holds for minutes yet."""
        return await self._tokens.token(self._grant)

    def drop(self, token: str) -> bool:
        """Have another one made for the next call."""
        self._tokens.drop(self._grant, token)
        return True
