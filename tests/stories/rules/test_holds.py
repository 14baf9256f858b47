"""Each hold names a person and a remedy, which is bound to what was shown and to current permissions."""

from tests.stories.line import Line
from tests.stories.rules.adopted import adopted_story
from tests.stories.rules.saying import APPLY, audit, audit_rows, buttons, confirming, green, held, refused, title
from tests.stories.story import Story
from tests.stories.waiting import eventually

# --- code that nobody with write access vouches for ------------------------------------------------------------------


def proposed_from_fork(story: Story, head: str = "topic") -> tuple[int, str]:
    """A pull request from a fork by somebody without write access: its number, and the fork's name.

    It gives `network` the size 2. Each `head` is a branch of the only fork of the story's repository.
    """
    name = f"{story.reader}/{story.team}"
    if story.line.rest(story.reader).get(f"/repos/{name}").status_code == 404:
        name = story.github.fork(story.name, by=story.reader).full_name
    files = {**story.network(2), f"{head}.md": "# Words\n"}  # so that commits within one second differ
    story.github.commit(name, head, files, by=story.reader, start="staging")
    return story.open(f"{story.reader}:{head}", by=story.reader), name


def test_a_forks_plan_is_approved_for_one_base_by_somebody_with_write_and_by_nobody_else(line: Line) -> None:
    story = line.story(testing=True)
    number, _ = proposed_from_fork(story)
    older = story.planned(number)
    held(older)
    assert buttons(story, older) == ["approve_plan"]
    story.press(older, "approve_plan", by=story.reader)
    story.quiet()
    head = story.head(number)
    assert len(story.check_runs(head)) == 1

    story.rerun(older)  # approves nothing
    newer = story.planned(number, count=2)
    held(newer)
    story.press(older, "approve_plan", by=story.author)  # dead, since there is a newer check run
    story.quiet()
    assert len(story.check_runs(head)) == 2
    story.press(newer, "approve_plan", by=story.author)
    check = story.planned(number, count=3)  # planned in testing
    assert held(check) == (
        "Not previewed in staging yet: this pull request comes from a fork. Someone with write access has to look at "
        "the code and press Preview."
    )
    assert audit(story) == [
        (story.reader, "refused: approve_plan", head[:7]),
        (story.author, "rerun", head[:7]),
        (story.author, "too late: approve_plan", head[:7]),
        (story.author, "approve_plan", head[:7]),
    ]
    assert buttons(story, check) == ["preview"]
    assert f"planward preview {head}" in check["output"]["summary"]
    assert "terraform_data.net" in check["output"]["text"]  # as testing has it
    assert secrets_read(story, "staging") == []

    story.press(check, "preview", by=story.reader)
    story.quiet()
    assert len(story.check_runs(head)) == 3
    story.press(check, "preview", by=story.author)
    assert green(story.planned(number, count=4)) == "1 to add in staging"
    assert audit(story)[-2:] == [(story.reader, "refused: preview", head[:7]), (story.author, "preview", head[:7])]

    story.edit(number, base="production")
    again = story.planned(number, count=5)
    assert buttons(story, again) == ["approve_plan"], again["output"]["title"]
    held(again)
    assert secrets_read(story, "production") == []


def secrets_read(story: Story, environment: str) -> list[str]:
    """The paths of an environment's secrets that were read."""
    return [path for path in story.line.secrets_read() if f"/{story.team}/{environment}" in path]


def test_a_forks_approval_does_not_reach_its_next_commit(unmerged: Story, topic: str) -> None:
    number, fork = proposed_from_fork(unmerged, topic)
    first = unmerged.planned(number)
    old = unmerged.head(number)
    unmerged.press(first, "approve_plan", by=unmerged.author)
    assert held(unmerged.planned(number, count=2)).startswith("Not previewed in staging yet")
    unmerged.github.commit(fork, topic, unmerged.network(3), by=unmerged.reader)
    assert held(unmerged.planned(number)).startswith("Not planned yet")
    # The check run of a commit that is not the head any more.
    unmerged.press(first, "approve_plan", by=unmerged.author)
    unmerged.quiet()
    head = unmerged.head(number)
    assert head != old
    assert [each["conclusion"] for each in unmerged.check_runs(head)] == ["action_required"]


# --- what is destroyed -----------------------------------------------------------------------------------------------


def test_a_destruction_is_confirmed_for_this_plan_by_somebody_who_pushed_nothing_of_the_pull_request(
    line: Line,
) -> None:
    story = adopted_story(
        line,
        environments=("testing", "staging"),
        testing=True,
        config="environments:\n  testing: {apply: on_merge}\n  staging: {branch: staging}\nconfirm: [destroy]\n",
    )
    without = story.root_module("network")["network/main.tf"].partition('resource "terraform_data"')[0]
    story.commit("drop", {"network/main.tf": without})
    story.commit("drop", {"network/more.tf": "locals { a = 1 }\n"}, by=story.maintainer, start="drop")
    number = story.open("drop")
    check = story.planned(number)
    assert held(check) == confirming("staging", "terraform_data.net")
    for login in (story.author, story.maintainer):
        story.press(check, "confirm_destroy", by=login)
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    story.press(check, "confirm_destroy", by=story.reviewer)
    green(story.planned(number, count=2))
    first, second, confirmation = audit_rows(story)
    assert {(each["who"], each["did"]) for each in (first, second)} == {
        (story.author, "refused: confirm_destroy"),
        (story.maintainer, "refused: confirm_destroy"),
    }
    assert (confirmation["who"], confirmation["did"]) == (story.reviewer, "confirm_destroy")
    assert len(confirmation["details"]["digests"]) == 2


# --- who may let a commit in -----------------------------------------------------------------------------------------


def test_authors_and_mergers_may_not_apply_and_nobody_may_before_the_merger_is_known(line: Line) -> None:
    story = line.story(secrets=False)  # so that the check is red
    number = story.propose(by=story.maintainer)
    refused(story.planned(number))
    story.secret("staging", db_password="late")
    line.github.hold_deliveries("push")
    line.github.hold_deliveries("pull_request", "closed")
    merged = story.merge(number, by=story.reviewer)
    story.comment(number, f"planward apply {merged} -e staging", by=story.reviewer)
    eventually(lambda: audit(story) == [(story.reviewer, "refused: apply", merged[:7])], "it is refused")
    line.github.release()
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
    assert [did for _, did, _ in audit(story)][1:] == ["refused: plan"] * 3
    other = f"{story.owner}-max"
    line.github.create_user(other)
    story.github.grant(story.name, other, "maintain")
    green(story.let_in(check, by=other))
    assert story.size("staging") == 2
    vouched, approval = audit_rows(story)[4:]
    assert (vouched["who"], vouched["did"]) == (other, "plan")
    assert (approval["who"], approval["did"], approval["details"]["environment"]) == (other, "apply", "staging")


def test_whoever_pushed_a_commit_before_the_branch_was_forced_back_to_last_may_not_apply_it_either(
    line: Line,
) -> None:
    story = line.story()
    last = story.first  # adopted
    sha = story.commit("staging", story.network(3), by=story.maintainer)
    check = story.applied(sha)
    held(check)
    story.github.move(story.name, "staging", last, by=story.reviewer)
    assert green(story.applied(last)) == f"nothing to apply: staging is at {last[:7]}"
    story.quiet()
    story.github.move(story.name, "staging", sha, by=story.maintainer)
    story.quiet()
    story.press(check, "plan", by=story.maintainer)
    story.quiet()
    assert audit(story) == [(story.maintainer, "refused: plan", sha[:7])]
    assert story.state("network", "staging") == {}


def test_if_approvers_are_named_they_alone_may_apply_even_what_they_wrote_if_the_config_says_so(line: Line) -> None:
    owner = f"acme{line.stories + 1}"
    config = f"""\
        four_eyes: false
        environments:
          staging: {{branch: staging, approvers: ["{owner}-ada", "{owner}/platform"], approvals: 2}}
          production: {{branch: production}}
    """
    story = line.story(config=config)
    line.github.create_team(story.owner, "platform", members=[story.reader], repositories={story.name: "read"})
    sha = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(sha)
    held(check)
    story.press(check, "plan", by=story.reviewer)  # the reviewer is an administrator, but no approver
    story.quiet()
    assert len(story.check_runs(sha, APPLY)) == 1
    story.press(check, "plan", by=story.reader)  # of the team
    shown = story.applied(sha, count=2)
    held(shown)
    story.press(shown, "apply", by=story.author)  # named as an approver, although the author
    story.press(shown, "apply", by=story.reviewer)
    story.quiet()
    assert len(story.check_runs(sha, APPLY)) == 2
    story.press(shown, "apply", by=story.reader)
    green(story.applied(sha, count=3))
    assert [did[:2] for did in audit(story)[:2]] == [(story.reviewer, "refused: plan"), (story.reader, "plan")]
    assert {did[:2] for did in audit(story)[2:4]} == {
        (story.author, "approve_apply"),
        (story.reviewer, "refused: apply"),
    }

    # A team of one where no approvers are named.
    check = story.applied(story.commit("production", story.network(4), by=story.reviewer), "production")
    held(check)
    green(story.let_in(check, by=story.reviewer))
    assert story.size("production") == 4


def test_only_the_newest_buttons_of_the_tip_end_a_hold_for_people_who_may_at_that_moment_and_a_rerun_never_does(
    line: Line,
) -> None:
    """The commit is unexplained, and applies are manual: first the commit is let in, and then its plan is approved."""
    story = line.story(config="environments:\n  staging: {branch: staging, apply: manual}\n")
    older = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(older)
    held(check)
    line.github.hold_deliveries("check_run", "requested_action")
    story.press(check, "plan", by=story.maintainer)
    sha = story.commit("staging", story.network(4), by=story.author)
    check = story.applied(sha)
    held(check)
    line.github.release()
    story.quiet()
    replaced = story.applied(older)
    assert (replaced["conclusion"], title(replaced)) == (
        "cancelled",
        f"Replaced by a newer check run on {sha[:7]}: there is nothing to do here. If that one waits, decide there.",
    )
    assert buttons(story, replaced) == []
    assert len(story.check_runs(older, APPLY)) == len(story.check_runs(sha, APPLY)) == 1
    assert story.state("network", "staging") == {}

    line.github.hold_deliveries("check_run", "requested_action")
    story.press(check, "plan", by=story.maintainer)
    story.rerun(check, by=story.maintainer)
    newer = story.applied(sha, count=2)
    held(newer)
    line.github.release()  # the older check run's button
    story.quiet()
    assert len(story.check_runs(sha, APPLY)) == 2
    assert story.state("network", "staging") == {}

    before = len(audit(story))
    story.github.grant(story.name, story.maintainer, "write")
    story.press(newer, "plan", by=story.maintainer)
    eventually(lambda: audit(story)[before:] == [(story.maintainer, "refused: plan", sha[:7])], "it is refused")
    story.github.create_custom_role(story.owner, "operator", base_role="maintain")
    story.github.grant(story.name, story.maintainer, "operator")
    story.press(newer, "plan", by=story.maintainer)
    shown = story.applied(sha, count=3)
    held(shown)
    story.rerun(shown, by=story.maintainer)  # plans it again, and approves nothing
    again = story.applied(sha, count=4)
    assert buttons(story, again) == ["apply"], held(again)
    assert story.state("network", "staging") == {}
    story.press(again, "apply", by=story.maintainer)
    green(story.applied(sha, count=5))


# --- "Re-run all" ----------------------------------------------------------------------------------------------------


def test_rerun_all_plans_again(unmerged: Story, topic: str) -> None:
    number = unmerged.propose({"README.md": f"# {topic}\n"}, head=topic)
    check = unmerged.planned(number)
    green(check)
    suite = unmerged.get(f"/check-runs/{check['id']}")["check_suite"]["id"]
    unmerged.github.rerun_all(unmerged.name, suite, by=unmerged.author)
    green(unmerged.planned(number, count=2))
    sha = unmerged.head(number)[:7]
    eventually(lambda: (unmerged.author, "rerun", sha) in audit(unmerged), "it is in the audit log")
