"""One call to GitHub's REST API: who asks, how long it may take, when it is repeated, what its failure means."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import stamina
from githubkit import GitHub, Response
from githubkit.cache import MemCacheStrategy
from githubkit.exception import GitHubException
from githubkit.throttling import LocalThrottler

from ghapp.github.auth import Authentication
from ghapp.github.errors import GitHubUnavailable
from ghapp.github.failures import read_failure
from ghapp.github.wire import Wire, path_template

Shape = TypeVar("Shape")
Query = Mapping[str, str | int]
Fields = Mapping[str, str | int]
_FIELD = re.compile(r"\{(\w+)\}")
_PAGE = 100
_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call is tried. A wait that GitHub asks for and that is longer than `wait_max_s` is not waited."""

    attempts: int = 4
    total_s: float = 45.0
    wait_initial_s: float = 0.3
    wait_max_s: float = 8.0
    timeout_s: float = 15.0
    connect_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where GitHub is and in which version of its API it is spoken to."""

    url: str
    version: str
    wire: Wire
    throttler: LocalThrottler
    patience: Patience

    def calls(self, auth: Authentication, fields: Fields | None = None) -> "Calls":
        """Calls as `auth`; `fields` fill every path template (`owner`, `repo`)."""
        patience = self.patience
        github = GitHub(
            auth,
            base_url=self.url,
            user_agent="planward",
            timeout=httpx.Timeout(patience.timeout_s, connect=patience.connect_timeout_s),
            # httpx would follow with a GET where GitHub means the same request again.
            follow_redirects=False,
            # The transport below knows the proxy; without this each client would build an SSL context of its own.
            trust_env=False,
            async_transport=self.wire,
            cache_strategy=MemCacheStrategy(),
            http_cache=False,
            throttler=self.throttler,
            # githubkit repeats creations and waits for an hour if it is asked to.
            auto_retry=False,
        )
        return Calls(github, auth, self, fields or {})


class Calls:
    """Calls with one authentication. What they raise is a GitHubError, or what signing with the App's key raises."""

    def __init__(self, github: GitHub[Any], auth: Authentication, api: Api, fields: Fields) -> None:
        self._github = github
        self._auth = auth
        self._api = api
        self._fields = fields

    async def read(
        self, template: str, shape: type[Shape], *, doing: str, query: Query | None = None, at: Fields | None = None
    ) -> Shape:
        """GET one document."""
        response = await self.send("GET", template, doing=doing, query=query, at=at)
        return decode(response, shape, doing)

    async def read_pages(
        self, template: str, shape: type[Shape], *, doing: str, query: Query | None = None, at: Fields | None = None
    ) -> AsyncIterator[Shape]:
        """GET one page after the other, as the `Link` header leads on. Stop reading and no more are asked for.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        response = await self.send("GET", template, doing=doing, query={"per_page": _PAGE, **(query or {})}, at=at)
        while True:
            yield decode(response, shape, doing)
            following = response.raw_response.links.get("next", {}).get("url")
            if following is None:
                return
            response = await self._repeat("GET", template, self._own(following), doing, None, None, repeatable=True)

    async def send(
        self,
        method: str,
        template: str,
        *,
        doing: str,
        json: object = None,
        query: Query | None = None,
        repeatable: bool = True,
        at: Fields | None = None,
    ) -> Response[Any]:
        """Send one request. One that is not `repeatable` is repeated only where it certainly was not carried out."""
        url = _FIELD.sub(lambda field: quote(str({**self._fields, **(at or {})}[field[1]]), safe=""), template)
        return await self._repeat(method, template, url, doing, json, query, repeatable=repeatable)

    async def _repeat(
        self, method: str, template: str, url: str, doing: str, json: object, query: Query | None, *, repeatable: bool
    ) -> Response[Any]:
        patience = self._api.patience

        def again(error: Exception) -> bool | float:
            if not isinstance(error, GitHubUnavailable) or (error.may_have_happened and not repeatable):
                return False
            if error.retry_after_s is None:
                return True
            return error.retry_after_s if error.retry_after_s <= patience.wait_max_s else False

        attempts = stamina.retry_context(
            on=again,
            attempts=patience.attempts,
            timeout=patience.total_s,
            wait_initial=patience.wait_initial_s,
            wait_max=patience.wait_max_s,
            wait_jitter=patience.wait_initial_s,
        )
        await self._auth.token()
        async for attempt in attempts:
            with attempt:
                return await self._once(method, template, url, doing, json, query)
        raise AssertionError("stamina ends with a value or an error")

    async def _once(
        self, method: str, template: str, url: str, doing: str, json: object, query: Query | None
    ) -> Response[Any]:
        here = path_template.set(template)
        params = dict(query) if query else None
        headers = {"X-GitHub-Api-Version": self._api.version}
        try:
            for _ in range(_REDIRECTS):
                response = await self._github.arequest(method, url, json=json, params=params, headers=headers)
                answer = response.raw_response
                if not answer.has_redirect_location:
                    return response
                # A repository that was renamed: the same request, at the place that holds its number.
                url, params = self._own(str(answer.request.url.join(answer.headers["Location"]))), None
        except GitHubException as error:
            raise read_failure(error, doing) from None
        finally:
            path_template.reset(here)
        raise GitHubUnavailable(f"GitHub sends us from one place to the next: to {doing}")

    def _own(self, url: str) -> str:
        # A link that led elsewhere would carry the token there.
        here, there = httpx.URL(self._api.url), httpx.URL(url)
        if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
            raise GitHubUnavailable("GitHub's answer leads to another host; check PLANWARD_GITHUB_API_URL")
        return url


def decode(response: Response[Any], shape: type[Shape], doing: str) -> Shape:
    """Read the fields that are needed. A page of a proxy's is no answer of GitHub's."""
    try:
        return msgspec.json.decode(response.content, type=shape)
    except (msgspec.DecodeError, RecursionError):
        raise GitHubUnavailable(f"GitHub's answer cannot be read: to {doing}") from None
