"""Deliveries come in any order, twice, or never; GitHub shows the same in the end."""

import pytest

from tests.bench.deliveries import deliver, pushed
from tests.stories.line import SECRET, Line
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually


@pytest.mark.both_databases
def test_a_redelivery_is_not_processed_again(line: Line) -> None:
    story = line.story()
    number = story.propose()
    merged = story.land(number)
    story.quiet()
    deliveries = [each for each in line.github.deliveries if each.repository_id == story.repository.id]
    again = [each for each in deliveries if (each.event, each.action) in DELIVERED_TWICE]
    assert len(again) == 4  # two pushes: of the topic and of the merge
    for delivery in again:
        line.github.redeliver(delivery.guid)
        answer = line.deliver(delivery.event, delivery.payload)  # the same payload under another X-GitHub-Delivery
        assert answer.status_code == 202
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.comments(number)) == 1


DELIVERED_TWICE = {("pull_request", "opened"), ("push", None), ("pull_request", "closed")}


def test_an_older_commit_whose_delivery_arrives_last_does_not_replace_the_newer_one(
    line: Line, unmerged: Story, topic: str
) -> None:
    number = unmerged.propose(head=topic)
    unmerged.planned(number)
    line.github.hold_deliveries("pull_request", "synchronize")
    for size in (3, 4):
        newest = unmerged.commit(topic, unmerged.network(size))
    line.github.release(lambda held: reversed(held))
    unmerged.completed(newest)
    unmerged.quiet()
    assert [each["conclusion"] for each in unmerged.check_runs(newest)] == ["success"]


def test_a_pull_request_that_was_closed_before_its_delivery_is_not_planned(
    line: Line, unmerged: Story, topic: str
) -> None:
    line.github.hold_deliveries("pull_request", "opened")
    number = unmerged.propose(head=topic)
    unmerged.edit(number, state="closed")
    unmerged.quiet()
    line.github.release()
    unmerged.quiet()
    assert unmerged.check_runs(unmerged.head(number)) == []


@pytest.mark.by_default("squash")
@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merge_is_applied_even_if_the_delivery_of_the_push_arrives_last(line: Line, method: str) -> None:
    story = line.story()
    number = story.propose()
    story.commit("topic", {"README.md": "# Words\n"})
    assert story.planned(number)["conclusion"] == "success"
    line.github.hold_deliveries("push")
    merged = story.merge(number, method)
    taken_in = f"{story.repository.id}:closed:staging:{story.head(number)}:"
    eventually(lambda: any(each["job"].startswith(taken_in) for each in line.events("job_done")), "the merge is known")
    line.github.release()
    assert story.applied(merged)["conclusion"] == "success"
    story.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert story.size("staging") == 2


@pytest.mark.by_default("merge")
@pytest.mark.parametrize("method", ["merge", "squash"])
def test_a_push_waits_for_the_pull_request_that_explains_it(line: Line, method: str) -> None:
    story = line.story()
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    line.github.hold_deliveries("pull_request", "closed")
    merged = story.merge(number, method)
    name = "planward/apply (staging)"
    eventually(lambda: story.check_runs(merged, name), "the push is shown")
    assert [each["status"] for each in story.check_runs(merged, name)] == ["in_progress"]
    line.github.release()
    assert story.applied(merged)["conclusion"] == "success"
    assert story.size("staging") == 2


def test_if_no_delivery_reports_the_merge_github_is_asked(line: Line) -> None:
    story = line.story()
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    line.github.lose_deliveries("pull_request", "closed", times=1)
    assert story.applied(story.merge(number))["conclusion"] == "success"
    assert story.size("staging") == 2


def test_a_merge_without_a_delivery_does_not_hold_the_next_one(line: Line) -> None:
    story = line.story()
    numbers = [story.propose(story.root_module(name), head=name) for name in ("app", "db")]
    for number in numbers:
        assert story.planned(number)["conclusion"] == "success"
    line.github.lose_deliveries("push", times=1)
    line.github.lose_deliveries("pull_request", "closed", times=1)
    first, second = (story.merge(number) for number in numbers)
    assert story.applied(second)["conclusion"] == "success"
    story.quiet()
    assert len(story.check_runs(second, "planward/apply (staging)")) == 1
    assert {name for name in ("app", "db") if story.state(name, "staging")} == {"app", "db"}
    [contained] = story.check_runs(first, "planward/apply (staging)")
    assert (contained["conclusion"], contained["output"]["title"]) == ("cancelled", f"contained in {second[:7]}")


@pytest.mark.both_databases
def test_two_hundred_deliveries_in_two_seconds_while_a_plan_runs_are_answered_in_time_and_none_is_lost(
    line: Line,
    unmerged: Story,
    topic: str,
) -> None:
    with slow_place() as slow:
        waits = unmerged.root_module("network", extra=slow.module("waits"))["network/main.tf"]
        unmerged.propose({"network/main.tf": waits}, head=topic)
        eventually(lambda: slow.asked, "Terraform runs")
        push = next(
            each
            for each in line.github.deliveries
            if (each.event, each.repository_id) == ("push", unmerged.repository.id)
        )
        gone = {**push.payload, "ref": "refs/heads/gone", "deleted": True}  # the time is that of accepting alone
        answered = deliver(line.url, gone, per_second=100, number=200, secret=SECRET)
        assert [each for each in answered if each.status != 202] == []
        assert max(each.seconds for each in answered) < 10  # GitHub hangs up then
        key = f"{unmerged.repository.id}:apply:gone:"
        wanted = {f"{key}{pushed(number)}:{push.payload['before']}:0" for number in range(1, 201)}
        eventually(lambda: wanted <= {each["job"] for each in line.events("job_done")}, "each is carried out")
