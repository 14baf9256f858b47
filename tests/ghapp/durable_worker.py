"""A worker whose flow has three steps that record when they begin and end; `run` is called in a separate process.

The worker's version is "old", "more steps" (with one more step in the middle) or "other results" (the steps return
words instead of numbers). The cause of a job decides what else its steps do:

program     a step runs a program
remembers   a step writes to the store
beside      the steps run side by side, and the first of them fails
fails       the first attempt of the job fails after its steps
away        the first step cannot reach a service; the flow records that and continues
full        the first step has no room on the disk; the flow records that and continues

The timings are shorter than in production.
"""

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ghapp.durable import JobQueue, Worker, attempts_before, park, side_by_side, step
from ghapp.errors import JobError, NoRoom, Unavailable
from ghapp.jobs import Reconcile, Replan, SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.processes import Programs
from ghapp.processes.keeper import keeping, wait_for_orphans
from ghapp.processes.private_directories import make_private
from ghapp.sealing import Sealer
from ghapp.store import Store, database
from ghapp.store.delivery_markers import DeliveriesReconciled
from ghapp.timings import Timings

STEPS = 3
NEW = 3
"""The number of the additional step in the version "more steps"."""


async def _work(
    database_url: str, data_dir: Path, record: Path, step_s: float, version: str, lasting: int | None, margin_s: float
) -> None:
    stopping, stop = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def note(words: str) -> None:
        descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{os.getpid()} {words}\n".encode())
        os.close(descriptor)

    kind: type[int] | type[str] = str if version == "other results" else int
    numbers = (0, NEW, 1, 2) if version == "more steps" else (0, 1, 2)

    async def one(job: SettleBranch, number: int) -> int | str:
        note(f"{_words(job)} {number} begin")
        if (_words(job), number) == ("beside", 0):
            raise ValueError
        if _words(job).startswith("program"):
            await programs.run(["sleep", str(step_s)], environ={"PATH": os.environ["PATH"]}, timeout_s=600)
        else:
            await asyncio.wait([asyncio.create_task(stopping.wait())], timeout=300 if number == lasting else step_s)
        if stopping.is_set():
            await park()
        if _words(job) == "away" and number == 0:
            raise Unavailable("nobody is there")
        if _words(job) == "full" and number == 0:
            raise NoRoom("there is no room")
        if _words(job) == "remembers":
            await store.markers.keep(DeliveriesReconciled(), number)
        note(f"{_words(job)} {number} end")
        return kind(number)

    async def flow(job: SettleBranch) -> None:
        if _words(job) == "beside":
            try:
                steps = [partial(step, f"step {number}", kind, one, job, number) for number in range(STEPS)]
                await side_by_side(steps, at_once=STEPS)
            finally:
                note("beside over end")
        for number in numbers:
            try:
                assert await step(f"step {number}", kind, one, job, number=number) == kind(number)
            except (Unavailable, NoRoom) as error:
                note(f"{_words(job)} {number} {error}")
        if _words(job) == "fails" and attempts_before() == 0:
            raise JobError("it failed")

    job_queue = JobQueue(database_url)
    store = Store(database_url, Sealer(["k" * 32]))
    directory = make_private(data_dir / "programs")
    wait_for_orphans(directory, patience_s=TIMINGS.keeper_grace_s + 15)
    timings = replace(TIMINGS, takeover_margin_s=margin_s)
    with keeping(directory, silence_s=timings.keeper_silence_s, grace_s=timings.keeper_grace_s) as keeper:
        programs = Programs(keeper=keeper)
        async with Worker(job_queue, store, data_dir, flow, stopping, keeper=keeper, timings=timings).running():
            note("- - ready")
            await stop.wait()
    store.close()
    job_queue.close()


TIMINGS = Timings(heartbeat_s=0.8, own_silence_s=5.0, keeper_silence_s=6.0, keeper_grace_s=2.0, takeover_margin_s=1.0)


def _words(job: SettleBranch | Replan | Reconcile) -> str:
    """The cause that a test gave to the job."""
    if isinstance(job, SettleBranch):
        assert isinstance(job.cause, Missed)
        return job.cause.tip
    return job.cause


def run_logging(log: Path, *arguments: Any) -> None:
    """Like `run`, with stdout and stderr in the file `log`."""
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    run(*arguments)


def run(
    database_url: str,
    data_dir: Path,
    record: Path,
    step_s: float,
    version: str,
    lasting: int | None,
    margin_s: float = TIMINGS.takeover_margin_s,
) -> None:
    """Work until SIGTERM. Each step takes `step_s` seconds; only the step with the number `lasting` takes much longer.

    `margin_s` delays the takeover of work from workers that say nothing. The file `record` gets a line for each event.
    """
    database.SQLITE_PATIENCE_S = 1
    asyncio.run(_work(database_url, data_dir, record, step_s, version, lasting, margin_s))
