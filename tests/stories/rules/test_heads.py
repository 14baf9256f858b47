"""A check run belongs to a head, a merge queue's commit has its own, and a green one is never stale."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import APPLY, green, held, refused, title
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually

# --- several pull requests of one head -------------------------------------------------------------------------------


def test_two_pull_requests_of_one_head_share_a_check_run_with_the_worst_conclusion_and_no_green_lets_in_the_other(
    line: Line,
) -> None:
    story = line.story()
    first = story.propose()
    green(story.planned(first))
    second = story.open("topic", "production")  # a promotion of something that staging has not applied
    check = story.planned(first, count=2)
    assert title(check).startswith(f"#{second}: ")
    assert check["conclusion"] == "failure"
    text = check["output"]["summary"] + (check["output"]["text"] or "")
    assert f"Pull request {first}" in text
    story.edit(second, state="closed")
    green(story.planned(first, count=3))

    third = story.open("topic", "production")
    refused(story.planned(third, count=4))
    merged = story.merge(third)
    assert f"#{third} was merged although planward/plan showed " in held(story.applied(merged, "production"))
    assert story.state("network", "production") == {}


# --- freshness -------------------------------------------------------------------------------------------------------


def test_when_the_base_moves_only_affected_pull_requests_are_planned_again(line: Line) -> None:
    story = line.story(files={})
    story.commit("staging", {**story.root_module("network"), **story.root_module("app")}, by=story.reviewer)
    story.quiet()
    touched = story.propose({"app/README.tf": "# app\n"}, head="touched")
    other = story.propose(story.network(2), head="other")
    for number in (touched, other):
        green(story.planned(number))
    merging = story.propose({"app/more.tf": 'output "more" {\n  value = 1\n}\n'}, head="merging")
    green(story.planned(merging))
    story.merge(merging)
    green(story.planned(touched, count=2))
    story.quiet()
    assert len(story.check_runs(story.head(other))) == 1
    assert len(story.check_runs(story.head(merging))) == 1


@pytest.mark.both_databases
def test_pushes_to_the_base_in_a_row_lead_to_one_new_plan(line: Line) -> None:
    story = line.story()
    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.data("waits")})
        eventually(lambda: slow.asked, "the first plan runs")
        pushed = [story.commit("staging", story.network(size), by=story.reviewer) for size in (3, 4, 5)]
        eventually(lambda: all(_is_replanned(line, story, number, sha) for sha in pushed), "each push is noticed")
        slow.let_go()  # on a busy machine there is time for a plan between two pushes
        eventually(lambda: story.check_runs(story.head(number))[-1]["status"] == "completed", "it is planned")
    story.quiet()
    *before, last = story.check_runs(story.head(number))
    assert green(last)
    assert {each["conclusion"] for each in before} == {"cancelled"}


def _is_replanned(line: Line, story: Story, number: int, pushed: str) -> bool:
    """Whether the check run of a pull request's new plan after a push exists."""
    begin, end = f"plan_anew:{story.repository.id}:{number}:base:", f":{pushed}"
    return any(each["job"].startswith(begin) and each["job"].endswith(end) for each in line.events("job_done"))


# --- the merge queue -------------------------------------------------------------------------------------------------


def protected(story: Story) -> None:
    """Protect staging: it requires this App's `planward/plan` and a merge queue."""
    with story.github.rest(story.reviewer) as rest:
        answer = rest.put(
            f"/repos/{story.name}/branches/staging/protection",
            json={
                "required_status_checks": {
                    "strict": False,
                    "checks": [{"context": "planward/plan", "app_id": story.line.app.id}],
                },
                "enforce_admins": False,
                "required_pull_request_reviews": None,
                "restrictions": None,
            },
        )
    assert answer.status_code == 200, answer.text
    story.github.enable_merge_queue(story.name, "staging")


def entry(story: Story, number: int) -> str | None:
    """The commit that the queue has made for a pull request."""
    with story.github.world.lock:
        waiting = story.repository.merge_queues.get("staging", [])
        return next((each.head_sha for each in waiting if each.pull.number == number), None)


def merge_sha(story: Story, number: int) -> str:
    """Wait until the queue has merged a pull request."""

    def merged() -> Mapping[str, Any] | None:
        found: dict[str, Any] = story.get(f"/pulls/{number}")
        return found if found["merged"] else None

    eventually(merged, f"#{number} of {story.name} is merged by the queue")
    with story.github.world.lock:
        return str(next(each.merge_commit_sha for each in story.repository.pulls if each.number == number))


def test_a_merge_queues_commits_are_planned_on_top_of_each_other_and_applied_once_merged_or_thrown_out(
    line: Line,
) -> None:
    story = line.story()
    protected(story)
    first = story.propose(head="first")
    second = story.propose({"network/more.tf": 'output "same" {\n  value = 1\n}\n'}, head="second")
    third = story.propose({"network/third.tf": 'output "same" {\n  value = 2\n}\n'}, head="third")
    for number in (first, second, third):
        green(story.planned(number))
    story.github.hold_deliveries("merge_group")
    for number in (first, second, third):
        story.github.enqueue(story.name, number, by=story.author)
    groups = [entry(story, number) for number in (first, second, third)]
    assert None not in groups
    story.github.release()
    check = story.completed(str(groups[2]))
    assert refused(check).startswith("network in staging: init failed: Duplicate output definition")
    merged, tip = merge_sha(story, first), merge_sha(story, second)
    assert [merged, tip] == groups[:2]
    for sha in (merged, tip):
        assert [each["conclusion"] for each in story.check_runs(sha)] == ["success"]
    green(story.applied(tip))
    story.quiet()
    assert story.size("staging") == 2
    assert [each["conclusion"] for each in story.check_runs(tip, APPLY)] == ["success"]
    assert not story.get(f"/pulls/{third}")["merged"]
    # It was planned again, now with what the second one has merged.
    assert refused(story.planned(third, count=2)).startswith("network in staging: init failed: Duplicate output")


def test_with_a_merge_queue_only_its_groups_are_planned_again_and_a_discarded_group_ends_and_can_be_rerun(
    line: Line,
) -> None:
    story = line.story()
    protected(story)
    queue = {"type": "merge_queue"}
    ruleset = {"name": "queue", "enforcement": "active", "target": "branch", "rules": [queue]}
    answer = line.rest(story.reviewer).post(f"/repos/{story.name}/rulesets", json=ruleset)
    assert answer.status_code == 201, answer.text
    number = story.propose()
    other = story.propose({"network/more.tf": 'output "more" {\n  value = 1\n}\n'}, head="other")
    for each in (number, other):
        green(story.planned(each))
    story.secret("staging", "other", db_password="differs")  # the same key twice: the group's plan fails
    story.github.enqueue(story.name, number, by=story.author)
    group = entry(story, number)
    assert group is not None
    check = story.completed(group)
    refused(check)
    eventually(lambda: entry(story, number) is None, "it left the queue")
    refused(story.planned(number, count=2))  # it left the queue, so it was planned again
    line.bao.client().secrets.kv.v2.delete_metadata_and_all_versions(f"{story.team}/staging/other", mount_point="kv")
    story.rerun(story.planned(number, count=2))
    green(story.planned(number, count=3))
    story.rerun(check)
    green(story.completed(group, count=2))

    story.github.enqueue(story.name, number, by=story.author)
    tip = merge_sha(story, number)
    assert title(story.completed(tip)) == "1 to add in staging"
    green(story.applied(tip))
    story.quiet()
    assert len(story.check_runs(story.head(other))) == 1
