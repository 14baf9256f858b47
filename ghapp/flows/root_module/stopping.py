"""Wait for a slot, and stop a root run if another flow ends its run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from ghapp.processes import Stop
from ghapp.processes.slots import Operation, Slot
from ghapp.services import Services, Watch
from ghapp.store import StoreUnavailable
from ghapp.values import RepositoryId, RunId

STOP_POLL_S = 0.5
"""How often a root run checks whether its run was ended."""


@contextlib.asynccontextmanager
async def watch_for_stop(services: Services, run_id: RunId) -> AsyncIterator[Stop]:
    """Return a `Stop` that is requested when another flow ends the run, or when the process has to end."""
    watch = services.watches.get(run_id)
    if watch is None:
        stop = Stop()
        watch = Watch(watching=asyncio.create_task(_watch(services, run_id, stop)), stop=stop)
        services.watches[run_id] = watch
    watch.shared_by += 1
    try:
        yield watch.stop
    finally:
        watch.shared_by -= 1
        if not watch.shared_by:
            del services.watches[run_id]
            watch.watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch.watching


async def _watch(services: Services, run_id: RunId, stop: Stop) -> None:
    while not services.stopping.is_set() and not await _is_ended(services, run_id):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(services.stopping.wait(), STOP_POLL_S)
    stop.requested.set()


async def _is_ended(services: Services, run_id: RunId) -> bool:
    try:
        return await services.store.runs.cancel_reason(run_id) is not None
    except StoreUnavailable:
        return False  # checked again in a moment


@contextlib.asynccontextmanager
async def take_slot(
    services: Services, repository_id: RepositoryId, operation: Operation, stop: Stop
) -> AsyncIterator[Slot]:
    """Wait for one of the worker's slots and keep it.

    A requested stop ends the wait without a slot, so the caller must check `stop` before it starts anything.
    """
    slot = services.slots.claim(repository_id, operation)
    try:
        await _unless_stopped(slot.take(), stop)
        yield slot
    finally:
        slot.give_back()


@contextlib.asynccontextmanager
async def lend_slot(slot: Slot, stop: Stop) -> AsyncIterator[None]:
    """Let others use the slot during this context, and wait for it again at the end."""
    slot.give_back()
    try:
        yield
    finally:
        await _unless_stopped(slot.take(first=True), stop)


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: Stop) -> None:
    waiting = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.requested.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        waiting.cancel()
        await asyncio.gather(waiting, stopping, return_exceptions=True)
