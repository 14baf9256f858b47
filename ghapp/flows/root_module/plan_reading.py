"""Read a plan and mask its secrets within a time limit.

This happens in a thread and not in another process, since secrets must not leave this one.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from checks.errors import PlanFormatError
from ghapp.errors import JobError

LONGEST_S = 300.0

P = ParamSpec("P")
T = TypeVar("T")


async def read_in_time(where: str, read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call `read` in a thread and return its result; `where` names the root module and the environment.

    Raises JobError if the plan cannot be understood, and if it takes too long: the thread then continues, but its
    result is ignored.
    """
    try:
        async with asyncio.timeout(LONGEST_S):
            return await asyncio.to_thread(read, *arguments, **options)
    except PlanFormatError as error:
        raise JobError(f"{where}: {error}") from None
    except TimeoutError:
        raise JobError(
            f"{where}: reading the plan and hiding its secrets took longer than {LONGEST_S:.0f} s, so Planward gave "
            "up: split the root module into smaller ones"
        ) from None
