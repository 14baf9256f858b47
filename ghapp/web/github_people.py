"""Ask GitHub about a person, with that person's own token: their login, and the repositories that they may read.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from ghapp.addresses import web_url
from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.store import KnownRepository

_ACCEPT = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_REDIRECTS = 3
Shape = TypeVar("Shape")


class GitHubAway(Exception):
    """GitHub does not answer, or asks us to wait."""


class TokenRefused(Exception):
    """The token has expired, or was revoked."""


class CodeRefused(Exception):
    """GitHub refused the code. The message is GitHub's short name of the reason."""


class _Token(msgspec.Struct):
    access_token: str = ""
    expires_in: int | None = None
    error: str = ""


class _User(msgspec.Struct):
    login: str


class _Repository(msgspec.Struct):
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserToken:
    """A person's token for this App. If `expires_in_s` is None, it does not expire."""

    value: str = field(repr=False)
    expires_in_s: int | None


class GitHubPeople:
    """GitHub's OAuth web flow, and two queries."""

    def __init__(self, client: httpx.AsyncClient, *, api_url: str, client_id: str, client_secret: str) -> None:
        self._client = client
        self._api_url = api_url
        self._web_url = web_url(api_url)
        self._client_id = client_id
        self._client_secret = client_secret

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str) -> str:
        """The address for signing in at GitHub."""
        query = {
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._web_url}/login/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: str, *, redirect_uri: str, code_verifier: str) -> UserToken:
        """Exchange the code for a token. Raises CodeRefused and GitHubAway."""
        answer = await self._send(
            "POST",
            f"{self._web_url}/login/oauth/access_token",
            headers={"Accept": "application/json"},
            data={
                "client_id": self._client_id,
                "client_secret": self._client_secret,
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": code_verifier,
            },
        )
        token = _decode(answer, _Token)
        if not token.access_token:
            raise CodeRefused(token.error or f"status {answer.status_code}")
        return UserToken(value=token.access_token, expires_in_s=token.expires_in)

    async def login(self, token: str) -> str:
        """The login of the token's owner. Raises TokenRefused and GitHubAway."""
        answer = await self._ask(f"{self._api_url}/user", token)
        if answer.status_code != 200:
            raise GitHubAway
        return _decode(answer, _User).login

    async def may_read(self, token: str, repository: KnownRepository) -> bool:
        """Whether GitHub lets the person read this exact repository. Raises TokenRefused and GitHubAway."""
        url = f"{self._api_url}/repos/{repository.full_name}"
        answer = await self._ask(url, token)
        # Compare ids: another repository may have taken a name that was given up.
        return answer.status_code == 200 and _decode(answer, _Repository).id == repository.id

    async def revoke(self, token: str) -> None:
        """Revoke the token. Raises GitHubAway."""
        await self._send(
            "DELETE",
            f"{self._api_url}/applications/{self._client_id}/token",
            headers=_ACCEPT,
            auth=(self._client_id, self._client_secret),
            json={"access_token": token},
        )

    async def _ask(self, url: str, token: str) -> httpx.Response:
        for _ in range(_REDIRECTS):
            answer = await self._send("GET", url, headers={**_ACCEPT, "Authorization": f"Bearer {token}"})
            if answer.status_code == 401:
                raise TokenRefused
            if not answer.has_redirect_location:
                return answer
            # A repository that was renamed.
            url = str(httpx.URL(url).join(answer.headers["Location"]))
            if not url.startswith(f"{self._api_url}/"):
                break
        raise GitHubAway

    async def _send(self, method: str, url: str, **request: object) -> httpx.Response:
        try:
            answer = await self._client.request(method, url, **request)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            # Its text may contain the address with its secrets.
            raise GitHubAway(type(error).__name__) from None
        limited = answer.status_code == 403 and answer.headers.get("X-RateLimit-Remaining") == "0"
        if answer.status_code >= 500 or answer.status_code == 429 or limited:
            raise GitHubAway
        return answer


def _decode(answer: httpx.Response, shape: type[Shape]) -> Shape:
    try:
        return read_json(answer.content, shape)
    except UnreadableJson:
        raise GitHubAway from None
