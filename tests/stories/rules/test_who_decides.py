"""Four eyes for the commits of a hold, and the ways to end a hold."""

import re
from typing import Any

from tests.stories.line import Line
from tests.stories.rules.saying import APPLY, answered, audit, buttons, green, held
from tests.stories.rules.test_chat import chat_room
from tests.stories.rules.test_holds import proposed_from_fork
from tests.stories.story import Story

BY_HAND = "environments:\n  staging: {branch: staging, apply: manual}\n  production: {branch: production%s}\n"

NOBODY = "Nobody <nobody@nowhere.example>"


def people(story: Story, *names: str, role: str = "maintain") -> list[str]:
    """Create more people in this story, who may write and approve."""
    logins = [f"{story.owner}-{name}" for name in names]
    for login in logins:
        story.github.create_user(login)
        story.github.grant(story.name, login, role)
    return logins


def approved(story: Story, number: int, sha: str, environment: str = "staging", *, by: str, more: str = "") -> str:
    """Comment `planward apply`, and return the reaction."""
    return answered(story, story.comment(number, f"planward apply {sha} -e {environment}{more}", by=by))


def merged_by_hand(story: Story, number: int, **options: Any) -> tuple[str, dict[str, Any]]:
    """Merge a pull request into an environment that is applied by hand; returns its hold."""
    green(story.planned(number))
    merged = story.merge(number, **options)
    check = story.applied(merged)
    held(check)
    return merged, check


def test_who_wrote_all_commits_of_somebody_elses_pull_request_does_not_approve_them(line: Line) -> None:
    story = line.story(config=BY_HAND % "")
    [bob] = people(story, "bob")
    story.commit("topic", story.network(2), by=story.maintainer)
    number = story.open("topic", by=bob)  # who did nothing but open it
    merged, check = merged_by_hand(story, number)
    story.press(check, "apply", by=story.maintainer)
    story.quiet()
    assert audit(story) == [(story.maintainer, "refused: apply", merged[:7])]
    story.press(check, "apply", by=bob)
    green(story.applied(merged, count=2))
    assert story.size("staging") == 2


def test_who_pushed_a_commit_in_another_name_does_not_approve_it(line: Line) -> None:
    story = line.story(config=BY_HAND % "")
    [bob] = people(story, "bob")
    story.commit("topic", story.network(2), by=story.maintainer, author=bob, committer=bob)  # git takes any name
    number = story.open("topic", by=bob)
    merged, check = merged_by_hand(story, number)
    for login in (story.maintainer, bob):
        story.press(check, "apply", by=login)
    story.quiet()
    assert len(story.check_runs(merged, APPLY)) == 1
    story.press(check, "apply", by=story.reviewer)  # the person who merged it: a merge makes nobody the author
    green(story.applied(merged, count=2))


def test_a_co_author_does_not_approve(line: Line) -> None:
    story = line.story(config=BY_HAND % "")
    [bob] = people(story, "bob")
    story.commit("topic", story.network(2), co_authors=[bob])
    merged, check = merged_by_hand(story, story.open("topic"))
    story.press(check, "apply", by=bob)
    story.quiet()
    assert audit(story) == [(bob, "refused: apply", merged[:7])]
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(merged, count=2))


def test_a_team_of_two_releases_each_others_commits_together(line: Line) -> None:
    story = line.story(config=BY_HAND % "")
    [bob] = people(story, "bob")
    story.commit("topic", story.network(2), by=story.maintainer)
    story.commit("topic", story.root_module("app"), by=bob, start="topic")
    number = story.open("topic", by=bob)
    merged, _ = merged_by_hand(story, number)
    assert approved(story, number, merged, by=bob) == "eyes"
    story.quiet()
    assert len(story.check_runs(merged, APPLY)) == 1
    assert approved(story, number, merged, by=story.maintainer) == "+1"
    green(story.applied(merged, count=2))
    assert story.size("staging") == 2
    assert audit(story) == [
        (bob, "approve_apply", merged[:7]),
        (f"{bob} and {story.maintainer}", "apply", merged[:7]),
    ]


def test_a_promotion_by_a_team_in_which_everybody_wrote_something_is_approved_by_one_of_them(line: Line) -> None:
    config = (
        "environments:\n  staging: {branch: staging}\n  production: {branch: production, promote_from: staging, apply: "
        "manual}\n"
    )
    story = line.story(config=config)
    [bob] = people(story, "bob")
    for size, login in enumerate((story.maintainer, bob, story.reviewer), start=2):
        story.commit("topic", story.network(size), by=login)
    story.land(story.open("topic", by=bob))
    promotion = story.open("staging", "production", by=bob, title="Promote")
    green(story.planned(promotion))
    merged = story.merge(promotion)
    held(story.applied(merged, "production"))
    assert approved(story, promotion, merged, "production", by=story.maintainer) == "+1"
    green(story.applied(merged, "production", count=2))
    assert story.size("production") == 4


def test_a_commit_with_an_unlinked_address_is_its_pushers(line: Line) -> None:
    story = line.story(config=BY_HAND % "")
    story.commit("topic", story.network(2), by=story.maintainer, author=NOBODY, committer=NOBODY)
    merged, check = merged_by_hand(story, story.open("topic"))
    story.press(check, "apply", by=story.maintainer)
    story.quiet()
    assert audit(story) == [(story.maintainer, "refused: apply", merged[:7])]
    story.press(check, "apply", by=story.reviewer)
    green(story.applied(merged, count=2))


def test_an_administrator_ends_any_hold_and_that_is_recorded_and_shown(line: Line) -> None:
    with chat_room() as chat:
        story = line.story(config='notify:\n  - {url: "vault:kv/{team}/chat#url", on: [applied]}\n')
        line.bao.put(f"kv/{story.team}/chat", url=chat.url)
        sha = story.commit("staging", story.network(3), by=story.reviewer)
        held(story.applied(sha))
        number = story.propose({"README.md": "# Words\n"})
        assert approved(story, number, sha, by=story.reviewer) == "-1"
        assert approved(story, number, sha, by=story.maintainer, more=" --override") == "-1"
        assert approved(story, number, sha, by=story.reviewer, more=" --override") == "+1"
        assert "terraform_data.net" in held(story.applied(sha, count=2)) + story.applied(sha, count=2)["output"]["text"]
        assert approved(story, number, sha, by=story.reviewer, more=" --override") == "+1"
        check = story.applied(sha, count=3)
        green(check)
        said = f"The hold was ended by the administrator {story.reviewer} (--override), without four eyes"
        assert said in unescaped(check["output"]["summary"])
        assert said in chat.wait_for("Applied to staging")
        did = [did for _, did, _ in audit(story)]
        assert did == ["refused: plan", "refused: plan --override", "plan --override", "apply --override"]


def unescaped(markdown: str) -> str:
    """A summary without Markdown's escapes."""
    return re.sub(r"\\([^\sA-Za-z0-9])", r"\1", markdown)


def test_more_people_than_one_where_the_config_wants_them(line: Line) -> None:
    config = "environments:\n  staging: {branch: staging, apply: manual, approvals: 2}\n  production:\n"
    story = line.story(config=config)
    number = story.propose()
    merged, check = merged_by_hand(story, number)
    summary = unescaped(check["output"]["summary"])
    assert "Who can decide: anyone who has the role maintain or admin here. 2 of them have to press Apply." in summary
    assert f"Not `{story.author}`: whoever wrote or pushed a commit cannot approve it" in summary
    assert f"/compare/{story.first}...{merged})" in summary
    assert f"Comment on any pull request:\n\n```\nplanward apply {merged} -e staging\n```" in summary
    assert approved(story, number, merged, by=story.maintainer) == "eyes"
    summary = unescaped(story.applied(merged)["output"]["summary"])
    assert f"Approved so far by `{story.maintainer}`. Still needed: 1 more approval." in summary
    assert approved(story, number, merged, by=story.maintainer) == "eyes"  # once more is the same person
    assert approved(story, number, merged, by=story.reviewer) == "+1"
    green(story.applied(merged, count=2))


# --- what was looked at, and who pushed it ----------------------------------------------------------------------------


def test_an_approval_for_another_base_counts_for_nothing(line: Line) -> None:
    story = line.story()
    number, _ = proposed_from_fork(story)
    check = story.planned(number)
    held(check)
    story.press(check, "approve_plan", by=story.author)
    assert held(story.planned(number, count=2)).startswith("Not previewed in staging yet")
    story.edit(number, base="production")
    again = story.planned(number, count=3)
    assert buttons(story, again) == ["approve_plan"], again["output"]["title"]
    held(again)


def test_a_head_that_a_bot_pushed_to_somebodys_branch_is_held_and_no_secret_is_read(line: Line) -> None:
    bot = f"helpful{line.stories}[bot]"
    line.github.create_bot(bot)
    story = line.story(testing=True)
    story.github.grant(story.name, bot, "write")
    number = story.propose()
    green(story.planned(number))
    before = len(line.secrets_read())
    story.commit("topic", story.network(7), by=bot, start="topic")
    check = story.planned(number)
    assert held(check).startswith(f"Not planned yet: the newest commit was pushed by {bot}, a bot")
    story.quiet()
    assert line.secrets_read()[before:] == []
    story.press(check, "approve_plan", by=story.author)
    check = story.planned(number, count=2)
    assert held(check).startswith(f"Not previewed in staging yet: the newest commit was pushed by {bot}, a bot")
    story.press(check, "preview", by=story.author)
    green(story.planned(number, count=3))


def test_a_head_that_somebody_pushed_who_lost_write_since_is_held(line: Line) -> None:
    story = line.story()
    [bob] = people(story, "bob", role="write")
    number = story.propose()
    green(story.planned(number))
    story.commit("topic", story.network(7), by=bob, start="topic")
    check = story.planned(number)
    green(check)
    story.github.grant(story.name, bob, "read")
    story.rerun(check, by=story.author)
    assert held(story.planned(number, count=2)).startswith(
        f"Not planned yet: the newest commit was pushed by {bob}, who has no write access"
    )


def test_a_forks_pull_request_at_stagings_tip_does_not_turn_the_promotion_red(line: Line) -> None:
    story = line.story()
    story.land(story.propose())
    promotion = story.open("staging", "production", title="Promote")
    green(story.planned(promotion))
    fork = story.github.fork(story.name, by=story.reader)
    story.github.move(fork.full_name, "same", story.tip("staging"), by=story.reader)
    story.open(f"{story.reader}:same", "production", by=story.reader)
    again = story.planned(promotion, count=2)
    green(again)
    assert "does not count until its plan is approved" in again["output"]["summary"] + (again["output"]["text"] or "")
