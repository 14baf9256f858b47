"""Each hold names a person and a remedy, which is bound to what was shown and to current permissions."""

import pytest

from tests.stories.line import Line
from tests.stories.rules.adopted import adopted_story
from tests.stories.rules.saying import APPLY, audit, audit_rows, buttons, confirming, green, held, refused, title
from tests.stories.story import Story
from tests.stories.waiting import eventually

# --- code that nobody with write access vouches for ------------------------------------------------------------------


def proposed_from_fork(story: Story) -> tuple[int, str]:
    """A pull request from a fork by somebody without write access: its number, and the fork's name."""
    fork = story.github.fork(story.name, by=story.reader)
    story.github.commit(fork.full_name, "topic", story.network(2), by=story.reader, start="staging")
    return story.open(f"{story.reader}:topic", by=story.reader), fork.full_name


def test_a_forks_plan_is_approved_by_somebody_with_write_and_by_nobody_else(line: Line) -> None:
    story = line.story(testing=True)
    number, _ = proposed_from_fork(story)
    check = story.planned(number)
    held(check)
    assert buttons(story, check) == ["approve_plan"]
    story.press(check, "approve_plan", by=story.reader)
    story.quiet()
    head = story.head(number)
    assert len(story.check_runs(head)) == 1
    story.press(check, "approve_plan", by=story.author)
    assert held(story.planned(number, count=2)).startswith("Not previewed in staging yet")  # planned in testing
    assert audit(story) == [(story.reader, "refused: approve_plan", head[:7]), (story.author, "approve_plan", head[:7])]


def test_a_forks_approval_does_not_reach_its_next_commit(line: Line) -> None:
    story = line.story()
    number, fork = proposed_from_fork(story)
    first = story.planned(number)
    old = story.head(number)
    story.press(first, "approve_plan", by=story.author)
    assert held(story.planned(number, count=2)).startswith("Not previewed in staging yet")
    story.github.commit(fork, "topic", story.network(3), by=story.reader)
    assert held(story.planned(number)).startswith("Not planned yet")
    story.press(first, "approve_plan", by=story.author)  # the check run of a commit that is not the head any more
    story.quiet()
    head = story.head(number)
    assert head != old
    assert [each["conclusion"] for each in story.check_runs(head)] == ["action_required"]


def test_the_button_of_an_older_check_run_is_dead(line: Line) -> None:
    story = line.story()
    number, _ = proposed_from_fork(story)
    older = story.planned(number)
    held(older)
    story.rerun(older)  # approves nothing
    newer = story.planned(number, count=2)
    held(newer)
    story.press(older, "approve_plan", by=story.author)
    story.quiet()
    head = story.head(number)
    assert len(story.check_runs(head)) == 2
    assert (story.author, "too late: approve_plan", head[:7]) in audit(story)
    story.press(newer, "approve_plan", by=story.author)
    assert held(story.planned(number, count=3)).startswith("Not previewed in staging yet")


# --- what is destroyed -----------------------------------------------------------------------------------------------


def test_a_destruction_is_confirmed_by_somebody_other_than_the_author_and_for_this_plan(line: Line) -> None:
    story = adopted_story(
        line,
        environments=("testing", "staging"),
        testing=True,
        config="environments:\n  testing: {apply: on_merge}\n  staging: {branch: staging}\nconfirm: [destroy]\n",
    )
    without = story.root_module("network")["network/main.tf"].partition('resource "terraform_data"')[0]
    number = story.propose({"network/main.tf": without}, head="drop")
    check = story.planned(number)
    assert held(check) == confirming("staging", "terraform_data.net")
    story.press(check, "confirm_destroy", by=story.author)
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    story.press(check, "confirm_destroy", by=story.maintainer)
    green(story.planned(number, count=2))
    [refusal, confirmation] = audit_rows(story)[-2:]
    assert (refusal["who"], refusal["did"]) == (story.author, "refused: confirm_destroy")
    assert (confirmation["who"], confirmation["did"]) == (story.maintainer, "confirm_destroy")
    assert len(confirmation["details"]["digests"]) == 2


def test_nobody_confirms_a_destruction_in_a_pull_request_to_which_they_pushed(line: Line) -> None:
    story = adopted_story(line, config="confirm: [destroy]\n")
    without = story.root_module("network")["network/main.tf"].partition('resource "terraform_data"')[0]
    number = story.propose({"network/main.tf": without}, head="drop")
    held(story.planned(number))
    story.commit("drop", {"network/more.tf": "locals { a = 1 }\n"}, by=story.maintainer, start="drop")
    check = story.planned(number)
    held(check)
    story.press(check, "confirm_destroy", by=story.maintainer)
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    assert audit(story) == [(story.maintainer, "refused: confirm_destroy", story.head(number)[:7])]
    story.press(check, "confirm_destroy", by=story.reviewer)
    green(story.planned(number, count=2))


# --- who may let a commit in -----------------------------------------------------------------------------------------


def test_who_wrote_or_merged_it_may_not_apply_it(line: Line) -> None:
    story = line.story(secrets=False)  # so that the check is red
    number = story.propose(by=story.maintainer)
    refused(story.planned(number))
    story.secret("staging", db_password="late")
    merged = story.merge(number, by=story.reviewer)
    check = story.applied(merged)
    assert story.reviewer in held(check)
    for login in (
        story.maintainer,
        story.reviewer,
        story.author,
    ):  # the author, the one who merged, and a person with only write access
        story.press(check, "plan", by=login)
    story.quiet()
    assert len(story.check_runs(merged, APPLY)) == 1
    assert [did for _, did, _ in audit(story)] == ["refused: plan"] * 3
    other = f"{story.owner}-max"
    line.github.create_user(other)
    story.github.grant(story.name, other, "maintain")
    green(story.let_in(check, by=other))
    assert story.size("staging") == 2
    vouched, approval = audit_rows(story)[3:]
    assert (vouched["who"], vouched["did"]) == (other, "plan")
    assert (approval["who"], approval["did"], approval["details"]["environment"]) == (other, "apply", "staging")


def test_who_pushed_it_before_the_branch_was_forced_back_may_not_apply_it_either(line: Line) -> None:
    story = line.story()
    sha = story.commit("staging", story.network(3), by=story.maintainer)
    check = story.applied(sha)
    held(check)
    story.github.move(story.name, "staging", story.first, by=story.reviewer)
    story.quiet()
    story.github.move(story.name, "staging", sha, by=story.maintainer)
    story.quiet()
    story.press(check, "plan", by=story.maintainer)
    story.quiet()
    assert audit(story) == [(story.maintainer, "refused: plan", sha[:7])]
    assert story.state("network", "staging") == {}


def test_a_commit_cannot_be_let_in_before_it_is_known_who_merged_it(line: Line) -> None:
    story = line.story(secrets=False)  # so that the check is red
    number = story.propose()
    refused(story.planned(number))
    line.github.hold_deliveries("push")
    line.github.hold_deliveries("pull_request", "closed")
    merged = story.merge(number, by=story.reviewer)
    story.comment(number, f"planward apply {merged} -e staging", by=story.reviewer)
    eventually(lambda: audit(story) == [(story.reviewer, "refused: apply", merged[:7])], "it is refused")
    line.github.release()
    held(story.applied(merged))


def test_who_may_apply_is_asked_of_github_at_that_moment(line: Line) -> None:
    story = line.story()
    sha = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(sha)
    held(check)
    story.github.grant(story.name, story.maintainer, "write")
    story.press(check, "plan", by=story.maintainer)
    eventually(lambda: audit(story) == [(story.maintainer, "refused: plan", sha[:7])], "it is refused")
    story.github.create_custom_role(story.owner, "operator", base_role="maintain")
    story.github.grant(story.name, story.maintainer, "operator")
    green(story.let_in(check, by=story.maintainer))


def test_a_team_of_one_lets_its_own_commit_in_if_the_config_says_so(line: Line) -> None:
    story = line.story(config="four_eyes: false\n")
    sha = story.commit("staging", story.network(3), by=story.reviewer)
    check = story.applied(sha)
    held(check)
    green(story.let_in(check, by=story.reviewer))


@pytest.mark.parametrize("kind", ["user", "team"])
def test_where_approvers_are_named_they_alone_may_apply(line: Line, kind: str) -> None:
    owner = f"acme{line.stories + 1}"
    approver = f"{owner}-ron" if kind == "user" else f"{owner}/platform"
    config = f"""\
        environments:
          staging: {{branch: staging, approvers: ["{approver}"]}}
    """
    story = line.story(config=config)
    line.github.create_team(story.owner, "platform", members=[story.reader], repositories={story.name: "read"})
    sha = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(sha)
    held(check)
    story.press(check, "plan", by=story.reviewer)  # the reviewer is an administrator, but no approver
    story.quiet()
    assert len(story.check_runs(sha, APPLY)) == 1
    green(story.let_in(check, by=story.reader))


def test_a_button_is_dead_once_the_branch_has_moved_on(line: Line) -> None:
    story = line.story()
    older = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(older)
    held(check)
    line.github.hold_deliveries("check_run", "requested_action")
    story.press(check, "plan", by=story.maintainer)
    newer = story.commit("staging", story.network(4), by=story.author)
    held(story.applied(newer))
    line.github.release()
    story.quiet()
    replaced = story.applied(older)
    assert (replaced["conclusion"], title(replaced)) == (
        "cancelled",
        f"Replaced by a newer check run on {newer[:7]}: there is nothing to do here. If that one waits, decide there.",
    )
    assert buttons(story, replaced) == []
    assert len(story.check_runs(older, APPLY)) == len(story.check_runs(newer, APPLY)) == 1
    assert story.state("network", "staging") == {}


def test_rerun_of_a_hold_approves_nothing(line: Line) -> None:
    story = line.story()
    sha = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(sha)
    held(check)
    line.github.hold_deliveries("check_run", "requested_action")
    story.press(check, "plan", by=story.maintainer)
    story.rerun(check, by=story.maintainer)
    newer = story.applied(sha, count=2)
    held(newer)
    line.github.release()  # the older check run's button
    story.quiet()
    assert story.state("network", "staging") == {}
    green(story.let_in(newer, by=story.maintainer))


# --- environments that are applied by hand ---------------------------------------------------------------------------

BY_HAND = "environments:\n  staging: {branch: staging, apply: manual}\n"


def test_with_manual_applies_a_plan_that_changed_meanwhile_asks_again(line: Line) -> None:
    story = line.story(config=BY_HAND)
    number = story.propose()
    green(story.planned(number))
    merged = story.merge(number)
    check = story.applied(merged)
    held(check)
    story.secret("staging", db_password="another")
    story.press(check, "apply", by=story.maintainer)
    again = story.applied(merged, count=2)
    assert (
        held(again)
        == "network in staging: the plan changed since it was approved. Look at the new one, then press Apply."
    )
    assert story.state("network", "staging") == {}
    story.press(again, "apply", by=story.maintainer)
    green(story.applied(merged, count=3))
    assert story.size("staging") == 2


def test_with_manual_applies_an_unexplained_commit_is_let_in_first_and_its_plan_approved_then(line: Line) -> None:
    story = line.story(config=BY_HAND)
    sha = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(sha)
    held(check)
    story.press(check, "plan", by=story.maintainer)
    shown = story.applied(sha, count=2)
    held(shown)
    story.rerun(shown, by=story.maintainer)  # plans it again, and approves nothing
    again = story.applied(sha, count=3)
    assert buttons(story, again) == ["apply"], held(again)
    assert story.state("network", "staging") == {}
    story.press(again, "apply", by=story.maintainer)
    green(story.applied(sha, count=4))


# --- "Re-run all" ----------------------------------------------------------------------------------------------------


def test_rerun_all_plans_again(line: Line) -> None:
    story = line.story()
    number = story.propose({"README.md": "# Words\n"})
    check = story.planned(number)
    green(check)
    suite = story.get(f"/check-runs/{check['id']}")["check_suite"]["id"]
    story.github.rerun_all(story.name, suite, by=story.author)
    green(story.planned(number, count=2))
    eventually(lambda: (story.author, "rerun", story.head(number)[:7]) in audit(story), "it is in the audit log")
