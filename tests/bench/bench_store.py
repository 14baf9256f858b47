"""Queries of the flows on a store with many runs, each compared with an earlier implementation.

python -m tests.bench.bench_store [--runs 50000] [--repeat 20] [--postgresql]

The earlier implementations read all runs of a repository, an environment or a pull request, and chose in Python. They
exist only here, use the same database, and run in turn with the queries of the store.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, desc, select

from ghapp.sealing import Sealer
from ghapp.store import Run, Store, Verdict
from ghapp.store.run_queries import RUN_COLUMNS, read_run
from ghapp.store.tables import lasts, pushes, runs, verdicts
from tests.bench.rows import Row, render
from tests.postgres import running_postgres
from tests.stored_runs import BRANCH, PLAN, REPOSITORY, STAGING, fill, head, sha, tree

_SEALER = Sealer(("k" * 32,))
_AT_A_TIME = 5
"""The number of times that one implementation runs before it is the other one's turn.

An implementation that reads everything leaves cold caches. In a turn, they slow only the first run down.
"""
_ATTEMPTS = 200
"""The number of plans of a pull request that stays open while its base moves."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query in its present and its earlier implementation; both have to give the same result."""

    what: str
    now: Callable[[], Awaitable[Any]]
    before: Callable[[], Awaitable[Any]]


class Before:
    """The earlier implementations."""

    def __init__(self, store: Store) -> None:
        self._db = store._database

    async def _runs(self, *conditions: ColumnElement[bool]) -> tuple[Run, ...]:
        query = select(*RUN_COLUMNS).where(*conditions).order_by(runs.c.created_at, runs.c.id)
        return tuple(read_run(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def explained_by(self, number: int) -> tuple[Run, ...]:
        found = await self._runs(runs.c.repository_id == REPOSITORY, runs.c.operation == "apply")
        return tuple(run for run in found if number in run.apply.explains)

    async def unfinished_applies(self) -> tuple[Run, ...]:
        c = runs.c
        found = await self._runs(c.repository_id == REPOSITORY, c.environment == STAGING, c.operation == "apply")
        return tuple(run for run in found if run.status != "completed")

    async def newest_apply(self) -> Run | None:
        c = runs.c
        found = await self._runs(c.repository_id == REPOSITORY, c.environment == STAGING, c.operation == "apply")
        return [run for run in found if run.conclusion != "cancelled"][-1]

    async def of_pull_request(self, number: int) -> tuple[Run, ...]:
        c = runs.c
        return await self._runs(c.repository_id == REPOSITORY, c.pull_request == number, c.operation == "plan")

    async def unfinished(self) -> tuple[Run, ...]:
        return await self._runs(runs.c.status != "completed")

    async def find_by_check_run(self, check_run_id: int) -> Run | None:
        return (await self._runs(runs.c.repository_id == REPOSITORY, runs.c.check_run_id == check_run_id))[0]

    async def of_head(self, number: int) -> tuple[Run, ...]:
        c = runs.c
        return await self._runs(c.repository_id == REPOSITORY, c.head_sha == head(number), c.check_run_name == PLAN)

    async def history(self) -> Sequence[Any]:
        c = lasts.c
        query = select(c.sha, c.tree, c.applied).where(c.repository_id == REPOSITORY, c.environment == STAGING)
        return await self._db.read(lambda connection: connection.execute(query.order_by(desc(c.id))).all())

    async def last_of_branch(self) -> str:
        c = lasts.c
        query = select(c.sha).where(c.repository_id == REPOSITORY, c.branch == BRANCH, c.environment != "testing")
        row = await self._db.read(lambda connection: connection.execute(query.order_by(desc(c.id)).limit(1)).first())
        assert row is not None
        return str(row.sha)

    async def pushers(self, commits: Sequence[str]) -> dict[str, str]:
        c = pushes.c
        query = select(c.after, c.pusher).where(c.repository_id == REPOSITORY, c.branch == BRANCH).order_by(c.id)
        rows = await self._db.read(lambda connection: connection.execute(query).all())
        return {after: pusher for after, pusher in rows if after in commits}

    async def verdicts(self, number: int, of_head: str) -> Sequence[Any]:
        c = verdicts.c
        query = select(c.conclusion).where(
            c.repository_id == REPOSITORY, c.pull_request == number, c.head_sha == of_head
        )
        return await self._db.read(lambda connection: connection.execute(query.order_by(desc(c.id))).all())


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="planward-bench-") as directory, ExitStack() as stack:
        top = Path(directory)
        url = f"sqlite:///{top / 'planward.db'}"
        if chosen.postgresql:
            url = stack.enter_context(running_postgres(top / "postgres")).database()
        store = stack.enter_context(closing(Store(url, _SEALER)))
        with store._database.engine.begin() as connection:
            fill(connection, chosen.runs, attempts=_ATTEMPTS)
        return asyncio.run(_measured(_questions(store, chosen.runs), chosen.repeat))


def _questions(store: Store, number: int) -> list[Question]:
    before, now = Before(store), store.runs
    middle = number // _ATTEMPTS // 2
    commits = tuple(sha(each) for each in range(0, 100, 5))

    async def one(found: Awaitable[tuple[Run, ...]]) -> Run:
        return (await found)[-1]

    async def unfinished(found: Awaitable[tuple[Run, ...]]) -> tuple[Run, ...]:
        return tuple(run for run in await found if run.status != "completed")

    async def trees(found: Awaitable[Sequence[Any]]) -> list[str]:
        return [each.sha for each in await found if each.tree == tree(5)]

    async def conclusion(found: Awaitable[Any]) -> str:
        given = await found
        return str((given[0] if isinstance(given, Sequence) else given).conclusion)

    async def the_sha(found: Awaitable[Any]) -> str:
        return str((await found).sha)

    check_run = number // 2
    newest = partial(_newest_verdict, store)
    return [
        Question(
            "applies that a pull request has part in",
            lambda: now.explained_by(REPOSITORY, middle),
            lambda: before.explained_by(middle),
        ),
        Question(
            "is the environment being applied",
            lambda: now.unfinished_applies(REPOSITORY, STAGING),
            before.unfinished_applies,
        ),
        Question(
            "the newest apply of an environment", lambda: now.newest_apply(REPOSITORY, STAGING), before.newest_apply
        ),
        Question(
            "the newest plan of a pull request",
            lambda: now.newest_plan(REPOSITORY, middle),
            lambda: one(before.of_pull_request(middle)),
        ),
        Question(
            "unfinished plans of a pull request",
            lambda: now.unfinished_plans(REPOSITORY, middle),
            lambda: unfinished(before.of_pull_request(middle)),
        ),
        Question(
            "the newest run of a head",
            lambda: now.newest_of_head(REPOSITORY, head(middle), PLAN),
            lambda: one(before.of_head(middle)),
        ),
        Question("all unfinished runs", now.unfinished, before.unfinished),
        Question(
            "the run of a check run",
            lambda: now.find_by_check_run(REPOSITORY, check_run),
            lambda: before.find_by_check_run(check_run),
        ),
        Question(
            "was this tree applied",
            lambda: trees(store.branches.with_tree(REPOSITORY, STAGING, tree(5))),
            lambda: trees(before.history()),
        ),
        Question(
            "LAST of a branch",
            lambda: the_sha(store.branches.last_of_branch(REPOSITORY, BRANCH)),
            before.last_of_branch,
        ),
        Question(
            "who pushed these commits",
            lambda: store.branches.pushers(REPOSITORY, BRANCH, commits),
            lambda: before.pushers(commits),
        ),
        Question(
            "the newest verdict on a head",
            lambda: conclusion(newest(middle)),
            lambda: conclusion(before.verdicts(middle, head(middle))),
        ),
    ]


def _newest_verdict(store: Store, number: int) -> Awaitable[Verdict | None]:
    return store.pull_requests.newest_verdict(REPOSITORY, number, base_branch=BRANCH, head_sha=head(number))


async def _measured(questions: Sequence[Question], repeat: int) -> list[Row]:
    rows = []
    for question in questions:
        assert await question.now() == await question.before(), question.what
        ours, theirs = list[float](), list[float]()
        for _ in range(repeat // _AT_A_TIME):
            ours += [await _seconds(question.now) for _ in range(_AT_A_TIME)]
            theirs += [await _seconds(question.before) for _ in range(_AT_A_TIME)]
        now_s, before_s = statistics.median(ours), statistics.median(theirs)
        rows.append(
            Row(
                what=question.what,
                figure=f"{now_s * 1000:.2f} ms",
                baseline=f"{before_s * 1000:.2f} ms before",
                ratio=now_s / before_s,
            )
        )
    return rows


async def _seconds(ask: Callable[[], Awaitable[Any]]) -> float:
    gc.collect()
    begun = time.perf_counter()
    await ask()
    return time.perf_counter() - begun


if __name__ == "__main__":
    print(render(main()))
