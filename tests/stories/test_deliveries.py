"""Deliveries come in any order, twice, or never; GitHub shows the same in the end."""

import pytest

from tests.bench.deliveries import deliver, pushed
from tests.stories.line import SECRET, Line
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually


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
def test_a_merge_is_applied_if_its_deliveries_arrive_in_any_order_or_never_and_does_not_hold_the_next_one(
    line: Line, method: str
) -> None:
    story = line.story()
    name = "planward/apply (staging)"

    # No delivery reports the first merge, and the push of the second arrives after the rest.
    numbers = [story.propose(story.root_module(each), head=each) for each in ("app", "db")]
    story.commit("db", {"README.md": "# Words\n"})
    for number in numbers:
        assert story.planned(number)["conclusion"] == "success"
    line.github.lose_deliveries("push", times=1)
    line.github.lose_deliveries("pull_request", "closed", times=1)
    first = story.merge(numbers[0])
    line.github.hold_deliveries("push")
    second = story.merge(numbers[1], method)
    taken_in = f"{story.repository.id}:closed:staging:{story.head(numbers[1])}:"
    eventually(lambda: any(each["job"].startswith(taken_in) for each in line.events("job_done")), "the merge is known")
    line.github.release()
    assert story.applied(second)["conclusion"] == "success"
    story.quiet()
    assert len(story.check_runs(second, name)) == 1
    assert {each for each in ("app", "db") if story.state(each, "staging")} == {"app", "db"}
    [contained] = story.check_runs(first, name)
    assert (contained["conclusion"], contained["output"]["title"]) == ("cancelled", f"contained in {second[:7]}")

    # A push waits for the pull request that explains it.
    number = story.propose(head="late")
    assert story.planned(number)["conclusion"] == "success"
    line.github.hold_deliveries("pull_request", "closed")
    merged = story.merge(number, "squash" if method == "merge" else "merge")
    eventually(lambda: story.check_runs(merged, name), "the push is shown")
    assert [each["status"] for each in story.check_runs(merged, name)] == ["in_progress"]
    line.github.release()
    assert story.applied(merged)["conclusion"] == "success"
    assert story.size("staging") == 2

    # If no delivery reports the merge, GitHub is asked.
    number = story.propose(story.network(3), head="lost")
    assert story.planned(number)["conclusion"] == "success"
    line.github.lose_deliveries("pull_request", "closed", times=1)
    assert story.applied(story.merge(number))["conclusion"] == "success"
    assert story.size("staging") == 3


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
        gone = {**push.payload, "ref": "refs/heads/gone", "deleted": True}  # no work: only accepting takes time
        answered = deliver(line.url, gone, per_second=100, number=200, secret=SECRET)
        assert [each for each in answered if each.status != 202] == []
        assert max(each.seconds for each in answered) < 10  # GitHub hangs up then
        key = f"{unmerged.repository.id}:apply:gone:"
        wanted = {f"{key}{pushed(number)}:{push.payload['before']}:0" for number in range(1, 201)}
        eventually(lambda: wanted <= {each["job"] for each in line.events("job_done")}, "each is carried out")
