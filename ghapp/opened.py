"""Open the database, the job queue and the encryption keys, for `serve` and for the worker."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ghapp.durable import JobQueue
from ghapp.processes.private_directories import make_private
from ghapp.sealing import Sealer, load_or_make_key
from ghapp.settings import Settings
from ghapp.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The store, the job queue, and the sealer, which encrypts stored data."""

    store: Store
    job_queue: JobQueue
    sealer: Sealer


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    """Open everything, and bring the database's schema up to date. Raises SettingsError and StoreUnavailable."""
    make_private(settings.data_dir)
    sealer = Sealer(encryption_keys(settings))
    store = Store(settings.database_url, sealer, objects_url=settings.object_store_url)
    try:
        await store.identity.require_same(settings.data_dir, new_key=settings.new_key)
        job_queue = JobQueue(settings.database_url)
    except BaseException:
        store.close()
        raise
    try:
        async with store.identity.counting(settings.data_dir):
            yield Opened(store=store, job_queue=job_queue, sealer=sealer)
    finally:
        store.close()
        job_queue.close()


def encryption_keys(settings: Settings) -> tuple[str, ...]:
    """The operator's keys, or else the key that was created in the data directory."""
    return settings.encryption_keys or (load_or_make_key(settings.data_dir),)
