"""The requests that GitHub allows now, decided from values."""

from dataclasses import replace

import pytest

from ghapp.github.budget import (
    Defer,
    Go,
    Pace,
    RequestCost,
    Spending,
    Window,
    decide,
    record_answer,
    record_refusal,
    record_sent,
    remaining_share,
)

NOW = 1_800_000_000.0
QUESTION = RequestCost(priority="gate", points=1, creates=False)
CONCLUSION = RequestCost(priority="gate", points=5, creates=False)
CHECK_RUN = RequestCost(priority="gate", points=5, creates=True)
LOOK = RequestCost(priority="cosmetic", points=1, creates=False)
PROGRESS = RequestCost(priority="cosmetic", points=5, creates=False)
REACTION = RequestCost(priority="cosmetic", points=5, creates=True)
COMMENT = RequestCost(priority="cosmetic", points=5, creates=True, notifies=True)
URGENT_COMMENT = RequestCost(priority="gate", points=5, creates=True, notifies=True)
PACE = Pace()


def hour(remaining: int, *, limit: int = 5000, reset_in_s: float = 600) -> Spending:
    return Spending(window=Window(limit=limit, remaining=remaining, reset_at=NOW + reset_in_s))


def rate_limit(remaining: int, *, limit: int = 5000, reset_at: float = NOW + 600, **more: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(reset_at)),
        **more,
    }


def used(*costs: tuple[float, RequestCost]) -> Spending:
    """An hour with many requests left, in which these requests were sent this many seconds ago."""
    return replace(hour(5000), sent=tuple((NOW - ago_s, each) for ago_s, each in costs))


# The hour


@pytest.mark.parametrize(
    ("spending", "gate", "cosmetic"),
    [
        (Spending(), Go(0), Go(0)),
        (hour(5000), Go(0), Go(0)),
        (hour(501), Go(0), Go(0)),
        (hour(500), Go(0), Defer(600, "reserved")),
        (hour(1), Go(0), Defer(600, "reserved")),
        (hour(0), Defer(600, "spent"), Defer(600, "spent")),
        (hour(0, reset_in_s=0), Go(0), Go(0)),
        (hour(0, reset_in_s=-1), Go(0), Go(0)),
        (hour(6, limit=60), Go(0), Defer(600, "reserved")),
        (Spending(closed_until=NOW + 30), Defer(30, "limited"), Defer(30, "limited")),
        (Spending(closed_until=NOW), Go(0), Go(0)),
    ],
)
def test_gates_use_the_last_request_and_cosmetic_calls_leave_a_reserve(
    spending: Spending, gate: Go | Defer, cosmetic: Go | Defer
) -> None:
    for cost in (QUESTION, CONCLUSION, CHECK_RUN):
        assert decide(spending, cost, NOW, PACE) == gate
    for cost in (LOOK, PROGRESS, COMMENT):
        assert decide(spending, cost, NOW, PACE) == cosmetic


@pytest.mark.parametrize(
    ("known", "headers", "window"),
    [
        (None, rate_limit(4999), Window(limit=5000, remaining=4999, reset_at=NOW + 600)),
        (None, {}, None),
        (hour(10).window, {}, hour(10).window),
        (hour(10).window, rate_limit(9), hour(9).window),
        # Answers may arrive in another order, so within an hour the lower number of remaining requests counts.
        (hour(10).window, rate_limit(11), hour(10).window),
        # A new hour has begun, and an answer of the hour before arrives late.
        (hour(0, reset_in_s=0).window, rate_limit(4999, reset_at=NOW + 3600), hour(4999, reset_in_s=3600).window),
        (hour(4999).window, rate_limit(3, reset_at=NOW - 1), hour(4999).window),
        (
            hour(10).window,
            rate_limit(12_000, limit=12_500, reset_at=NOW + 60),
            hour(12_000, limit=12_500, reset_in_s=60).window,
        ),
        # Headers about another resource than "core", and headers that a proxy has garbled, are ignored.
        (hour(10).window, {**rate_limit(0), "X-RateLimit-Resource": "search"}, hour(10).window),
        (hour(10).window, {**rate_limit(0), "X-RateLimit-Reset": "soon"}, hour(10).window),
        (hour(10).window, {**rate_limit(0), "X-RateLimit-Remaining": "-1"}, hour(10).window),
    ],
)
def test_the_newest_answer_says_how_many_requests_of_the_hour_remain(
    known: Window | None, headers: dict[str, str], window: Window | None
) -> None:
    assert record_answer(Spending(window=known), QUESTION, headers, NOW).window == window


def test_the_share_that_is_left_is_whole_again_when_the_hour_is_over() -> None:
    assert remaining_share(Spending(), NOW) == 1.0
    assert remaining_share(hour(500), NOW) == 0.1
    assert remaining_share(hour(0), NOW + 600) == 1.0


# Refusals


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "17", **rate_limit(0)}, 17),
        (rate_limit(0), 600),
        # Our clock is ahead of GitHub's.
        (rate_limit(0, reset_at=NOW - 5), 60),
        (rate_limit(4000), 60),
        ({}, 60),
    ],
)
def test_a_refusal_lasts_until_github_says_or_until_the_hour_is_over_or_for_a_minute(
    headers: dict[str, str], wait_s: float
) -> None:
    spending = record_refusal(Spending(), headers, NOW)
    assert decide(spending, QUESTION, NOW, PACE) == Defer(wait_s, "limited")


def test_each_refusal_in_a_row_lengthens_the_wait_until_a_creation_succeeds() -> None:
    spending, waits = Spending(), []
    for number in range(6):
        at = NOW + number * 1000
        spending = record_refusal(spending, {}, at)
        spending = record_answer(spending, QUESTION, {}, at)
        waits.append(spending.closed_until - at)
    assert waits == [60, 120, 240, 480, 960, 960]
    spending = record_answer(spending, COMMENT, {}, NOW)
    assert record_refusal(spending, {}, NOW + 9000).closed_until == NOW + 9060


def test_a_shorter_refusal_does_not_open_what_a_longer_one_closed() -> None:
    spending = record_refusal(record_refusal(Spending(), {"Retry-After": "600"}, NOW), {"Retry-After": "1"}, NOW + 1)
    assert spending.closed_until == NOW + 600


# The minute


@pytest.mark.parametrize(
    ("spending", "cost", "decided"),
    [
        # 900 points: a gate waits until there is room. Cosmetic calls are deferred once three quarters are used.
        (used(*[(10, CONCLUSION)] * 179), CONCLUSION, Go(0)),
        (used(*[(10, CONCLUSION)] * 180), CONCLUSION, Go(50)),
        (used(*[(10, CONCLUSION)] * 180), QUESTION, Go(50)),
        (used(*[(60, CONCLUSION)] * 180), CONCLUSION, Go(0)),
        (used(*[(10, CONCLUSION)] * 134), PROGRESS, Go(0)),
        (used(*[(10, CONCLUSION)] * 135), PROGRESS, Defer(50, "paced")),
        # 80 creations: comments may use all of them, other cosmetic calls only three quarters.
        (used(*[(10, CHECK_RUN)] * 79), CHECK_RUN, Go(0)),
        (used(*[(10, CHECK_RUN)] * 80), CHECK_RUN, Go(50)),
        (used(*[(10, CHECK_RUN)] * 80), CONCLUSION, Go(0)),
        (used(*[(10, CHECK_RUN)] * 59), REACTION, Go(0)),
        (used(*[(10, CHECK_RUN)] * 60), REACTION, Defer(50, "paced")),
        (used(*[(10, CHECK_RUN)] * 79), COMMENT, Go(0)),
        (used(*[(10, CHECK_RUN)] * 80), COMMENT, Defer(50, "paced")),
        # 500 notifications in an hour: cosmetic calls may use three quarters. This limit never defers a gate.
        # Check runs do not count as notifications.
        (used(*[(600, COMMENT)] * 374), COMMENT, Go(0)),
        (used(*[(600, COMMENT)] * 375), COMMENT, Defer(3000, "paced")),
        (used(*[(600, COMMENT)] * 2000), URGENT_COMMENT, Go(0)),
        (used(*[(600, CHECK_RUN)] * 2000), COMMENT, Go(0)),
        (used(*[(600, CHECK_RUN)] * 2000), CHECK_RUN, Go(0)),
    ],
)
def test_requests_in_a_minute_stay_within_githubs_documented_limits(
    spending: Spending, cost: RequestCost, decided: Go | Defer
) -> None:
    assert decide(spending, cost, NOW, PACE) == decided


def test_gates_queue_in_the_order_of_asking_for_at_most_a_minute() -> None:
    spending, waits = hour(5000), []
    for _ in range(161):
        decided = decide(spending, CHECK_RUN, NOW, PACE)
        waits.append(decided)
        if isinstance(decided, Go):
            spending = record_sent(spending, CHECK_RUN, NOW + decided.in_s)
    assert waits == [Go(0)] * 80 + [Go(60)] * 80 + [Defer(120, "paced")]


def test_if_github_says_nothing_of_limits_nothing_is_paced() -> None:
    spending = Spending()
    for _ in range(1000):
        assert decide(spending, COMMENT, NOW, PACE) == Go(0)
        spending = record_sent(spending, COMMENT, NOW)
    assert len(record_sent(spending, COMMENT, NOW + 120).sent) == 1


def test_requests_that_no_limit_counts_any_more_are_forgotten() -> None:
    spending = used(*[(3700, COMMENT)] * 9, *[(130, CHECK_RUN)] * 9, *[(130, CONCLUSION)] * 9, (50, QUESTION))
    assert [each for _, each in record_sent(spending, QUESTION, NOW).sent] == [QUESTION, QUESTION]
