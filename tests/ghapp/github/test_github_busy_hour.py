"""A busy organisation's hour in simulated time: the comments on applies come in time."""

import pytest

from tests.ghapp.github.busy_hour import play


@pytest.mark.by_default("a fifth")
@pytest.mark.parametrize("hours", [pytest.param(0.2, id="a fifth"), pytest.param(1.0, id="the whole")])
def test_in_an_hour_with_1200_plans_each_of_60_merges_has_its_comment_within_a_minute(hours: float) -> None:
    hour = play(hours=hours)
    assert (len(hour.plans), len(hour.succeeded), len(hour.failed)) == (1200 * hours, 50 * hours, 10 * hours)
    assert max(hour.succeeded + hour.failed) < 60
    assert hour.refused == 0
