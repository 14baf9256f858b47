"""Create an object on GitHub once, even if the answer is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ghapp.github.errors import GitHubUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedResource(Generic[T]):
    """The created object. `unclear`: whether an earlier request, whose answer was lost, may still create a second
    one."""

    resource: T
    unclear: bool = False


async def create_once(
    create: Callable[[], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    *,
    look_first: bool,
    settle_s: float,
) -> CreatedResource[T]:
    """Create; if the outcome is unknown, wait `settle_s`, look for the object, and create it again if necessary.

    stamina's retries cannot do this, since the object has to be looked for between the two attempts. `look_first` is
    for resuming after an interruption. Raises GitHubUnavailable if the outcome of the second attempt is unknown, too.
    """
    if look_first and (found := await find()) is not None:
        return CreatedResource(resource=found)
    try:
        return CreatedResource(resource=await create(), unclear=look_first)
    except GitHubUnavailable as error:
        if not error.may_have_happened:
            raise
    # GitHub may answer 502 although it is still working on the request; then it does not list the object yet.
    await asyncio.sleep(settle_s)
    if (found := await find()) is not None:
        return CreatedResource(resource=found)
    return CreatedResource(resource=await create(), unclear=True)
