"""The log of a root run: masked before it is stored, and written in small batches while Terraform runs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

from checks.sensitive import Mask
from ghapp.flows.root_module.masked_log import MaskedLog
from ghapp.log import log as logger
from ghapp.store import Store, StoreUnavailable
from ghapp.values import RunId

_FLUSH_S = 0.3
_MOST_CHARACTERS = 4_000_000
_LEFT_OUT = "… the rest of this log is left out: it is longer than 4 million characters"
LONGEST_S = 120.0
"""The most time that masking the lines of one root run's log may take in total."""
_TOOK_TOO_LONG = "… the rest of this log is left out: hiding the secrets in it took too long"


class RunLog(MaskedLog):
    """Keeps lines until they are written. After 4 million characters the log ends and says so.

    `catch_up` masks the waiting lines. It runs in a thread, since masking the output of somebody's code may take long,
    and would block the event loop.
    """

    def __init__(self, mask: Mask) -> None:
        super().__init__(mask, self._add)
        self._waiting: list[Callable[[], None]] = []
        self._pending: list[str] = []
        self._characters = 0
        self._given_up = False

    def __call__(self, line: str) -> None:
        """Add one line, unmasked."""
        if self._characters > _MOST_CHARACTERS or self._given_up:
            return
        self._characters += len(line) + 1
        self._waiting.append(partial(super().__call__, line))
        if self._characters > _MOST_CHARACTERS:
            self._waiting.append(partial(super().__call__, _LEFT_OUT))

    def catch_up(self) -> None:
        """Mask the lines added so far; after `give_up` it does nothing."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if self._given_up:
                return
            each()

    @property
    def has_caught_up(self) -> bool:
        """Whether no line waits to be masked."""
        return not self._waiting

    @property
    def given_up(self) -> bool:
        """Whether the rest was left out because masking took too long."""
        return self._given_up

    def give_up(self) -> None:
        """Leave out the rest and say so in the log. The result of a thread that is still masking is ignored."""
        self._given_up = True
        self._waiting, self._pending = [], [_TOOK_TOO_LONG]

    def take(self) -> list[str]:
        """Return the lines to write now."""
        pending, self._pending = self._pending, []
        return pending

    def give_back(self, lines: list[str]) -> None:
        """Put back lines that could not be written yet."""
        self._pending = [*lines, *self._pending]

    def _use(self, mask: Mask) -> None:
        self._waiting.append(partial(super()._use, mask))

    def _flush(self) -> None:
        self._waiting.append(super()._flush)

    def _add(self, text: str) -> None:
        if text and not self._given_up:
            self._pending.append(text.removesuffix("\n"))


@contextlib.asynccontextmanager
async def open_log(store: Store, run_id: RunId, part: str, mask: Mask) -> AsyncIterator[RunLog]:
    """Open a log that is written to the store as it grows, and completely at the end."""
    log = RunLog(mask)
    ended = asyncio.Event()
    left_s = LONGEST_S

    async def catch_up() -> None:
        nonlocal left_s
        began = time.monotonic()
        try:
            async with asyncio.timeout(left_s):
                await asyncio.to_thread(log.catch_up)
        except TimeoutError:
            log.give_up()
            logger.warning("log_masking_given_up", run=run_id, part=part)
        left_s = max(left_s - (time.monotonic() - began), 0.001)

    async def write() -> None:
        if not log.given_up and not log.has_caught_up:
            await catch_up()
        lines = log.take()
        try:
            if lines:
                await store.runs.write_log(run_id, part, lines)
        except StoreUnavailable:
            log.give_back(lines)

    async def keep_writing() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_S):
                    await ended.wait()
            await write()

    writing = asyncio.create_task(keep_writing())
    try:
        yield log
    finally:
        log.end()
        ended.set()
        await writing
        await write()
        if log.take():
            logger.warning("log_cut", run=run_id, part=part)
