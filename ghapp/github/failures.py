"""Decide what a failed call means: it has to be tried again later, or GitHub refused it for good."""

import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
import msgspec
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed
from msgspec import Struct

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.github.errors import (
    SUSPENDED,
    GitHubError,
    GitHubRefused,
    GitHubUnavailable,
    InstallationSuspended,
    shorten,
)

Answer = TypeVar("Answer")

_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_REMEDIES: Final = {
    "Resource not accessible by integration": "accept the App's newest permissions in its installation's settings",
    "permissions requested are not granted": "accept the App's newest permissions in its installation's settings",
    "API version": "upgrade this GitHub Enterprise Server to a release that supports this API version",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A request that was not carried out, because of a rate limit or because the requests that are left are for gates.

    Try again in `in_s` seconds.
    """

    in_s: float


async def or_deferred(request: Awaitable[Answer]) -> Answer | Deferred:
    """Return the answer of a cosmetic request, or `Deferred`. The caller can continue without the answer.

    Raises GitHubUnavailable if GitHub does not answer.
    """
    try:
        return await request
    except GitHubUnavailable as error:
        if error.retry_after_s is None:
            raise
        return Deferred(in_s=error.retry_after_s)


def answer_of(error: GitHubException) -> httpx.Response | None:
    """GitHub's answer, if there was one."""
    return error.response.raw_response if isinstance(error, RequestFailed | RateLimitExceeded) else None


def is_limit(answer: httpx.Response) -> bool:
    """Whether GitHub refuses only because of the rate of requests."""
    if answer.status_code != 403:
        return answer.status_code == 429
    spent = answer.headers.get("X-RateLimit-Remaining") == "0"
    return spent or "Retry-After" in answer.headers or "rate limit" in read_words(answer.content).lower()


def may_be_mistaken(refusal: GitHubRefused) -> bool:
    """Whether GitHub may have refused by mistake or because of an expired token, so that another try makes sense."""
    return refusal.status in (401, 403, 404) and "archived" not in refusal.words


def read_failure(error: GitHubException, doing: str) -> GitHubError:
    """Turn githubkit's exception into Planward's; `doing` completes the words "Planward tried to".

    Raises the cause itself if it is a bug in Planward.
    """
    answer = answer_of(error)
    if answer is not None:
        return _read_answer(answer.status_code, answer.content, doing)
    cause = error.exc if isinstance(error, RequestError) else error
    if isinstance(cause, GitHubError):
        return cause
    if isinstance(cause, httpx.TimeoutException):
        return GitHubUnavailable(
            f"GitHub did not answer in time when Planward tried to {doing}",
            may_have_happened=not isinstance(cause, _NEVER_SENT),
        )
    if isinstance(cause, httpx.HTTPError):
        return GitHubUnavailable(
            f"GitHub could not be reached when Planward tried to {doing}",
            may_have_happened=not isinstance(cause, _NEVER_SENT),
        )
    raise cause


def _read_answer(status: int, content: bytes, doing: str) -> GitHubError:
    words = read_words(content)
    if status >= 500:
        return GitHubUnavailable(f"GitHub answered {status} when Planward tried to {doing}")
    if status == 403 and "suspended" in words.lower():
        return InstallationSuspended(SUSPENDED)
    if status == 401:
        return GitHubRefused(
            f"GitHub did not accept the App's credentials when Planward tried to {doing}: check PLANWARD_GITHUB_APP_ID "
            "and PLANWARD_GITHUB_PRIVATE_KEY, and this machine's clock",
            status=status,
            words=words,
        )
    way_out = next((f"; {way}" for sign, way in _REMEDIES.items() if sign in words), "")
    said = f": {words}" if words else ""
    return GitHubRefused(
        f"GitHub refused ({status}) when Planward tried to {doing}{said}{way_out}", status=status, words=words
    )


class _Detail(Struct):
    message: str = ""
    field: str = ""
    code: str = ""


class _Answer(Struct):
    message: str = ""
    errors: msgspec.Raw = msgspec.Raw()


def read_words(content: bytes) -> str:
    """GitHub's `message` and the entries of `errors`, on one line; empty if they cannot be read."""
    try:
        answer = read_json(content, _Answer)
    except UnreadableJson:
        return ""
    details: list[_Detail | str] = []
    with contextlib.suppress(UnreadableJson):
        details = read_json(answer.errors, list[_Detail | str])
    texts = [each if isinstance(each, str) else each.message or f"{each.field} {each.code}".strip() for each in details]
    return shorten("; ".join(part for part in (answer.message, *texts) if part))
