"""What an apply did to each resource, read from Terraform's messages alone."""

from typing import Any

import pytest

from checks.plan import Counts
from checks.plan.apply_stream import ApplyStream, ResourceResult, applied_counts, words_of_results
from tests.checks.building import NO_MASK, plan_of, resource

PLAN = plan_of(
    resource("aws_vpc.main", "create"),
    resource("aws_db.orders", "delete", "create"),
    resource("aws_lb.web", "create", "delete"),
    resource("aws_sg.web", "update"),
    resource("aws_sg.old", "delete"),
    resource("aws_sg.same", "no-op"),
    {**resource("data.aws_ami.base", "read"), "mode": "data"},
)


def said(kind: str, address: str, action: str, seconds: float | None = None) -> dict[str, Any]:
    elapsed = {} if seconds is None else {"elapsed_seconds": seconds}
    return {"type": f"apply_{kind}", "hook": {"resource": {"addr": address}, "action": action, **elapsed}}


def done(address: str, action: str, seconds: float = 0) -> list[dict[str, Any]]:
    return [said("start", address, action), said("complete", address, action, seconds)]


def heard(*messages: dict[str, Any]) -> ApplyStream:
    stream = ApplyStream(PLAN)
    for message in messages:
        stream.read(message)
    return stream


def test_each_resource_is_applied_failed_interrupted_or_not_reached() -> None:
    stream = heard(
        *done("aws_vpc.main", "create", 61),
        *done("aws_db.orders", "delete", 12),
        said("start", "aws_db.orders", "create"),
        said("errored", "aws_db.orders", "create", 3),
        *done("aws_lb.web", "create", 5),
        said("start", "aws_lb.web", "delete"),
    )
    assert (len(stream), stream.finished) == (5, 1)
    results = stream.results(NO_MASK)
    assert results == (
        ResourceResult(address="aws_vpc.main", action="create", outcome="applied", took_s=61),
        ResourceResult(address="aws_db.orders", action="delete-create", outcome="failed", took_s=15, done=("delete",)),
        ResourceResult(address="aws_lb.web", action="create-delete", outcome="interrupted", took_s=5, done=("create",)),
        ResourceResult(address="aws_sg.web", action="update", outcome="not_reached"),
        ResourceResult(address="aws_sg.old", action="delete", outcome="not_reached"),
    )
    assert words_of_results(results) == "1 applied, 1 failed, 1 interrupted, 2 not reached"
    assert applied_counts(results) == Counts(add=1)


def test_a_replacement_is_finished_once_both_of_its_parts_are() -> None:
    stream = heard(*done("aws_db.orders", "delete"), *done("aws_lb.web", "create"))
    assert stream.finished == 0
    for message in done("aws_db.orders", "create"):
        stream.read(message)
    assert stream.finished == 1
    assert applied_counts(stream.results(NO_MASK)) == Counts(replace=1)


@pytest.mark.parametrize(("address", "step"), [("aws_db.orders", "delete"), ("aws_lb.web", "create")])
def test_a_replacement_that_stopped_between_its_steps_is_interrupted(address: str, step: str) -> None:
    results = {each.address: each for each in heard(*done(address, step)).results(NO_MASK)}
    assert (results[address].outcome, results[address].done) == ("interrupted", (step,))


def test_a_deposed_object_is_finished_together_with_the_current_object_at_its_address() -> None:
    deposed = {**resource("aws_lb.web", "delete"), "deposed": "1234abcd"}
    stream = ApplyStream(plan_of(resource("aws_lb.web", "create", "delete"), deposed))
    for message in [*done("aws_lb.web", "create"), *done("aws_lb.web", "delete")]:
        stream.read(message)
    assert stream.finished == 0
    assert [each.outcome for each in stream.results(NO_MASK)] == ["applied", "not_reached"]
    for message in done("aws_lb.web", "delete"):
        stream.read(message)
    assert stream.finished == 2


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "apply_complete"},
        {"type": "apply_complete", "hook": []},
        {"type": "apply_complete", "hook": {"resource": "aws_vpc.main", "action": "create"}},
        said("complete", "aws_vpc.other", "create"),
        said("complete", "aws_vpc.main", "delete"),
        said("complete", "aws_sg.same", "create"),
        {"type": "provision_progress", "hook": said("complete", "aws_vpc.main", "create")["hook"]},
    ],
)
def test_messages_about_other_objects_change_nothing(message: dict[str, Any]) -> None:
    stream = heard(message)
    assert not stream.has_begun
    assert {each.outcome for each in stream.results(NO_MASK)} == {"not_reached"}


def test_a_repeated_message_counts_once_and_no_time_is_absurd() -> None:
    stream = heard(*done("aws_vpc.main", "create", 10**12), *done("aws_vpc.main", "create", -5))
    assert stream.finished == 1
    assert stream.results(NO_MASK)[0] == ResourceResult(address="aws_vpc.main", action="create", outcome="applied")
