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


def test_several_merges_by_any_method_in_one_push_are_explained_each_by_its_own_pull_request_of_three_commits(
    line: Line,
) -> None:
    story = line.story()
    opened = {}
    for method, first in {"squash": "network/main.tf", "rebase": "network/more.tf", "merge": "NOTES.md"}.items():
        opened[method] = three_commits(story, method, first)
    for number in opened.values():
        green(story.planned(number))
    line.github.hold_deliveries()
    tips = [story.merge(number, method) for method, number in opened.items()]
    line.github.release(lambda deliveries: deliveries[::-1])
    green(story.applied(tips[-1]))
    story.quiet()
    assert story.size("staging") == 3
    assert "terraform_data.more" in story.state("network", "staging")
    assert [len(story.comments(number)) for number in opened.values()] == [1, 1, 1]


def three_commits(story: Story, head: str, path: str) -> int:
    """Open a pull request of three commits, of which the first and the last write this file."""
    contents = {
        "network/main.tf": (story.network(2)["network/main.tf"], story.network(3)["network/main.tf"]),
        "network/more.tf": ("# More\n", 'resource "terraform_data" "more" {}\n'),
        "NOTES.md": ("# Notes\n", "# More notes\n"),
    }
    first, last = contents[path]
    story.commit(head, {path: first})
    story.commit(head, {f"{head}.md": "# Words\n"}, start=head)
    story.commit(head, {path: last}, start=head)
    return story.open(head)


def test_a_merge_is_applied_even_if_the_delivery_of_its_push_is_lost_or_its_explanation_comes_after_the_time_to_wait(
    line: Line,
) -> None:
    story = line.story()
    number = story.propose()
    green(story.planned(number))
    line.github.lose_deliveries("push", times=1)
    green(story.applied(story.merge(number)))
    assert story.size("staging") == 2

    number = story.propose(story.network(3), head="later")
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
    assert story.size("staging") == 3


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


@pytest.fixture(scope="module")
def kept(line: Line) -> Story:
    """The repository of `untouched`."""
    return line.story()


@pytest.fixture
def untouched(kept: Story) -> Iterator[Story]:
    """A repository whose branches are at LAST; afterwards they are forced back to it, and nothing was ever applied."""
    yield kept
    for branch in ("staging", "production"):
        if kept.tip(branch) != kept.first:
            kept.github.move(kept.name, branch, kept.first, by=kept.reviewer)
    kept.quiet()
    assert kept.state("network", "staging") == kept.state("network", "production") == {}


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


def test_a_green_check_for_another_base_explains_nothing(untouched: Story, topic: str) -> None:
    story = untouched
    number = story.propose(head=topic)
    green(story.planned(number))
    story.line.github.hold_deliveries("pull_request", "edited")
    story.edit(number, base="production")
    merged = story.merge(number)
    story.line.github.wait_for_deliveries()
    assert held(story.applied(merged, "production")) == (
        f"Not applied: #{number} was merged before planward/plan had a result for it (merged by "
        f"{story.reviewer}). {OR_REVERT}"
    )
    story.line.github.release()
    story.quiet()
    assert story.state("network", "production") == {}


def test_a_red_pull_request_whose_merge_also_merges_a_green_one_is_held(untouched: Story, topic: str) -> None:
    story = untouched
    good = story.propose(head=topic)
    green(story.planned(good))
    story.commit(f"{topic}-bad", {"README.md": "# Words\n"}, start=topic)
    bad = story.propose({"network/wrong.tf": 'output "wrong" {\n  value = local.none\n}\n'}, head=f"{topic}-bad")
    assert story.planned(bad)["conclusion"] == "failure"
    merged = story.merge(bad)  # brings `good` along, which GitHub then calls merged by the same commit
    assert held(story.applied(merged)).startswith("Not applied: #")
    story.quiet()
    assert story.get(f"/pulls/{good}")["merged"]
    assert story.state("network", "staging") == {}


def test_a_commit_that_was_held_is_not_let_in_by_a_proper_merge_on_top_of_it(untouched: Story, topic: str) -> None:
    story = untouched
    by_hand = story.commit("staging", story.network(5), by=story.author)
    held(story.applied(by_hand))
    number = story.propose({"README.md": "# Words\n"}, head=topic)  # starts at the held commit, and contains it
    green(story.planned(number))
    merged = story.merge(number)
    assert held(story.applied(merged)) == (
        f"Not applied: {by_hand[:7]} did not come from a merged pull request (pushed by {story.author}). {OR_REVERT}"
    )
    assert story.state("network", "staging") == {}


def test_a_merge_by_hand_with_other_contents_is_held(untouched: Story, topic: str) -> None:
    story = untouched
    number = story.propose({"README.md": f"# {topic}\n"}, head=topic)
    green(story.planned(number))
    git = story.repository.git
    head, base = story.head(number), story.tip("staging")
    tree = git.tree_of(story.commit(f"{topic}-evil", story.network(9)))
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


def test_a_deleted_branch_is_ignored_and_a_created_one_is_held(line: Line) -> None:
    story = line.story()
    story.github.move(story.name, "production", None, by=story.reviewer)
    story.quiet()
    created = story.commit("production", story.network(6), start="staging", by=story.author)
    check = story.applied(created, "production")
    assert held(check).startswith("Not applied")
    assert story.state("network", "production") == {}
