"""How githubkit is told who asks."""

import abc
from collections.abc import AsyncGenerator

import httpx
from githubkit import GitHubCore
from githubkit.auth import BaseAuthStrategy

THE_APP = "the App"


class Authentication(BaseAuthStrategy, abc.ABC):
    """Credentials for calls: a token in the header."""

    payer: str
    """Whose requests GitHub counts them as: an installation's, or the App's own."""

    @abc.abstractmethod
    async def token(self) -> str:
        """The token to use now. Getting it is tried by itself, not once more in each attempt of a call."""

    def drop(self, token: str) -> bool:
        """Forget a token that GitHub refused. True: there will be another one."""
        return False

    def get_auth_flow(self, github: GitHubCore) -> httpx.Auth:  # type: ignore[type-arg]
        """githubkit's way of asking how a request is authenticated."""
        return _Bearer(self)


class StaticToken(Authentication):
    """A token that is at hand."""

    payer = "somebody"

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """The one it was made with."""
        return self._token


class _Bearer(httpx.Auth):
    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self._authentication.token()}"
        yield request
