"""A busy organisation's hour in simulated time: the comments on applies come in time."""

from tests.ghapp.github.busy_hour import play


def test_in_an_hour_with_1200_plans_each_of_60_merges_has_its_comment_within_a_minute() -> None:
    hour = play()
    assert (len(hour.plans), len(hour.succeeded), len(hour.failed)) == (1200, 50, 10)
    assert max(hour.succeeded + hour.failed) < 60
    assert hour.refused == 0
