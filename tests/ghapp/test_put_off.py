"""How long a job waits that could not be done for now, and as what."""

from ghapp.flows.dispatch import wait_after
from ghapp.jobs import LookForMissed, PlanRun, Reconcile, TidyUp, put_off_as
from ghapp.values import RepositoryId, RunId


def test_it_waits_longer_each_time_and_never_longer_than_ten_minutes() -> None:
    assert [wait_after(attempts) for attempts in (0, 1, 2, 4, 5, 10_000)] == [30, 60, 120, 480, 600, 600]


def test_what_is_done_anew_every_so_often_is_owed_once_and_everything_else_by_its_key() -> None:
    repository = RepositoryId(7)
    hours = [Reconcile(repository_id=repository, cause=cause) for cause in ("1", "2")]

    assert {put_off_as(each) for each in hours} == {"again:reconcile:7"}
    assert {put_off_as(LookForMissed(at=at)) for at in (1, 2)} == {"again:look_for_missed"}
    assert {put_off_as(TidyUp(at=at)) for at in (1, 2)} == {"again:tidy_up"}
    assert put_off_as(PlanRun(run_id=RunId("a"), repository_id=repository)) == "again:plan:a"
