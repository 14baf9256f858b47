"""Reading a plan, and hiding its secrets, in a thread, since they do not leave the process, within a time limit."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from checks.errors import PlanFormatError
from ghapp.errors import JobError

LONGEST_S = 300.0

P = ParamSpec("P")
T = TypeVar("T")


async def in_time(where: str, read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Give what `read` gives of a plan; `where` names the root module and the environment.

    Raises JobError where it cannot be understood, and where it takes too long: its thread then goes on, unheard.
    """
    try:
        async with asyncio.timeout(LONGEST_S):
            return await asyncio.to_thread(read, *arguments, **options)
    except PlanFormatError as error:
        raise JobError(f"{where}: {error}") from None
    except TimeoutError:
        raise JobError(
            f"{where}: reading the plan and hiding its secrets took longer than {LONGEST_S:.0f} s, so it was given up: "
            "plan less at once, by splitting the root module"
        ) from None
