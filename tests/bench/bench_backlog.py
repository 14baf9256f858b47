"""The time to drain a backlog of empty jobs, by 1, 2 and 4 workers on PostgreSQL and by one worker on SQLite.

python -m tests.bench.bench_backlog [--jobs 5000] [--workers 1,2,4]
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from ghapp import events
from ghapp.durable import JobQueue
from ghapp.jobs import EventJob
from ghapp.values import BranchName, CommitSha, InstallationId, RepositoryId
from tests.bench.rows import Row, render
from tests.postgres import running_postgres

_REPOSITORIES = 50
_AT_ONCE = 100
_LOOK_S = 0.5
_PATIENCE_S = 900.0


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--workers", default="1,2,4", help="on PostgreSQL")
    chosen = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory(prefix="planward-bench-") as directory:
        top = Path(directory)
        with running_postgres(top / "postgres") as postgres:
            for workers in map(int, chosen.workers.split(",")):
                rows.append(_drained(postgres.database(), top / f"postgres{workers}", chosen.jobs, workers))
        (top / "sqlite").mkdir()
        rows.append(_drained(f"sqlite:///{top / 'sqlite' / 'planward.db'}", top / "sqlite", chosen.jobs, 1))
    return rows


def _drained(url: str, directory: Path, jobs: int, workers: int) -> Row:
    with closing(JobQueue(url)) as job_queue:
        begun = time.perf_counter()
        asyncio.run(_enqueue(job_queue, jobs))
        accepted_s = time.perf_counter() - begun
        with _unfinished(job_queue.url) as unfinished, _working(url, directory, workers):
            end = time.monotonic() + _PATIENCE_S
            before = jobs
            while before == jobs and time.monotonic() < end:
                # The time runs from the first finished job, so the start of the processes does not count.
                time.sleep(0.02)
                before = unfinished()
            begun = time.perf_counter()
            while (left := unfinished()) and time.monotonic() < end:
                time.sleep(_LOOK_S)
            seconds = time.perf_counter() - begun
    database = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    return Row(
        what=f"{jobs} jobs that do nothing, {workers} worker{'s' if workers > 1 else ''} on {database}",
        figure=f"{(before - left) / seconds:.0f} a second",
        baseline=f"{jobs / accepted_s:.0f} a second accepted",
        aim="none lost",
        reached=left == 0,
    )


async def _enqueue(job_queue: JobQueue, jobs: int) -> None:
    for start in range(0, jobs, _AT_ONCE):
        await asyncio.gather(*(job_queue.enqueue(_job(number)) for number in range(start, min(start + _AT_ONCE, jobs))))


def _job(number: int) -> EventJob:
    """The job of a delivered push. The jobs belong to many repositories, since each has only a share of the queue."""
    repository = 1 + number % _REPOSITORIES
    event = events.BranchPushed(
        installation_id=InstallationId(1),
        repository=events.Repository(
            id=RepositoryId(repository),
            full_name=f"acme/shop{repository}",
            clone_url=f"https://github.com/acme/shop{repository}.git",
            default_branch=BranchName("main"),
        ),
        branch=BranchName("main"),
        before=CommitSha("0" * 40),
        after=CommitSha(f"{number:040x}"),
        created=False,
        deleted=False,
        forced=False,
        pusher=events.Person(login="ada", id=1),
    )
    return EventJob(key=f"{repository}:apply:main:{number}", event=event)


@contextmanager
def _working(url: str, directory: Path, workers: int) -> Iterator[None]:
    running = []
    for number in range(workers):
        place = directory / f"worker{number}" if workers > 1 else directory
        place.mkdir(parents=True, exist_ok=True)
        running.append(subprocess.Popen([sys.executable, "-m", "tests.bench.backlog_worker", url, str(place)]))
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=90)


class _Unfinished:
    """Counts the unfinished jobs in the database, since listing them would compete with the workers."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        schema = "" if url.startswith("sqlite") else "dbos."
        self._query = text(f"SELECT count(*) FROM {schema}workflow_status WHERE status IN ('ENQUEUED', 'PENDING')")

    def __call__(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(self._query).scalar_one())

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def _unfinished(url: str) -> Iterator[_Unfinished]:
    with closing(_Unfinished(url)) as counting:
        yield counting


if __name__ == "__main__":
    print(render(main()))
