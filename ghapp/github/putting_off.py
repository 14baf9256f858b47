"""What is cosmetic may have to come later: a value for whoever goes on without it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from ghapp.github.errors import GitHubUnavailable

Said = TypeVar("Said")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """It was not said: GitHub limits the rate, or its rest is kept for gates. It may be said in so many seconds."""

    in_s: float


async def or_put_off(said: Awaitable[Said]) -> Said | PutOff:
    """What was said, or when it may be. Raises GitHubUnavailable where GitHub does not answer."""
    try:
        return await said
    except GitHubUnavailable as error:
        if error.retry_after_s is None:
            raise
        return PutOff(in_s=error.retry_after_s)
