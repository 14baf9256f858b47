"""Planward's clients of GitHub: one for the App itself, and one for each repository of an installation."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final

import httpx
from githubkit.throttling import LocalThrottler
from msgspec import Struct

from ghapp.events import Repository, RepositoryRef
from ghapp.github.auth import Authentication, StaticToken
from ghapp.github.budget import Priority
from ghapp.github.budgets import Budgets, OnDeferred
from ghapp.github.calls import Api, Patience
from ghapp.github.check_runs import CheckRuns
from ghapp.github.comments import Comments
from ghapp.github.delivery_log import DeliveryLog
from ghapp.github.deployments import Deployments
from ghapp.github.errors import GitHubError, GitHubRefused
from ghapp.github.keys import AppKey, AppToken
from ghapp.github.permissions import Permissions
from ghapp.github.repository_access import RepositoryAccess
from ghapp.github.response_cache import ResponseCache
from ghapp.github.reviews import Reviews
from ghapp.github.rules import Rules
from ghapp.github.source import RepositoryShape, Source
from ghapp.github.tokens import (
    ADMINISTRATION,
    FETCH,
    LIST_REPOSITORIES,
    REPORT,
    TEAMS,
    Grant,
    InstallationAuth,
    InstallationTokens,
)
from ghapp.github.wire import OnCall, Wire, connections
from ghapp.values import InstallationId

PUBLIC_API: Final = "https://api.github.com"
API_VERSION: Final = "2022-11-28"
"""GitHub Enterprise Server supports this version, too. A server that is too old for it answers 400. `GET /versions`
lists the versions that a server supports."""

_FETCH_REMAINING_S: Final = 900.0
_REVOKE_S: Final = 3.0
_AT_ONCE: Final = 50


class GitHubRepository(CheckRuns, Deployments, Comments, Reviews, Permissions, Source):
    """All of Planward's calls about one repository."""

    def __init__(self, access: RepositoryAccess) -> None:
        self._access = access


class AppOwner(Struct, frozen=True, kw_only=True):
    """The account that owns the App; an enterprise has no login."""

    login: str = ""


class AppSeen(Struct, frozen=True, kw_only=True):
    """The App's registration."""

    id: int
    slug: str
    name: str
    owner: AppOwner = AppOwner()
    html_url: str = ""
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()


class InstallationSeen(Struct, frozen=True, kw_only=True):
    """One installation of the App."""

    id: InstallationId
    account: str
    suspended: bool
    permissions: dict[str, str]


class _Account(Struct):
    login: str = ""
    slug: str = ""


class _Installation(Struct):
    id: InstallationId
    account: _Account
    suspended_at: str | None = None
    permissions: dict[str, str] = {}

    def read(self) -> InstallationSeen:
        return InstallationSeen(
            id=self.id,
            account=self.account.login or self.account.slug,
            suspended=self.suspended_at is not None,
            permissions=self.permissions,
        )


class _Repositories(Struct):
    repositories: list[RepositoryShape]


class GitHubApp(DeliveryLog):
    """The App on github.com or on one GitHub Enterprise Server.

    `async with` opens and closes it. It can only be used in the event loop in which it was opened.

    `on_call` receives every request, and `on_deferred` every request that has to be made later. `transport` replaces
    the network in tests. Raises SettingsError if the key cannot be read.
    """

    def __init__(
        self,
        api_url: str,
        app_id: int,
        key: AppKey,
        *,
        api_version: str = API_VERSION,
        on_call: OnCall | None = None,
        patience: Patience | None = None,
        settle_s: float = 2.0,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_deferred: OnDeferred | None = None,
    ) -> None:
        self._app_id = app_id
        self._owner: str | None = None
        self._settle_s = settle_s
        self._wire = Wire(transport or connections(api_url), on_call)
        self._api = Api(
            url=api_url,
            version=api_version,
            wire=self._wire,
            throttler=LocalThrottler(_AT_ONCE),
            patience=patience or Patience(),
            cached=ResponseCache(),
            budgets=Budgets(now=now, pause=pause, on_deferred=on_deferred),
        )
        self._calls = self._api.calls(AppToken(app_id, key, now=now))
        self._tokens = InstallationTokens(self._calls, now=now)

    async def __aenter__(self) -> "GitHubApp":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Revoke the tokens, if GitHub accepts that within seconds, and close the connections."""
        hasty = dataclasses.replace(self._api, patience=Patience(attempts=1, timeout_s=_REVOKE_S))
        revocations = [
            hasty.calls(StaticToken(token)).delete("/installation/token", doing="revoke a token")
            for token in self._tokens.forget()
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REVOKE_S):
                # A token that is not revoked expires within the hour.
                await asyncio.gather(*revocations, return_exceptions=True)
        await self._wire.close()

    def budget_left(self) -> float:
        """The share of the hour's requests that is left, from 0 to 1, for the installation with the least."""
        return self._api.budgets.left()

    async def repository(
        self, installation_id: InstallationId, repository: RepositoryRef, *, priority: Priority = "gate"
    ) -> GitHubRepository:
        """One repository, with tokens limited to it. Makes no call yet.

        `priority` applies to its calls, with two exceptions: some calls always have the priority "cosmetic", and the
        calls that read contents or a team's members always have the priority "gate".
        """
        owner, _, repo = repository.full_name.partition("/")
        fields = {"owner": owner, "repo": repo}
        speak = Grant(installation_id=installation_id, repository_id=repository.id, permissions=REPORT)
        contents = Grant(installation_id=installation_id, repository_id=repository.id, permissions=FETCH)
        teams = Grant(installation_id=installation_id, repository_id=repository.id, permissions=TEAMS)
        calls = self._api.calls(InstallationAuth(self._tokens, speak), fields)
        return GitHubRepository(
            RepositoryAccess(
                app_id=self._app_id,
                repository=repository,
                calls=calls if priority == "gate" else calls.cosmetic,
                teams=self._api.calls(InstallationAuth(self._tokens, teams), fields),
                contents=self._api.calls(InstallationAuth(self._tokens, contents), fields),
                settle_s=self._settle_s,
            )
        )

    async def git_token(
        self, installation_id: InstallationId, repository: RepositoryRef, *, refused: str | None = None
    ) -> str:
        """A token that reads the contents of one repository, valid for at least a quarter of an hour.

        `refused` is a token that GitHub has just refused, and is not returned again. Raises InstallationGone and
        InstallationSuspended if GitHub says that the installation is gone or suspended.
        """
        grant = Grant(installation_id=installation_id, repository_id=repository.id, permissions=FETCH)
        if refused is not None:
            self._tokens.drop(grant, refused)
        return await self._tokens.token(grant, remaining_s=_FETCH_REMAINING_S)

    @contextlib.asynccontextmanager
    async def contents_token(self, installation_id: InstallationId, names: Sequence[str]) -> AsyncIterator[str]:
        """A separate token that reads the contents of these repositories (`OWNER/NAME`), revoked afterwards.

        Raises GitHubRefused if the installation does not have access to all of them.
        """
        token = await self._tokens.make_for(installation_id, names)
        try:
            yield token
        finally:
            with contextlib.suppress(GitHubError):  # a token that is not revoked expires within the hour
                await self._api.calls(StaticToken(token)).delete("/installation/token", doing="revoke a token")

    async def me(self) -> AppSeen:
        """The App itself: its identity and the permissions it requests."""
        return await self._calls.read("/app", AppSeen, doing="ask for the App")

    async def owner(self) -> str:
        """The login of the account that owns the App, queried once; empty if an enterprise owns it."""
        if self._owner is None:
            self._owner = (await self.me()).owner.login
        return self._owner

    async def installation_of(self, full_name: str) -> InstallationSeen | None:
        """The installation with access to a repository; None if the App is not installed there."""
        owner, _, repo = full_name.partition("/")
        try:
            answer = await self._calls.read(
                "/repos/{owner}/{repo}/installation",
                _Installation,
                doing=f"ask for the App's installation in {full_name}",
                at={"owner": owner, "repo": repo},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                return None
            raise
        return answer.read()

    def rules(self, installation: InstallationSeen, full_name: str, *, administrator: str | None = None) -> Rules:
        """The protection of a repository's branches. Makes no call yet.

        `administrator` is the token of a person, who may see more than the App.
        """
        owner, _, repo = full_name.partition("/")
        fields = {"owner": owner, "repo": repo}
        look = Grant(installation_id=installation.id, repository_id=None, permissions=FETCH)
        administration: Authentication | None = None
        if administrator is not None:
            administration = StaticToken(administrator)
        elif "administration" in installation.permissions:
            grant = Grant(installation_id=installation.id, repository_id=None, permissions=ADMINISTRATION)
            administration = InstallationAuth(self._tokens, grant)
        return Rules(
            self._api.calls(InstallationAuth(self._tokens, look), fields),
            None if administration is None else self._api.calls(administration, fields),
        )

    async def installations(self) -> tuple[InstallationSeen, ...]:
        """Every installation of the App."""
        pages = self._calls.read_pages("/app/installations", list[_Installation], doing="list the App's installations")
        return tuple([installation.read() async for page in pages for installation in page])

    async def repositories(self, installation_id: InstallationId) -> tuple[Repository, ...]:
        """Every repository of an installation."""
        grant = Grant(installation_id=installation_id, repository_id=None, permissions=LIST_REPOSITORIES)
        pages = self._api.calls(InstallationAuth(self._tokens, grant)).read_pages(
            "/installation/repositories", _Repositories, doing="list an installation's repositories"
        )
        return tuple([repository.read() async for page in pages for repository in page.repositories])
