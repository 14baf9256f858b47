"""A push is applied by itself only if merged pull requests that passed the gate explain every commit since LAST."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import APPLY, OR_REVERT, green, held
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually

# --- explained -------------------------------------------------------------------------------------------------------


@pytest.mark.by_default("squash", "rebase")
@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_pull_request_of_three_commits_is_one_segment(line: Line, method: str) -> None:
    story = line.story()
    story.commit("topic", story.network(2))
    story.commit("topic", {"README.md": "# Words\n"})
    number = story.propose(story.network(3))
    green(story.planned(number))
    merged = story.merge(number, method)
    green(story.applied(merged))
    assert story.size("staging") == 3


def test_several_merges_in_one_push_are_explained_each_by_its_own_pull_request(line: Line) -> None:
    story = line.story()
    first = story.propose({"README.md": "# Words\n"}, head="first")
    second = story.propose(head="second")
    green(story.planned(first))
    green(story.planned(second))
    line.github.hold_deliveries()
    story.merge(first, "squash")
    tip = story.merge(second)
    line.github.release(lambda deliveries: deliveries[::-1])
    green(story.applied(tip))
    story.quiet()
    assert story.size("staging") == 2
    assert [len(story.comments(number)) for number in (first, second)] == [1, 1]


def test_a_merge_is_applied_even_if_the_delivery_of_its_push_is_lost(line: Line) -> None:
    story = line.story()
    number = story.propose()
    green(story.planned(number))
    line.github.lose_deliveries("push", times=1)
    green(story.applied(story.merge(number)))
    assert story.size("staging") == 2


def test_an_explanation_that_comes_after_the_time_to_wait_turns_the_hold_into_an_apply(line: Line) -> None:
    story = line.story()
    number = story.propose()
    green(story.planned(number))
    line.github.hold_deliveries("pull_request", "closed")
    merged = story.merge(number)
    with lagging(story, number):
        assert held(story.applied(merged)) == (
            f"Not applied: {merged[:7]} did not come from a merged pull request (pushed by {story.reviewer}). "
            f"{OR_REVERT}"
        )
    line.github.release()
    green(story.applied(merged, count=2))
    assert story.size("staging") == 2


@contextmanager
def lagging(story: Story, number: int) -> Iterator[None]:
    """Have GitHub's REST API not show yet that a pull request was merged."""
    with story.github.world.lock:
        pull = next(each for each in story.repository.pulls if each.number == number)
        merged_at, pull.merged_at = pull.merged_at, None
    try:
        yield
    finally:
        with story.github.world.lock:
            pull.merged_at = merged_at


# --- not explained ---------------------------------------------------------------------------------------------------


def test_the_head_of_an_open_pull_request_pushed_by_hand_is_held(line: Line) -> None:
    story = line.story()
    number = story.propose()
    green(story.planned(number))
    head = story.head(number)
    story.github.move(story.name, "staging", head, by=story.author)
    assert held(story.applied(head)) == (
        f"Not applied: #{number} was not merged on GitHub: its newest commit was pushed straight to the branch (pushed "
        f"by {story.author}). {OR_REVERT}"
    )
    assert story.state("network", "staging") == {}


def test_a_merge_forced_past_a_check_that_was_being_planned_again_is_held(line: Line) -> None:
    story = line.story()
    number = story.propose()
    green(story.planned(number))
    with slow_place() as slow:
        moved = story.commit("staging", {"network/wait.tf": slow.data("waits")}, by=story.reviewer)
        eventually(lambda: len(story.check_runs(story.head(number))) == 2, "it is planned again")
        began = datetime.fromisoformat(story.check_runs(story.head(number))[-1]["started_at"])
        # GitHub gives times in whole seconds. A merge in the second in which the new check run appeared could have been
        # made while GitHub still showed the old one.
        eventually(lambda: datetime.now(UTC) > began + timedelta(seconds=2), "a merge is later by GitHub's clock")
        merged = story.merge(number)
        check = story.applied(merged)
        story.applied(moved)
    assert f"#{number} was merged although planward/plan showed in progress, not success" in held(check)
    assert story.state("network", "staging") == {}


def test_a_green_check_for_another_base_explains_nothing(line: Line) -> None:
    story = line.story()
    story.github.move(story.name, "elsewhere", story.first, by=story.reviewer)
    number = story.propose()
    green(story.planned(number))
    line.github.hold_deliveries("pull_request", "edited")
    story.edit(number, base="production")
    merged = story.merge(number)
    line.github.wait_for_deliveries()
    assert held(story.applied(merged, "production")) == (
        f"Not applied: #{number} was merged before planward/plan had a result for it (merged by "
        f"{story.reviewer}). {OR_REVERT}"
    )
    line.github.release()
    story.quiet()
    assert story.state("network", "production") == {}


def test_an_indirect_merge_that_borrows_anothers_green_is_held(line: Line) -> None:
    story = line.story()
    good = story.propose(head="good")
    green(story.planned(good))
    story.commit("bad", {"README.md": "# Words\n"}, start="good")
    bad = story.propose({"network/wrong.tf": 'output "wrong" {\n  value = local.none\n}\n'}, head="bad")
    assert story.planned(bad)["conclusion"] == "failure"
    merged = story.merge(bad)  # brings `good` along, which GitHub then calls merged by the same commit
    assert held(story.applied(merged)).startswith("Not applied: #")
    story.quiet()
    assert story.get(f"/pulls/{good}")["merged"]
    assert story.state("network", "staging") == {}


def test_a_commit_that_was_held_is_not_let_in_by_a_proper_merge_on_top_of_it(line: Line) -> None:
    story = line.story()
    by_hand = story.commit("staging", {"other/main.tf": 'resource "terraform_data" "other" {}\n'}, by=story.author)
    held(story.applied(by_hand))
    number = story.propose()  # starts at the held commit, and contains it
    story.planned(number)
    merged = story.merge(number)
    assert held(story.applied(merged)) == (
        f"Not applied: {by_hand[:7]} did not come from a merged pull request (pushed by {story.author}). {OR_REVERT}"
    )
    assert story.state("network", "staging") == {}


def test_a_merge_by_hand_with_other_contents_is_held(line: Line) -> None:
    story = line.story()
    number = story.propose()
    green(story.planned(number))
    git = story.repository.git
    head, base = story.head(number), story.tip("staging")
    tree = git.tree_of(story.commit("evil", story.network(9)))
    with story.github.world.lock:
        signature = git.commits(head)[0].author
        evil = git.commit_tree(tree, [base, head], "Merge", author=signature, committer=signature)
    story.github.move(story.name, "staging", evil, by=story.author)
    assert f"the files in {evil[:7]} differ from the result of merging #{number} into " in held(story.applied(evil))
    assert story.state("network", "staging") == {}


def test_a_push_by_hand_that_names_its_own_approvers_is_judged_by_the_config_before_it(line: Line) -> None:
    story = line.story()
    config = f"four_eyes: false\nenvironments:\n  staging: {{branch: staging, approvers: [{story.author}]}}\n"
    sha = story.commit("staging", {".github/planward.yml": config, **story.network(4)}, by=story.author)
    check = story.applied(sha)
    held(check)
    story.press(check, "plan", by=story.author)
    story.quiet()
    assert [each["conclusion"] for each in story.check_runs(sha, APPLY)] == ["action_required"]
    green(story.let_in(check, by=story.maintainer))


# --- one at a time, in the branch's order ----------------------------------------------------------------------------


def test_a_waiting_push_that_a_newer_one_contains_is_cancelled_and_its_pull_request_still_says_so(line: Line) -> None:
    story = line.story()
    switch = story.states / "let-go"
    first, second, third = (
        story.propose(waiting_for(story, switch), head="first"),
        story.propose({"README.md": "# Two\n"}, head="second"),
        story.propose({"NOTES.md": "# Three\n"}, head="third"),
    )
    for number in (first, second, third):
        green(story.planned(number))
    running = story.merge(first)
    eventually(lambda: story.deployments("staging"), "the first apply runs")
    waiting, newest = story.merge(second), story.merge(third)
    eventually(lambda: story.check_runs(newest, APPLY), "the newest push is shown")
    switch.touch()
    green(story.applied(running))
    green(story.applied(newest))
    check = story.applied(waiting)
    assert (check["conclusion"], check["output"]["title"]) == ("cancelled", f"contained in {newest[:7]}")
    story.quiet()
    [comment] = story.comments(second)
    assert f"contained in {newest[:7]}" in comment


def waiting_for(story: Story, switch: Path) -> dict[str, str]:
    """`network` with a resource whose apply waits until the file exists."""
    extra = f"""\
resource "terraform_data" "slow" {{
  provisioner "local-exec" {{
    command = "while ! test -e {switch}; do sleep 0.1; done"
  }}
}}
"""
    return {"network/main.tf": story.root_module("network", size=2, extra=extra)["network/main.tf"]}


def test_a_branch_that_is_forced_back_to_last_has_nothing_to_apply_and_says_so(line: Line) -> None:
    story = line.story()
    last = story.first  # adopted
    away = story.commit("staging", story.network(5))
    held(story.applied(away))
    story.github.move(story.name, "staging", last, by=story.reviewer)
    check = story.applied(last)
    green(check)
    assert check["output"]["title"] == f"nothing to apply: staging is at {last[:7]}"
    story.quiet()
    assert story.state("network", "staging") == {}


def test_a_deleted_branch_is_nothing_and_a_created_one_is_held(line: Line) -> None:
    story = line.story()
    story.github.move(story.name, "production", None, by=story.reviewer)
    story.quiet()
    created = story.commit("production", story.network(6), start="staging", by=story.author)
    check = story.applied(created, "production")
    assert held(check).startswith("Not applied")
    assert story.state("network", "production") == {}
