"""The time for which a deferred job waits, and its key."""

from ghapp.jobs import Cleanup, PlanRun, Reconcile, ReconcileDeliveries, deferred_key
from ghapp.timings import Timings
from ghapp.values import RepositoryId, RunId


def test_a_deferred_job_waits_longer_each_time_and_at_most_ten_minutes() -> None:
    assert [Timings().retry_after_s(attempts) for attempts in (0, 1, 2, 4, 5, 10_000)] == [30, 60, 120, 480, 600, 600]


def test_a_periodic_job_waits_once_and_every_other_job_under_its_own_key() -> None:
    repository = RepositoryId(7)
    hours = [Reconcile(repository_id=repository, cause=cause) for cause in ("1", "2")]

    assert {deferred_key(each) for each in hours} == {"again:reconcile:7"}
    assert {deferred_key(ReconcileDeliveries(at=at)) for at in (1, 2)} == {"again:look_for_missed"}
    assert {deferred_key(Cleanup(at=at)) for at in (1, 2)} == {"again:tidy_up"}
    assert deferred_key(PlanRun(run_id=RunId("a"), repository_id=repository)) == "again:plan:a"
