"""Deliveries that GitHub could not make, or never sent, are found by comparison."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ghapp.flows.maintenance.deliveries import MOST
from tests.databases import POSTGRESQL, SQLITE
from tests.ports import free_port
from tests.stories.faults.conftest import FaultyLine
from tests.stories.rules.saying import answered
from tests.stories.waiting import eventually

KINDS = [SQLITE, POSTGRESQL]


@pytest.mark.both_databases
def test_events_during_a_stop_are_processed_after_it(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    first = story.propose()
    assert story.planned(first)["conclusion"] == "success"
    faulty.quiet()
    with faulty.down():
        merged = story.merge(first)
        second = story.propose(story.network(3), head="later", base="production")
        story.github.wait_for_deliveries()
    assert story.applied(merged)["conclusion"] == "success"
    assert story.planned(second)["status"] == "completed"
    faulty.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert all(each["status"] == "completed" for each in story.check_runs(story.head(second)))
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.comments(first)) == 1


def test_changes_without_deliveries_are_found_in_the_repository_itself(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    first = story.propose()
    assert story.planned(first)["conclusion"] == "success"
    faulty.quiet()
    with faulty.down(after_redeliveries_s=1):
        merged = story.merge(first)
        second = story.propose(story.network(3), head="later")
        story.github.wait_for_deliveries()
        forget_deliveries(faulty)
    assert story.applied(merged)["conclusion"] == "success"
    assert story.planned(second)["conclusion"] == "success"
    faulty.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert len(story.check_runs(story.head(second))) == 1
    assert story.size("staging") == 2


def test_planward_recovers_by_itself_after_a_day_of_being_down(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    first = story.propose()
    assert story.planned(first)["conclusion"] == "success"
    broken_off = story.propose(story.root_module("app"), head="broken-off")
    faulty.quiet()
    point = f"step plan {broken_off}:staging app: before"
    faulty.kill_at(point, held_down=True)
    story.commit("broken-off", {"app/more.tf": "output more { value = 1 }\n"}, start="broken-off")
    with faulty.ended_at(point):
        merged = story.merge(first)
        second = story.propose(story.root_module("db"), head="later")
        story.github.wait_for_deliveries()
        deliver_much_more(faulty)
        a_day_goes_by(faulty)
    assert story.applied(merged)["conclusion"] == "success"
    assert story.planned(second)["conclusion"] == "success"
    assert story.planned(broken_off)["conclusion"] == "success"
    faulty.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    # If the merge arrives before the plan has begun, Planward does not know yet that the merge does not affect it.
    assert len(story.check_runs(story.head(second))) <= 2
    assert len(story.comments(first)) == 1


def test_deliveries_that_failed_for_hours_arrive_after_the_outage(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    held = story.propose(story.network(2))
    assert story.planned(held)["conclusion"] == "success"
    with unreachable(faulty):
        numbers = [story.propose(story.root_module(name), head=name) for name in ("app", "db")]
        comment = story.comment(held, "planward plan")
        for _ in range(2 * MOST):
            story.github.wait_for_deliveries()
            look(faulty)
        story.github.wait_for_deliveries()
        assert not any(story.check_runs(story.head(number)) for number in numbers)
    for _ in range(2):
        look(faulty)
        story.github.wait_for_deliveries()
    for number in numbers:
        assert story.planned(number)["conclusion"] == "success"
    assert answered(story, comment) == "+1"
    assert story.planned(held, count=2)["conclusion"] == "success"


def test_the_first_delivery_that_arrives_again_brings_all_others_with_it(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    held = story.propose(story.network(2))
    assert story.planned(held)["conclusion"] == "success"
    with unreachable(faulty):
        story.propose(story.root_module("app"), head="app")
        comment = story.comment(held, "planward plan")  # no comparison would find it
        story.github.wait_for_deliveries()
        look(faulty)  # requests redelivery of all of them, as a server may do just before it stops
        story.github.wait_for_deliveries()
    look(faulty)
    assert answered(story, comment) == "+1"


def test_killed_just_after_it_requested_a_redelivery_it_requests_it_again_when_it_starts(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    held = story.propose(story.network(2))
    assert story.planned(held)["conclusion"] == "success"
    requested = "step redeliver: recorded"
    with unreachable(faulty):
        faulty.quiet()
        comment = story.comment(held, "planward plan")  # no comparison would find it
        story.github.wait_for_deliveries()
        faulty.kill_at(requested, held_down=True)
        make_look_due(faulty)
        eventually(lambda: faulty.process.poll() is not None, "Planward is killed")
        story.github.wait_for_deliveries()  # of the redelivery, which fails too
    with faulty.ended_at(requested):
        pass
    assert answered(story, comment) == "+1"


def test_each_merge_without_a_delivery_is_shown(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    numbers = []
    for name, method in (("app", "merge"), ("db", "squash")):
        numbers.append((story.propose(story.root_module(name), head=name), method))
        assert story.planned(numbers[-1][0])["conclusion"] == "success"
    faulty.quiet()
    with faulty.down(after_redeliveries_s=1):
        merged = [story.merge(number, method) for number, method in numbers]
        unknown = story.merge(story.propose(story.root_module("vpn"), head="vpn"))
        merged.append(story.merge(story.propose(story.root_module("zone"), head="zone")))
        story.github.wait_for_deliveries()
        forget_deliveries(faulty)
    assert story.applied(merged[-1])["status"] == "completed"
    faulty.quiet()
    for sha in (*merged[:-1], unknown):
        [check] = story.check_runs(sha, "planward/apply (staging)")
        assert (check["conclusion"], check["output"]["title"]) == ("cancelled", f"contained in {merged[-1][:7]}")
    assert "contained in" in story.comments(numbers[0][0])[0]


def test_reconciliations_that_github_does_not_answer_do_not_pile_up(faulty: FaultyLine) -> None:
    faulty.quiet()
    faulty.line.github.fail("GET", "/app/hook/deliveries$", status=429, headers={"Retry-After": "1"}, times=None)
    try:
        for _ in range(3):
            broken_off = len(faulty.line.events("reconciliation_deferred"))
            look(faulty)
            assert len(faulty.line.events("reconciliation_deferred")) == broken_off + 1
            time.sleep(1)  # GitHub asked for as much
    finally:
        faulty.line.github.clear_faults()
    rows = faulty.ask("select key, due_at from later where key like '%look%'")
    assert [key for key, _ in rows] == ["look for missed"]
    assert float(rows[0][1]) < time.time() + 60
    look(faulty)
    faulty.quiet()


@contextmanager
def unreachable(faulty: FaultyLine) -> Iterator[None]:
    """Have every delivery fail while Planward runs and compares no repository (it would find the events)."""
    faulty.quiet()
    with faulty.down(after_redeliveries_s=600):
        pass
    app = faulty.line.app
    url = app.webhook_url
    app.webhook_url = f"http://127.0.0.1:{free_port()}/webhooks/github"
    try:
        yield
    finally:
        app.webhook_url = url


def look(faulty: FaultyLine) -> None:
    """Have Planward reconcile now, and wait until it has."""
    before = looked(faulty)
    make_look_due(faulty)
    eventually(lambda: looked(faulty) > before, "Planward has looked")


def make_look_due(faulty: FaultyLine) -> None:
    """Have Planward reconcile now."""
    at = int(time.time()) - 10_000 + looked(faulty)  # no two reconciliations have the same key
    due = json.dumps({"type": "look_for_missed", "at": at})
    faulty.ask("update later set due_at = 0, job = :due where key = 'look for missed'", due=due)


def deliver_much_more(faulty: FaultyLine) -> None:
    """Have GitHub record two more pages of successful deliveries."""
    world = faulty.line.github.world
    well = next(each for each in world.outbox.deliveries if each.status_code == 202)
    for number in range(250):
        more = replace(well, id=world.new_id(), guid=f"{number}", delivered_at=datetime.now(UTC))
        world.outbox.deliveries.append(more)


def a_day_goes_by(faulty: FaultyLine) -> None:
    """Make all records of GitHub and of Planward a day older."""
    for each in faulty.line.github.world.outbox.deliveries:
        assert each.delivered_at is not None
        each.delivered_at -= timedelta(days=1)
    earlier = "update handles set value = cast(cast(value as bigint) - 86400 as text)"
    faulty.ask(f"{earlier} where key = 'looked for missed deliveries'")
    faulty.ask("update later set due_at = due_at - 86400")
    faulty.ask("update runs set created_at = created_at - 86400")


def forget_deliveries(faulty: FaultyLine) -> None:
    """Empty GitHub's list of deliveries, so that none can be redelivered."""
    faulty.line.github.world.outbox.deliveries.clear()


def test_a_run_that_nobody_carries_out_is_ended_and_made_again(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    faulty.quiet()
    with faulty.down():
        unfinished = "update runs set status = 'in_progress', conclusion = null, created_at = created_at - 3600"
        faulty.ask(f"{unfinished} where repository_id = :id", id=story.repository.id)
    assert story.planned(number, count=2)["conclusion"] == "success"
    faulty.quiet()
    assert [each["conclusion"] for each in story.check_runs(story.head(number))] == ["cancelled", "success"]


def test_an_abandoned_apply_is_completed_with_its_results(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    merged = []
    for size in (2, 3):
        number = story.propose(story.network(size), head=f"size-{size}")
        assert story.planned(number)["conclusion"] == "success"
        merged.append(story.merge(number))
        assert story.applied(merged[-1])["conclusion"] == "success"
        faulty.quiet()
    titles = [story.applied(sha)["output"]["title"] for sha in merged]
    with faulty.down():
        unfinished = "update runs set status = 'in_progress', conclusion = null, created_at = created_at - 3600"
        faulty.ask(f"{unfinished} where repository_id = :id and operation = 'apply'", id=story.repository.id)
    open_runs = "select id from runs where repository_id = :id and status != 'completed'"
    eventually(lambda: not faulty.ask(open_runs, id=story.repository.id), "both are ended")
    faulty.quiet()
    ended = [story.check_runs(sha, "planward/apply (staging)") for sha in merged]
    assert [[(each["conclusion"], each["output"]["title"]) for each in of_one] for of_one in ended] == [
        [("success", title)] for title in titles
    ]
    assert [each["states"][:2] for each in story.deployments("staging")] == [["in_progress", "success"]] * 2
    assert [len(story.comments(number)) for number in (1, 2)] == [1, 1]


def test_a_reconciliation_takes_one_call_if_nothing_is_missing(faulty: FaultyLine) -> None:
    faulty.quiet()
    # The deliveries of earlier stories may fill more than a page.
    del faulty.line.github.world.outbox.deliveries[:-10]
    before = len(faulty.line.github.requests)
    faulty.process.send_signal(signal.SIGTERM)
    looks = looked(faulty)
    eventually(lambda: looked(faulty) > looks, "Planward has looked")
    asked = [each for each in faulty.line.github.requests[before:] if "access_tokens" not in each.path]
    # The first call belongs to the start of Planward, which checks that the key is the App's.
    calls = sorted(f"{each.method} {each.path}" for each in asked if each.method != "DELETE")
    assert calls == ["GET /app", "GET /app/hook/deliveries"]


def looked(faulty: FaultyLine) -> int:
    """The number of reconciliations so far."""
    return sum(event["job"].startswith("look_for_missed:") for event in faulty.line.events("job_done"))
