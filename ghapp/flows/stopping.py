"""A root run's turn and its end: it waits for a place, and stops when its run is ended from elsewhere."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from ghapp.processes import Stop
from ghapp.services import Services
from ghapp.store import StoreUnavailable
from ghapp.values import RunId

STOP_POLL_S = 0.5
"""How long it may take until a run notices that it was ended."""


@contextlib.asynccontextmanager
async def watched(services: Services, run_id: RunId) -> AsyncIterator[Stop]:
    """Give a stop that is requested when the run is ended from elsewhere, or the process is to end."""
    stop = Stop()

    async def watch() -> None:
        while not services.stopping.is_set() and not await _is_ended(services, run_id):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(services.stopping.wait(), STOP_POLL_S)
        stop.requested.set()

    watching = asyncio.create_task(watch())
    try:
        yield stop
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _is_ended(services: Services, run_id: RunId) -> bool:
    try:
        return await services.store.runs.ended_by(run_id) is not None
    except StoreUnavailable:
        return False  # asked again in a moment


@contextlib.asynccontextmanager
async def place(services: Services, stop: Stop) -> AsyncIterator[None]:
    """Wait for one of the worker's places, or for the stop: what is not needed any more does not wait for its turn."""
    waiting = asyncio.ensure_future(services.places.acquire())
    stopping = asyncio.ensure_future(stop.requested.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        stopping.cancel()
        if not waiting.cancel():
            services.places.release()
        await asyncio.gather(waiting, stopping, return_exceptions=True)
