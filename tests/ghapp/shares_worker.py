"""A worker whose flows record that they have begun, and end once a file exists.

`run` is called in a separate process.
"""

import asyncio
import os
import signal
from pathlib import Path

from ghapp.durable import JobQueue, Worker
from ghapp.jobs import Job
from ghapp.sealing import Sealer
from ghapp.store import Store


async def work(database_url: str, data_dir: Path, record: Path, over: Path) -> None:
    stopping, stop = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def note(words: str) -> None:
        descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{words}\n".encode())
        os.close(descriptor)

    async def flow(job: Job) -> None:
        note(job.key)
        while not over.exists() and not stopping.is_set():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)

    job_queue = JobQueue(database_url)
    store = Store(database_url, Sealer(["k" * 32]))
    async with Worker(job_queue, store, data_dir, flow, stopping).running():
        note("ready")
        await stop.wait()
    store.close()
    job_queue.close()


def run(database_url: str, data_dir: Path, record: Path, over: Path) -> None:
    """Work until SIGTERM. `record` gets the keys of begun jobs, and the file `over` ends the flows."""
    asyncio.run(work(database_url, data_dir, record, over))
