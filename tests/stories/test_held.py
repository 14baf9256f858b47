"""Changes that cannot be planned, are not vouched for or not explained are held with a reason, and touch nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import OR_REVERT
from tests.stories.story import Story


def held(check: dict[str, Any]) -> str:
    """The title of a check run, which must be a hold."""
    assert check["conclusion"] == "action_required", check
    return str(check["output"]["title"])


def buttons(story: Story, check: dict[str, Any]) -> list[str]:
    """The identifiers of a check run's buttons, which are on GitHub's pages but not in REST."""
    with story.github.world.lock:
        found = next(each for each in story.repository.check_runs if each.id == check["id"])
        return [str(action["identifier"]) for action in found.actions]


# --- pushes that nothing explains ------------------------------------------------------------------------------------


def test_a_push_by_hand_is_held_until_somebody_else_lets_it_in_and_so_are_a_forced_and_a_created_branch(
    line: Line,
) -> None:
    story = line.story(branches=("staging",))
    story.secret("production", db_password="p")
    story.github.move(story.name, "production", story.first, by=story.reviewer)
    assert held(story.applied(story.first, "production")) == (
        f"Not applied: the environment production is new, and so is its branch production (pushed by "
        f"{story.reviewer}). Press Plan, look at what it would change, then press Apply; or delete the branch "
        "production."
    )
    assert story.state("network", "production") == {}

    sha = story.commit("staging", story.network(3), by=story.reviewer)
    check = story.applied(sha)
    assert held(check) == (
        f"Not applied: {sha[:7]} did not come from a merged pull request (pushed by {story.reviewer}). {OR_REVERT}"
    )
    assert buttons(story, check) == ["plan"]
    assert f"planward plan {sha} -e staging" in check["output"]["summary"]
    for login in (
        story.reviewer,
        story.author,
        story.reader,
    ):  # the one who pushed, a person with only write access, and one with only read access
        story.press(check, "plan", by=login)
    story.quiet()
    assert len(story.check_runs(sha, "planward/apply (staging)")) == 1
    assert story.state("network", "staging") == {}
    assert story.deployments("staging") == []
    assert story.let_in(check, by=story.maintainer)["conclusion"] == "success"
    assert story.size("staging") == 3
    story.quiet()

    held(story.applied(story.commit("staging", story.network(4))))
    story.quiet()
    attempts = len(story.check_runs(sha, "planward/apply (staging)"))
    story.github.move(story.name, "staging", sha, by=story.reviewer)
    check = story.applied(sha, count=attempts + 1)
    assert check["conclusion"] == "success"
    assert check["output"]["title"] == f"nothing to apply: staging is at {sha[:7]}"
    assert story.size("staging") == 3
    assert len(story.deployments("staging")) == 1
    story.quiet()

    forced = story.commit("elsewhere", story.network(5), start=story.first)
    story.github.move(story.name, "staging", forced, by=story.author)
    assert held(story.applied(forced)) == (
        f"Not applied: staging was force-pushed to {forced[:7]}, which does not contain {sha[:7]}, the commit "
        "that staging is at "
        f"(pushed by {story.author}). Press Plan, look at what it would change, then press Apply; or force-push "
        f"staging back to {sha[:7]}."
    )
    assert story.size("staging") == 3


def test_a_head_pushed_past_the_merge_button_and_a_merge_past_a_red_check_are_held_and_name_who_did_it(
    line: Line,
) -> None:
    story = line.story()
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    head = story.head(number)
    story.github.move(story.name, "staging", head, by=story.author)
    assert held(story.applied(head)) == (
        f"Not applied: #{number} was not merged on GitHub: its newest commit was pushed straight to the branch (pushed "
        f"by {story.author}). {OR_REVERT}"
    )
    assert story.state("network", "staging") == {}
    story.quiet()
    story.github.move(story.name, "staging", story.first, by=story.reviewer)
    story.quiet()

    number = story.propose({".terraform-version": "0.12.31\n"}, head="red")
    assert story.planned(number)["conclusion"] == "failure"
    assert held(story.applied(story.merge(number))) == (
        f"Not applied: #{number} was merged although planward/plan showed failure, not success (merged by "
        f"{story.reviewer}). {OR_REVERT}"
    )


# --- code that nobody vouches for ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unmerged(line: Line) -> Story:
    """One repository for the pull requests of this file. They are planned in testing, too."""
    return line.story(testing=True)


def test_a_pull_request_from_a_fork_is_not_planned_and_no_secret_is_read_for_it(unmerged: Story, topic: str) -> None:
    stranger = f"{unmerged.owner}-eve"
    unmerged.github.create_user(stranger)
    fork = unmerged.github.fork(unmerged.name, by=stranger)
    unmerged.github.commit(fork.full_name, topic, unmerged.network(2), by=stranger, start="staging")
    with no_secret_read(unmerged):
        number = unmerged.open(f"{stranger}:{topic}", by=stranger)
        check = unmerged.planned(number)
    assert approval_asked_for(unmerged, number, check) == (
        "Not planned yet: this pull request comes from a fork. Someone with write access has to look at "
        f"{stranger}'s code and press Approve plan."
    )


def test_a_pull_request_by_a_bot_is_not_planned_and_no_secret_is_read_for_it(unmerged: Story, topic: str) -> None:
    bot = f"{unmerged.owner}-dependa[bot]"
    unmerged.github.create_bot(bot)
    unmerged.github.grant(unmerged.name, bot, "write")
    with no_secret_read(unmerged):
        number = unmerged.propose(head=topic, by=bot)
        check = unmerged.planned(number)
    assert approval_asked_for(unmerged, number, check) == (
        f"Not planned yet: {bot} is a bot that is not listed in trusted_bots (.github/planward.yml). "
        "Someone with write access has to look at its code and press Approve plan."
    )


def test_a_pull_request_reads_only_secrets_of_testing_and_the_target_and_none_once_its_author_has_lost_write(
    line: Line, unmerged: Story, topic: str
) -> None:
    leaver = f"{unmerged.owner}-lea"
    unmerged.github.create_user(leaver)
    unmerged.github.grant(unmerged.name, leaver, "write")
    unmerged.quiet()
    before = len(line.secrets_read())
    number = unmerged.propose(head=topic, by=leaver)
    check = unmerged.planned(number)
    read = {tuple(path.split("/")[2:4]) for path in line.secrets_read()[before:]}
    assert read == {(unmerged.team, each) for each in ("planward", "testing", "staging")}

    unmerged.github.grant(unmerged.name, leaver, "triage")
    with no_secret_read(unmerged):
        unmerged.rerun(check, by=unmerged.maintainer)
        check = unmerged.planned(number, count=2)
    assert approval_asked_for(unmerged, number, check) == (
        f"Not planned yet: {leaver} has no write access to this repository. Someone with write access has to "
        "look at the code and press Approve plan."
    )


@contextmanager
def no_secret_read(story: Story) -> Iterator[None]:
    """Check by Vault's audit log that no secret is read within the context."""
    before = story.line.secrets_read()
    yield
    story.quiet()
    assert story.line.secrets_read() == before


def approval_asked_for(story: Story, number: int, check: dict[str, Any]) -> str:
    """The title of a hold that waits for somebody to vouch for the head."""
    assert buttons(story, check) == ["approve_plan"]
    assert f"planward approve {story.head(number)}" in check["output"]["summary"]
    return held(check)
