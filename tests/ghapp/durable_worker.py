"""A worker whose flow is three steps that say when they begin and end: `python -m tests.ghapp.durable_worker …`

Arguments: the database's URL, a data directory, a file to write to, and how long a step takes. A step of the job whose
cause is "program" runs a program for that long; of the one whose cause is "remembers" it writes to the store. The job
whose cause is "fails" does so the first time, after its steps; the first step of "away" does not get what it needs, and
its flow says so and goes on. Patience is shorter than in production.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from ghapp import keeper, processes
from ghapp.durable import Acceptor, Worker, attempts_before, executors, park, step
from ghapp.errors import JobError, Unavailable
from ghapp.jobs import SettleBranch
from ghapp.private_directories import make_private
from ghapp.sealing import Sealer
from ghapp.store import Store, database

STEPS = 3


async def work(database_url: str, data_dir: Path, told: Path, step_s: float) -> None:
    stopping, stop = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def tell(words: str) -> None:
        descriptor = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{os.getpid()} {words}\n".encode())
        os.close(descriptor)

    async def one(job: SettleBranch, number: int) -> int:
        tell(f"{job.cause} {number} begin")
        if job.cause.startswith("program"):
            await processes.run(["sleep", str(step_s)], environ={"PATH": os.environ["PATH"]}, timeout_s=600)
        else:
            await asyncio.wait([asyncio.create_task(stopping.wait())], timeout=step_s)
        if stopping.is_set():
            await park()
        if job.cause == "away" and number == 0:
            raise Unavailable("nobody is there")
        if job.cause == "remembers":
            await store.handles.keep("done", str(number))
        tell(f"{job.cause} {number} end")
        return number

    async def flow(job: SettleBranch) -> None:
        for number in range(STEPS):
            try:
                assert await step(f"step {number}", int, one, job, number) == number
            except Unavailable as error:
                tell(f"{job.cause} {number} {error}")
        if job.cause == "fails" and attempts_before() == 0:
            raise JobError("it failed")

    acceptor = Acceptor(database_url)
    store = Store(database_url, Sealer(["k" * 32]))
    programs = make_private(data_dir / "programs")
    keeper.outlive_orphans(programs)
    with keeper.kept(programs):
        async with Worker(acceptor, store, data_dir, flow, stopping).running():
            tell("- - ready")
            await stop.wait()
    store.close()
    acceptor.close()


if __name__ == "__main__":
    database.SQLITE_PATIENCE_S = 1
    executors.BEAT_S, executors.OWN_SILENCE_S, executors.GONE_S = 0.4, 2.0, 6.0
    keeper.SILENCE_S, keeper.GRACE_S = 3.0, 2.0
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
