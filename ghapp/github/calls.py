"""Make one call to GitHub's REST API: authenticate, retry, limit its time, and explain its failure."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import stamina
from githubkit import GitHub
from githubkit.cache import MemCacheStrategy
from githubkit.config import Config, get_config
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
    """The retries of one call. If GitHub asks for a wait longer than `wait_max_s`, the call fails instead."""

    attempts: int = 4
    total_s: float = 45.0
    wait_initial_s: float = 0.3
    wait_max_s: float = 8.0
    timeout_s: float = 15.0
    answer_s: float = 30.0
    """The time limit for a whole attempt; `timeout_s` is the limit until the next byte."""

    connect_timeout_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Api:
    """GitHub's API: its address and version, and what all calls to it share."""

    url: str
    version: str
    wire: Wire
    throttler: LocalThrottler
    patience: Patience
    cached: ResponseCache
    budgets: Budgets

    def calls(self, auth: Authentication, fields: Fields | None = None) -> "Calls":
        """Calls authenticated by `auth`; `fields` fill every path template (`owner`, `repo`)."""
        return Calls(GitHub(auth, config=self.config), auth, self, fields or {}, "gate")

    @cached_property
    def config(self) -> Config:
        """githubkit's configuration, which all of its clients share: building it is slow."""
        patience = self.patience
        return get_config(
            base_url=self.url,
            user_agent="planward",
            timeout=httpx.Timeout(patience.timeout_s, connect=patience.connect_timeout_s),
            # httpx can turn a redirected request into a GET, but GitHub expects the same request at the new address.
            follow_redirects=False,
            # `async_transport` already uses the proxy. With True, each client would build its own SSL context.
            trust_env=False,
            async_transport=self.wire,
            cache_strategy=MemCacheStrategy(),
            http_cache=False,
            throttler=self.throttler,
            # githubkit would repeat requests that create something, and wait for an hour if GitHub asks for it.
            auto_retry=False,
        )


class Calls:
    """Calls with one authentication. They raise GitHubError, and the errors of signing with the App's key."""

    def __init__(self, github: GitHub[Any], auth: Authentication, api: Api, fields: Fields, priority: Priority) -> None:
        self._github = github
        self._auth = auth
        self._api = api
        self._fields = fields
        self._priority = priority
        self._budget = api.budgets.of(auth.payer)

    def at(self, priority: Priority) -> "Calls":
        """The same calls with this priority; cosmetic calls stay cosmetic."""
        return self if priority == "gate" else self.cosmetic

    @property
    def cosmetic(self) -> "Calls":
        """The same calls, for requests on which no gate depends. They may not use the requests reserved for gates.

        If a call cannot be made now, it raises GitHubUnavailable with `retry_after_s` instead of waiting.
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
        """GET one document.

        `answers` lists the statuses (403, 404) that the caller can interpret. They are raised as GitHubRefused if
        GitHub still knows the repository. Every other 401, 403 or 404 is raised as GitHubUnavailable: it may be a
        mistake, since the App had access to this repository a moment ago. But if the token is a StaticToken, or if
        GitHub says that the repository is archived, every 401, 403 and 404 is raised as GitHubRefused.
        """
        url = self._url(template, at)
        value, _ = await self._repeat(_Request("GET", template, url, doing, query=query, answers=answers), shape)
        return value

    async def read_pages(
        self, template: str, shape: type[Shape], *, doing: str, query: Query | None = None, at: Fields | None = None
    ) -> AsyncIterator[Shape]:
        """GET one page after the other, following the `Link` header. Pages are requested only as they are read.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        """
        query = {"per_page": _PAGE, **(query or {})}
        request = _Request("GET", template, self._url(template, at), doing, query=query)
        while True:
            value, following = await self._repeat(request, shape)
            yield value
            if following is None:
                return
            request = _Request("GET", template, self._require_own_host(following), doing)

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
        """Send one request that changes something, and decode the answer.

        Decoding is also a check: a proxy may send an error page with a success status. Unless the request is
        `repeatable`, it is sent again only if GitHub certainly did not carry it out. `notifies`: whether GitHub
        notifies people of it; such requests are limited per hour. `answers` is as for `read`.
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

        def may_retry(error: Exception) -> bool | float:
            if not isinstance(error, GitHubUnavailable) or (error.may_have_happened and not request.repeatable):
                return False
            if error.retry_after_s is None:
                return True
            may_wait = self._priority == "gate" and error.retry_after_s <= patience.wait_max_s
            return error.retry_after_s if may_wait else False

        attempts = stamina.retry_context(
            on=may_retry,
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
        """Make a request, and repeat it once if GitHub may have refused it by mistake or because of an expired token.

        GitHub did not carry out a request that it refused, so even a creation may be sent again.
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
            if not may_be_mistaken(refusal) or (
                refusal.status in request.answers and await self._repository_exists(request)
            ):
                raise
            raise GitHubUnavailable(str(refusal), may_have_happened=False) from None

    async def _repository_exists(self, request: "_Request") -> bool:
        """Whether GitHub still knows the repository, although GitHub refused a request about something in it."""
        if "repo" not in self._fields or not request.template.startswith(_REPOSITORY):
            return True
        try:
            await self._once(_Request("GET", _REPOSITORY, self._url(_REPOSITORY, None), request.doing), msgspec.Raw)
        except GitHubRefused:
            return False
        return True

    async def _once(self, request: "_Request", shape: type[Shape]) -> tuple[Shape, str | None]:
        """The decoded value, and the address of the next page."""
        if request.method != "GET":
            answer = await self._send_once(request, None)
            # 204 has no body.
            return decode(answer.content or b"null", shape, request.doing), None
        address = str(httpx.URL(request.url, params=request.query))
        cached = self._api.cached.find(await self._auth.token(), address, shape)
        answer = await self._send_once(request, None if cached is None else cached.tag)
        if answer.status_code == 304 and cached is not None:
            return decode(cached.content, shape, request.doing), cached.following
        value = decode(answer.content, shape, request.doing)
        following = answer.links.get("next", {}).get("url")
        tag = answer.headers.get("ETag")
        if tag is not None:
            credential = answer.request.headers["Authorization"].removeprefix("Bearer ")
            cacheable = CachedResponse(tag=tag, content=msgspec.json.encode(value), following=following)
            self._api.cached.keep(credential, address, shape, cacheable)
        return value, following

    async def _send_once(self, request: "_Request", tag: str | None) -> httpx.Response:
        """Send a request once, following redirects. `tag` is the ETag of the cached answer."""
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
                # httpx limits only the time between two bytes, so a very slow answer could go on forever.
                async with asyncio.timeout(self._api.patience.answer_s):
                    response = await self._github.arequest(
                        request.method, url, json=request.json, params=params, headers=headers
                    )
                answer = response.raw_response
                self._budget.answered(cost, answer.headers)
                if not answer.has_redirect_location:
                    return answer
                # The repository was renamed: send the same request to the address with its id.
                url, params = self._require_own_host(str(answer.request.url.join(answer.headers["Location"]))), None
        except GitHubException as error:
            raise self._failure(error, cost, request.doing) from None
        except TimeoutError:
            raise GitHubUnavailable(f"GitHub did not answer in time when Planward tried to {request.doing}") from None
        finally:
            path_template.reset(here)
        raise GitHubUnavailable(f"GitHub redirected Planward too often when it tried to {request.doing}")

    def _failure(self, error: GitHubException, cost: RequestCost, doing: str) -> GitHubError:
        answer = answer_of(error)
        if answer is not None and is_limit(answer):
            return self._budget.refused(cost, answer.headers, doing)
        if answer is not None and answer.status_code != 401 and not answer.is_server_error:
            # With 401 and 5xx, GitHub does not say how many requests are left.
            self._budget.answered(cost, answer.headers)
        return read_failure(error, doing)

    def _require_own_host(self, url: str) -> str:
        # A link to another host would send the token there.
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
    """Read the needed fields of an answer. Raises GitHubUnavailable if it is a proxy's page instead."""
    try:
        return read_json(content, shape)
    except UnreadableJson:
        raise GitHubUnavailable(f"GitHub's answer could not be read when Planward tried to {doing}") from None
