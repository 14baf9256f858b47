"""One call to GitHub's REST API: who asks, how long it may take, when it is repeated, what its failure means."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import stamina
from githubkit import GitHub
from githubkit.cache import MemCacheStrategy
from githubkit.exception import GitHubException
from githubkit.throttling import LocalThrottler

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.github.auth import THE_APP, Authentication
from ghapp.github.budget import Priority, RequestCost
from ghapp.github.budgets import Budgets
from ghapp.github.errors import GitHubError, GitHubRefused, GitHubUnavailable
from ghapp.github.failures import answer_of, is_limit, may_be_mistaken, read_failure
from ghapp.github.response_cache import CachedResponse, ResponseCache
from ghapp.github.wire import Wire, path_template

Shape = TypeVar("Shape")
Query = Mapping[str, str | int]
Fields = Mapping[str, str | int]
_FIELD = re.compile(r"\{(\w+)\}")
_PAGE = 100
_REPOSITORY = "/repos/{owner}/{repo}"
_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call is tried. A wait that GitHub asks for and that is longer than `wait_max_s` is not waited."""

    attempts: int = 4
    total_s: float = 45.0
    wait_initial_s: float = 0.3
    wait_max_s: float = 8.0
    timeout_s: float = 15.0
    answer_s: float = 30.0
    """For one attempt in all; `timeout_s` is to the next byte."""

    connect_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where GitHub is and in which version of its API it is spoken to."""

    url: str
    version: str
    wire: Wire
    throttler: LocalThrottler
    patience: Patience
    cached: ResponseCache
    budgets: Budgets

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
        return Calls(github, auth, self, fields or {}, "gate")


class Calls:
    """Calls with one authentication. What they raise is a GitHubError, or what signing with the App's key raises."""

    def __init__(self, github: GitHub[Any], auth: Authentication, api: Api, fields: Fields, priority: Priority) -> None:
        self._github = github
        self._auth = auth
        self._api = api
        self._fields = fields
        self._priority = priority
        self._budget = api.budgets.of(auth.payer)

    def at(self, priority: Priority) -> "Calls":
        """The same calls at a priority; cosmetic ones stay so."""
        return self if priority == "gate" else self.cosmetic

    @property
    def cosmetic(self) -> "Calls":
        """The same calls for what the gates can do without: they leave a reserve of the installation's requests alone.

        Where GitHub would not take one now they raise GitHubUnavailable with `retry_after_s` instead of waiting.
        """
        return Calls(self._github, self._auth, self._api, self._fields, "cosmetic")

    async def read(
        self,
        template: str,
        shape: type[Shape],
        *,
        doing: str,
        query: Query | None = None,
        at: Fields | None = None,
        answers: Collection[int] = (),
    ) -> Shape:
        """GET one document. `answers`: 403 or 404 where these say something, and come as GitHubRefused.

        Elsewhere they, and 401 everywhere, are GitHubUnavailable: the App reached this repository a moment ago.
        """
        url = self._url(template, at)
        value, _ = await self._repeat(_Request("GET", template, url, doing, query=query, answers=answers), shape)
        return value

    async def read_pages(
        self, template: str, shape: type[Shape], *, doing: str, query: Query | None = None, at: Fields | None = None
    ) -> AsyncIterator[Shape]:
        """GET one page after the other, as the `Link` header leads on. Stop reading and no more are asked for.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        query = {"per_page": _PAGE, **(query or {})}
        request = _Request("GET", template, self._url(template, at), doing, query=query)
        while True:
            value, following = await self._repeat(request, shape)
            yield value
            if following is None:
                return
            request = _Request("GET", template, self._own(following), doing)

    async def send(
        self,
        method: str,
        template: str,
        shape: type[Shape],
        *,
        doing: str,
        json: object = None,
        repeatable: bool = True,
        notifies: bool = False,
        at: Fields | None = None,
        answers: Collection[int] = (),
    ) -> Shape:
        """Send one request that changes something, and read the answer: a page of a proxy's does not say "done".

        One that is not `repeatable` is repeated only where it certainly was not carried out. `notifies`: GitHub sends
        people a notification of it, and lets an installation do that so often in an hour. `answers` as for `read`.
        """
        url = self._url(template, at)
        request = _Request(
            method, template, url, doing, json=json, repeatable=repeatable, notifies=notifies, answers=answers
        )
        value, _ = await self._repeat(request, shape)
        return value

    async def delete(self, template: str, *, doing: str) -> None:
        """DELETE; GitHub's answer is empty."""
        await self._repeat(_Request("DELETE", template, self._url(template, None), doing), type(None))

    def _url(self, template: str, at: Fields | None) -> str:
        return _FIELD.sub(lambda field: quote(str({**self._fields, **(at or {})}[field[1]]), safe=""), template)

    async def _repeat(self, request: "_Request", shape: type[Shape]) -> tuple[Shape, str | None]:
        patience = self._api.patience

        def again(error: Exception) -> bool | float:
            if not isinstance(error, GitHubUnavailable) or (error.may_have_happened and not request.repeatable):
                return False
            if error.retry_after_s is None:
                return True
            may_wait = self._priority == "gate" and error.retry_after_s <= patience.wait_max_s
            return error.retry_after_s if may_wait else False

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
                return await self._once_or_with_another_token(request, shape)
        raise AssertionError("stamina ends with a value or an error")

    async def _once_or_with_another_token(self, request: "_Request", shape: type[Shape]) -> tuple[Shape, str | None]:
        """Make a request that GitHub may refuse by mistake, or for a dead token, twice.

        What was refused was not carried out, so a creation may go out once more, too.
        """
        token = await self._auth.token()
        try:
            return await self._once(request, shape)
        except GitHubRefused as refusal:
            if not may_be_mistaken(refusal) or not self._auth.drop(token):
                raise
        try:
            return await self._once(request, shape)
        except GitHubRefused as refusal:
            if not may_be_mistaken(refusal) or (refusal.status in request.answers and await self._is_there(request)):
                raise
            raise GitHubUnavailable(str(refusal), may_have_happened=False) from None

    async def _is_there(self, request: "_Request") -> bool:
        """Whether GitHub has the repository in which it says that something is missing."""
        if "repo" not in self._fields or not request.template.startswith(_REPOSITORY):
            return True
        try:
            await self._once(_Request("GET", _REPOSITORY, self._url(_REPOSITORY, None), request.doing), msgspec.Raw)
        except GitHubRefused:
            return False
        return True

    async def _once(self, request: "_Request", shape: type[Shape]) -> tuple[Shape, str | None]:
        """The value that was answered, and where the next page is."""
        if request.method != "GET":
            answer = await self._answered(request, None)
            # 204 comes without a body.
            return decode(answer.content or b"null", shape, request.doing), None
        address = str(httpx.URL(request.url, params=request.query))
        cached = self._api.cached.find(await self._auth.token(), address, shape)
        answer = await self._answered(request, None if cached is None else cached.tag)
        if answer.status_code == 304 and cached is not None:
            return decode(cached.content, shape, request.doing), cached.following
        value = decode(answer.content, shape, request.doing)
        following = answer.links.get("next", {}).get("url")
        tag = answer.headers.get("ETag")
        if tag is not None:
            credential = answer.request.headers["Authorization"].removeprefix("Bearer ")
            again = CachedResponse(tag=tag, content=msgspec.json.encode(value), following=following)
            self._api.cached.keep(credential, address, shape, again)
        return value, following

    async def _answered(self, request: "_Request", tag: str | None) -> httpx.Response:
        """Send it once, to where it leads."""
        here = path_template.set(request.template)
        url, params = request.url, dict(request.query) if request.query else None
        headers = {"X-GitHub-Api-Version": self._api.version, **({} if tag is None else {"If-None-Match": tag})}
        creates = request.method == "POST" and self._auth.payer != THE_APP
        cost = RequestCost(
            priority=self._priority,
            points=1 if request.method == "GET" else 5,
            creates=creates,
            notifies=request.notifies,
        )
        try:
            for _ in range(_REDIRECTS):
                await self._budget.admit(cost, request.doing, wait_max_s=self._api.patience.wait_max_s)
                # httpx limits the time to each byte: an answer that drips would never end.
                async with asyncio.timeout(self._api.patience.answer_s):
                    response = await self._github.arequest(
                        request.method, url, json=request.json, params=params, headers=headers
                    )
                answer = response.raw_response
                self._budget.answered(cost, answer.headers)
                if not answer.has_redirect_location:
                    return answer
                # A repository that was renamed: the same request, at the place that holds its number.
                url, params = self._own(str(answer.request.url.join(answer.headers["Location"]))), None
        except GitHubException as error:
            raise self._failure(error, cost, request.doing) from None
        except TimeoutError:
            raise GitHubUnavailable(f"GitHub did not answer in time: to {request.doing}") from None
        finally:
            path_template.reset(here)
        raise GitHubUnavailable(f"GitHub sends us from one place to the next: to {request.doing}")

    def _failure(self, error: GitHubException, cost: RequestCost, doing: str) -> GitHubError:
        answer = answer_of(error)
        if answer is not None and is_limit(answer):
            return self._budget.refused(cost, answer.headers, doing)
        if answer is not None and answer.status_code != 401 and not answer.is_server_error:
            # Of these GitHub says what is left to nobody in particular.
            self._budget.answered(cost, answer.headers)
        return read_failure(error, doing)

    def _own(self, url: str) -> str:
        # A link that led elsewhere would carry the token there.
        here, there = httpx.URL(self._api.url), httpx.URL(url)
        if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
            raise GitHubUnavailable("GitHub's answer leads to another host; check PLANWARD_GITHUB_API_URL")
        return url


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    template: str
    url: str
    doing: str
    json: object = None
    query: Query | None = None
    repeatable: bool = True
    notifies: bool = False
    answers: Collection[int] = ()


def decode(content: bytes | msgspec.Raw, shape: type[Shape], doing: str) -> Shape:
    """Read the fields that are needed. A page of a proxy's is no answer of GitHub's."""
    try:
        return read_json(content, shape)
    except UnreadableJson:
        raise GitHubUnavailable(f"GitHub's answer cannot be read: to {doing}") from None
