"""Authentication of githubkit's calls."""

import abc
from collections.abc import AsyncGenerator

import httpx
from githubkit import GitHubCore
from githubkit.auth import BaseAuthStrategy

THE_APP = "the App"


class Authentication(BaseAuthStrategy, abc.ABC):
    """Credentials for calls: a token in the header."""

    payer: str
    """The owner of the budget that the calls use: an installation, or the App itself."""

    @abc.abstractmethod
    async def token(self) -> str:
        """The token to use now.

        Getting a token may itself take a call, with its own retries. So every other call gets its token before its own
        first attempt.
        """

    def drop(self, token: str) -> bool:
        """Forget a token that GitHub refused. Returns whether the next call will use another one."""
        return False

    def get_auth_flow(self, github: GitHubCore) -> httpx.Auth:  # type: ignore[type-arg]
        """githubkit's interface for authenticating a request."""
        return _Bearer(self)


class StaticToken(Authentication):
    """A token that already exists."""

    payer = "somebody"

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """The given token."""
        return self._token


class _Bearer(httpx.Auth):
    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self._authentication.token()}"
        yield request
