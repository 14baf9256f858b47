"""How long a job waits that could not be done for now."""

from ghapp.flows.stories import wait_after


def test_it_waits_longer_each_time_and_never_longer_than_ten_minutes() -> None:
    assert [wait_after(attempts) for attempts in (0, 1, 2, 4, 5, 10_000)] == [30, 60, 120, 480, 600, 600]
