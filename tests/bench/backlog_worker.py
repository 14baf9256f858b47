"""A worker whose flow does nothing: python -m tests.bench.backlog_worker DATABASE_URL DATA_DIR"""

import asyncio
import signal
import sys
from pathlib import Path

from ghapp.durable import JobQueue, Worker
from ghapp.jobs import Job
from ghapp.sealing import Sealer
from ghapp.store import Store


async def work(database_url: str, data_dir: Path) -> None:
    """Work until SIGTERM."""
    stopping, stop = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def nothing(_: Job) -> None:
        pass

    job_queue, store = JobQueue(database_url), Store(database_url, Sealer(["k" * 32]))
    async with Worker(job_queue, store, data_dir, nothing, stopping).running():
        await stop.wait()
    store.close()
    job_queue.close()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
