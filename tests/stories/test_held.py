"""Changes that cannot be planned, are not vouched for or not explained are held with a reason, and touch nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stories.line import Line
from tests.stories.rules.saying import OR_REVERT
from tests.stories.story import Story


def held(check: dict[str, Any]) -> str:
    """The first line of a check run, which must be a hold."""
    assert check["conclusion"] == "action_required", check
    return str(check["output"]["title"])


def buttons(story: Story, check: dict[str, Any]) -> list[str]:
    """The identifiers of a check run's buttons, which are on GitHub's pages but not in REST."""
    with story.github.world.lock:
        found = next(each for each in story.repository.check_runs if each.id == check["id"])
        return [str(action["identifier"]) for action in found.actions]


# --- pushes that nothing explains ------------------------------------------------------------------------------------


def test_a_push_by_hand_is_held_and_names_who_pushed(line: Line) -> None:
    story = line.story()
    sha = story.commit("staging", story.network(3))
    check = story.applied(sha)
    assert held(check) == (
        f"Not applied: {sha[:7]} did not come from a merged pull request (pushed by {story.author}). {OR_REVERT}"
    )
    assert buttons(story, check) == ["plan"]
    assert f"planward plan {sha} -e staging" in check["output"]["summary"]
    assert story.state("network", "staging") == {}
    assert story.deployments("staging") == []


def test_who_pushed_may_not_apply_it_and_somebody_else_may(line: Line) -> None:
    story = line.story()
    sha = story.commit("staging", story.network(3), by=story.reviewer)
    check = story.applied(sha)
    for login in (
        story.reviewer,
        story.author,
        story.reader,
    ):  # the one who pushed, a person with only write access, and one with only read access
        story.press(check, "plan", by=login)
    story.quiet()
    assert len(story.check_runs(sha, "planward/apply (staging)")) == 1
    assert story.let_in(check, by=story.maintainer)["conclusion"] == "success"
    assert story.size("staging") == 3


def test_a_forced_branch_is_held(line: Line) -> None:
    story = line.story()
    merged = story.land(story.propose())
    story.quiet()
    forced = story.commit("elsewhere", story.network(3), start=story.first)
    story.github.move(story.name, "staging", forced, by=story.author)
    assert held(story.applied(forced)) == (
        f"Not applied: staging was force-pushed to {forced[:7]}, which does not contain {merged[:7]}, the commit "
        "that staging is at "
        f"(pushed by {story.author}). Press Plan, look at what it would change, then press Apply; or force-push "
        f"staging back to {merged[:7]}."
    )
    assert story.size("staging") == 2


def test_a_branch_that_is_forced_back_to_what_was_applied_has_nothing_to_apply(line: Line) -> None:
    story = line.story()
    merged = story.land(story.propose())
    sha = story.commit("staging", story.network(3))
    held(story.applied(sha))
    story.quiet()
    story.github.move(story.name, "staging", merged, by=story.reviewer)
    check = story.applied(merged, count=2)
    assert check["conclusion"] == "success"
    assert check["output"]["title"] == f"nothing to apply: staging is at {merged[:7]}"
    assert story.size("staging") == 2
    assert len(story.deployments("staging")) == 1


def test_a_created_branch_is_held(line: Line) -> None:
    story = line.story(branches=("staging",))
    story.secret("production", db_password="p")
    story.github.move(story.name, "production", story.first, by=story.reviewer)
    assert held(story.applied(story.first, "production")) == (
        f"Not applied: the environment production is new, and so is its branch production (pushed by "
        f"{story.reviewer}). Press Plan, look at what it would change, then press Apply; or delete the branch "
        "production."
    )
    assert story.state("network", "production") == {}


def test_a_merge_past_a_red_check_is_held_and_names_who_merged(line: Line) -> None:
    story = line.story()
    number = story.propose({".terraform-version": "0.12.31\n"})
    assert story.planned(number)["conclusion"] == "failure"
    assert held(story.applied(story.merge(number))) == (
        f"Not applied: #{number} was merged although planward/plan showed failure, not success (merged by "
        f"{story.reviewer}). {OR_REVERT}"
    )


def test_a_head_that_was_pushed_past_the_merge_button_is_held(line: Line) -> None:
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


# --- code that nobody vouches for ------------------------------------------------------------------------------------


def test_a_pull_request_from_a_fork_is_not_planned_and_no_secret_is_read_for_it(line: Line) -> None:
    story = line.story()
    stranger = f"{story.owner}-eve"
    story.github.create_user(stranger)
    fork = story.github.fork(story.name, by=stranger)
    story.github.commit(fork.full_name, "topic", story.network(2), by=stranger, start="staging")
    with no_secret_read(story):
        number = story.open(f"{stranger}:topic", by=stranger)
        check = story.planned(number)
    assert approval_asked_for(story, number, check) == (
        "Not planned yet: this pull request comes from a fork. Someone with write access has to look at "
        f"{stranger}'s code and press Approve plan."
    )


def test_a_pull_request_by_a_bot_is_not_planned_and_no_secret_is_read_for_it(line: Line) -> None:
    story = line.story()
    bot = f"{story.owner}-dependa[bot]"
    story.github.create_bot(bot)
    story.github.grant(story.name, bot, "write")
    with no_secret_read(story):
        number = story.propose(by=bot)
        check = story.planned(number)
    assert approval_asked_for(story, number, check) == (
        f"Not planned yet: {bot} is a bot that is not listed in trusted_bots (.github/planward.yml). "
        "Someone with write access has to look at its code and press Approve plan."
    )


def test_a_pull_request_by_somebody_who_lost_write_is_not_planned_again_and_no_secret_is_read_for_it(
    line: Line,
) -> None:
    story = line.story()
    number = story.propose()
    check = story.planned(number)
    story.github.grant(story.name, story.author, "triage")
    with no_secret_read(story):
        story.rerun(check, by=story.maintainer)
        check = story.planned(number, count=2)
    assert approval_asked_for(story, number, check) == (
        f"Not planned yet: {story.author} has no write access to this repository. Someone with write access has to "
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
    """The first line of a hold that waits for somebody to vouch for the head."""
    assert buttons(story, check) == ["approve_plan"]
    assert f"planward approve {story.head(number)}" in check["output"]["summary"]
    return held(check)


def test_the_secrets_of_testing_and_of_the_target_alone_are_read_for_a_pull_request(line: Line) -> None:
    story = line.story(testing=True)
    before = len(line.secrets_read())
    story.planned(story.propose())
    read = {tuple(path.split("/")[2:4]) for path in line.secrets_read()[before:]}
    assert read == {(story.team, each) for each in ("planward", "testing", "staging")}
