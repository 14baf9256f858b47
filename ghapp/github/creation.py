"""Making something on GitHub once, although the answer may get lost on the way."""

import asyncio
from collections.abc import Awaitable, Callable

from ghapp.github.errors import GitHubUnavailable


async def create_once(
    create: Callable[[], Awaitable[int]],
    find: Callable[[], Awaitable[int | None]],
    *,
    look_first: bool,
    settle_s: float,
) -> int:
    """Create, and where it is not known whether that worked, wait `settle_s`, look for it, and create again if need be.

    `look_first` is for whoever resumes after an interruption. Raises GitHubUnavailable where the second try is as
    unclear as the first.
    """
    if look_first and (found := await find()) is not None:
        return found
    try:
        return await create()
    except GitHubUnavailable as error:
        if not error.may_have_happened:
            raise
    # GitHub answers 502 while it still works on the request: asked at once, it would not know of it yet.
    await asyncio.sleep(settle_s)
    if (found := await find()) is not None:
        return found
    return await create()
