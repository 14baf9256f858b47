"""Making something on GitHub once, although the answer may get lost on the way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ghapp.github.errors import GitHubUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedResource(Generic[T]):
    """What was made. `unclear`: an earlier request may still make it a second time, later than anybody waits for."""

    resource: T
    unclear: bool = False


async def create_once(
    create: Callable[[], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    *,
    look_first: bool,
    settle_s: float,
) -> CreatedResource[T]:
    """Create, and where it is not known whether that worked, wait `settle_s`, look for it, and create again if need be.

    No retry of stamina's: between the two tries it looks. `look_first` is for whoever resumes after an interruption.
    Raises GitHubUnavailable where the second try is as unclear as the first.
    """
    if look_first and (found := await find()) is not None:
        return CreatedResource(resource=found)
    try:
        return CreatedResource(resource=await create(), unclear=look_first)
    except GitHubUnavailable as error:
        if not error.may_have_happened:
            raise
    # GitHub answers 502 while it still works on the request: asked at once, it would not know of it yet.
    await asyncio.sleep(settle_s)
    if (found := await find()) is not None:
        return CreatedResource(resource=found)
    return CreatedResource(resource=await create(), unclear=True)
