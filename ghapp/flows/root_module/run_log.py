"""The log of a root run: masked before it is kept, written in small batches while Terraform runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from checks.sensitive import Mask
from ghapp.flows.root_module.masked_log import MaskedLog
from ghapp.log import log as logger
from ghapp.store import Store, StoreUnavailable
from ghapp.values import RunId

_FLUSH_S = 0.3
_MOST_CHARACTERS = 4_000_000


class RunLog(MaskedLog):
    """Keeps masked lines until they are written. Past 4 million characters a root run's log ends, and says so."""

    def __init__(self, mask: Mask) -> None:
        super().__init__(mask, self._add)
        self._pending: list[str] = []
        self._characters = 0

    def take(self) -> list[str]:
        """What is to be written now."""
        pending, self._pending = self._pending, []
        return pending

    def give_back(self, lines: list[str]) -> None:
        """What could not be written yet."""
        self._pending = [*lines, *self._pending]

    def _add(self, text: str) -> None:
        if not text or self._characters > _MOST_CHARACTERS:
            return
        self._characters += len(text)
        self._pending.append(text.removesuffix("\n"))
        if self._characters > _MOST_CHARACTERS:
            self._pending.append("… the rest of this log is left out: it is longer than 4 million characters")


@contextlib.asynccontextmanager
async def open_log(store: Store, run_id: RunId, part: str, mask: Mask) -> AsyncIterator[RunLog]:
    """Give a log that is written to the store as it grows, and to its end whatever happens."""
    log = RunLog(mask)

    async def write() -> None:
        lines = log.take()
        try:
            if lines:
                await store.runs.write_log(run_id, part, lines)
        except StoreUnavailable:
            log.give_back(lines)

    async def keep_writing() -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            await write()

    writing = asyncio.create_task(keep_writing())
    try:
        yield log
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        log.end()
        await write()
        if log.take():
            logger.warning("log_cut", run=run_id, part=part)
