"""Which failed deliveries are requested again, decided by GitHub's list and earlier requests."""

from ghapp.flows.maintenance.deliveries import MOST, OVERLAP_S, Redeliveries, decide_redeliveries
from ghapp.github import DeliverySeen
from ghapp.store.delivery_markers import RedeliveryRequest

NOW = 1_000_000


def attempt(id: int, guid: str, status_code: int = 502, *, ago_s: int = 60, status: str = "") -> DeliverySeen:
    """One attempt as GitHub lists it; the id rises with time."""
    return DeliverySeen(
        id=id,
        guid=guid,
        event="push",
        action=None,
        status=status or ("OK" if status_code < 300 else "Invalid HTTP Response: 502"),
        status_code=status_code,
        delivered_at=NOW - ago_s,
    )


def wanted(decided: Redeliveries) -> list[int]:
    return [each.id for each in decided.wanted]


def test_without_failed_deliveries_no_redelivery_is_requested() -> None:
    assert decide_redeliveries([attempt(1, "a", 202)], {}, now=NOW) == Redeliveries()


def test_all_failed_deliveries_are_requested_oldest_first_by_their_newest_attempt() -> None:
    seen = [attempt(4, "b"), attempt(3, "a"), attempt(2, "b", ago_s=500), attempt(1, "c", 202)]

    decided = decide_redeliveries(seen, {}, now=NOW)

    assert (wanted(decided), decided.probe) == ([3, 4], False)


def test_deliveries_that_arrived_or_are_pending_are_not_requested_again() -> None:
    seen = [attempt(4, "b", 0, status="pending"), attempt(3, "a", 202), attempt(2, "b"), attempt(1, "a")]

    assert decide_redeliveries(seen, {}, now=NOW) == Redeliveries()


def test_a_redelivery_is_not_requested_again_until_it_is_listed_or_overdue() -> None:
    seen = [attempt(1, "a")]

    under_way = decide_redeliveries(seen, {"a": RedeliveryRequest(times=1, after=1, at=NOW - 60)}, now=NOW)
    lost = decide_redeliveries(seen, {"a": RedeliveryRequest(times=1, after=1, at=NOW - OVERLAP_S)}, now=NOW)

    assert (wanted(under_way), under_way.open_since) == ([], NOW - 60)
    assert wanted(lost) == [1]


def test_a_delivery_that_fails_while_others_arrive_is_given_up() -> None:
    seen = [attempt(9, "b", 202), attempt(8, "a")]

    assert wanted(decide_redeliveries(seen, {"a": RedeliveryRequest(times=MOST - 1, after=7)}, now=NOW)) == [8]
    assert decide_redeliveries(seen, {"a": RedeliveryRequest(times=MOST, after=7)}, now=NOW) == Redeliveries()


def test_while_no_redelivery_arrives_only_the_least_tried_delivery_is_requested() -> None:
    seen = [attempt(6, "c"), attempt(5, "a"), attempt(4, "b"), attempt(3, "b"), attempt(2, "a"), attempt(1, "d", 202)]
    asked = {"a": RedeliveryRequest(times=1, after=2), "b": RedeliveryRequest(times=1, after=3)}

    decided = decide_redeliveries(seen, asked, now=NOW)

    assert (wanted(decided), decided.probe) == ([6], True)


def test_when_one_redelivery_has_arrived_all_others_are_requested() -> None:
    seen = [attempt(7, "c", 202), attempt(6, "c"), attempt(5, "a"), attempt(4, "b"), attempt(3, "b"), attempt(2, "a")]
    asked = {
        "a": RedeliveryRequest(times=1, after=2),
        "b": RedeliveryRequest(times=1, after=3),
        "c": RedeliveryRequest(times=0, after=6),
    }

    decided = decide_redeliveries(seen, asked, now=NOW)

    assert (wanted(decided), decided.probe) == ([4, 5], False)


def test_the_next_check_goes_back_to_the_oldest_unsettled_delivery() -> None:
    seen = [attempt(2, "b", ago_s=60), attempt(1, "a", ago_s=4000)]

    assert decide_redeliveries(seen, {}, now=NOW).open_since == NOW - 4000
