"""Find the services that a worker needs and that do not answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ghapp.log import log

Check = Callable[[], Awaitable[object]]

_CHECK_S = 3.0
_KEPT_S = 2.0


class Dependencies:
    """Finds the services that this process needs and that do not answer. Checks on request, at most every two
    seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks: dict[str, Check] = {}
        self._clock = clock
        self._found: tuple[str, ...] = ()
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()

    def watch(self, message: str, check: Check) -> None:
        """Add a check; `message` is shown if it raises or takes too long."""
        self._checks[message] = check

    async def failing(self) -> tuple[str, ...]:
        """The messages of the failing checks."""
        async with self._asking:
            if self._asked_at is None or self._clock() - self._asked_at > _KEPT_S:
                answers = await asyncio.gather(*(_answers(check) for check in self._checks.values()))
                self._found = tuple(
                    message for message, is_there in zip(self._checks, answers, strict=True) if not is_there
                )
                self._asked_at = self._clock()
            return self._found


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_S):
            await check()
    except Exception as error:
        log.warning("dependency_away", kind=type(error).__name__)
        return False
    return True
