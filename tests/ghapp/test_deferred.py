"""The time for which a deferred job waits, and its key."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ghapp.flows.maintenance.cleanup import enqueue_cleanup
from ghapp.flows.maintenance.reconcile import enqueue_reconciliation
from ghapp.jobs import Cleanup, PlanRun, Reconcile, ReconcileDeliveries, deferred_key
from ghapp.sealing import Sealer
from ghapp.services import Services
from ghapp.store import Store
from ghapp.timings import Timings
from ghapp.values import RepositoryId, RunId
from tests.databases import new_sqlite


def test_a_deferred_job_waits_longer_each_time_and_at_most_ten_minutes() -> None:
    assert [Timings().retry_after_s(attempts) for attempts in (0, 1, 2, 4, 5, 10_000)] == [30, 60, 120, 480, 600, 600]


def test_a_periodic_job_is_deferred_at_most_once_and_every_other_job_under_its_own_key() -> None:
    repository = RepositoryId(7)
    hours = [Reconcile(repository_id=repository, cause=cause) for cause in ("1", "2")]

    assert {deferred_key(each) for each in hours} == {"again:reconcile:7"}
    assert {deferred_key(ReconcileDeliveries(at=at)) for at in (1, 2)} == {"again:look_for_missed"}
    assert {deferred_key(Cleanup(at=at)) for at in (1, 2)} == {"again:tidy_up"}
    assert deferred_key(PlanRun(run_id=RunId("a"), repository_id=repository)) == "again:plan:a"


@pytest.mark.parametrize("enqueue", [enqueue_cleanup, enqueue_reconciliation])
def test_a_periodic_job_that_is_wanted_at_once_never_has_the_key_of_one_that_has_run(
    tmp_path: Path, enqueue: Callable[[Services, float], Awaitable[None]]
) -> None:
    now = 100.0
    with closing(Store(new_sqlite(tmp_path), Sealer(["k" * 32]), clock=lambda: now)) as store:
        services = cast(Services, SimpleNamespace(store=store))
        run: list[int] = []
        for _ in range(4):
            asyncio.run(enqueue(services, 0))  # type: ignore[arg-type]
            now += asyncio.run(store.deferred.next_due_in_s()) or 0.0
            [(key, due_at, job)] = asyncio.run(store.deferred.due())
            run.append(job["at"])
            asyncio.run(store.deferred.remove(key, due_at))
            now += 0.1
    assert len(set(run)) == 4


def test_the_store_tells_when_the_next_job_is_due_and_that_a_job_was_deferred(tmp_path: Path) -> None:
    told: list[str] = []
    with closing(Store(new_sqlite(tmp_path), Sealer(["k" * 32]), clock=lambda: 100.0)) as store:
        deferred = store.deferred
        assert asyncio.run(deferred.next_due_in_s()) is None
        deferred.on_deferred = lambda: told.append("deferred")
        asyncio.run(deferred.defer("later", {}, in_s=9.0))
        asyncio.run(deferred.defer("sooner", {}, in_s=4.0))
        assert asyncio.run(deferred.next_due_in_s()) == 4.0
        assert asyncio.run(deferred.due()) == ()
        asyncio.run(deferred.make_due("later"))
        assert asyncio.run(deferred.next_due_in_s()) == 0.0
        assert [key for key, _, _ in asyncio.run(deferred.due())] == ["later"]
        asyncio.run(deferred.cancel("later"))
    assert told == ["deferred"] * 3
