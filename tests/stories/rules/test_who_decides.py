"""Four eyes for the commits of a hold, and the ways to end a hold."""

import re
from typing import Any

from tests.stories.line import Line
from tests.stories.rules.saying import APPLY, answered, audit, green, held, refused
from tests.stories.rules.test_chat import chat_room, story_with
from tests.stories.story import Story

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


def test_people_who_had_a_part_in_every_commit_may_not_approve_and_the_config_says_how_many_others_have_to(
    line: Line,
) -> None:
    story = line.story(
        config="environments:\n  staging: {branch: staging, apply: manual, approvals: 2}\n  production:\n"
    )
    bob, carol, dave = people(story, "bob", "carol", "dave")
    pusher = story.maintainer
    # git takes any name, and an address that belongs to nobody.
    story.commit("topic", story.network(2), by=pusher, author=bob, committer=bob, co_authors=[carol])
    readme = {"README.md": "# Words\n"}
    story.commit("topic", readme, by=pusher, author=NOBODY, committer=NOBODY, co_authors=[bob, carol])
    number = story.open("topic", by=dave)  # who did nothing but open it
    merged, check = merged_by_hand(story, number, by=story.reviewer)
    summary = unescaped(check["output"]["summary"])
    assert "Who can decide: anyone who has the role maintain or admin here. 2 of them have to press Apply." in summary
    assert f"Not `{bob}`, `{carol}` or `{pusher}`: whoever wrote or pushed a commit cannot approve it" in summary
    assert f"/compare/{story.first}...{merged})" in summary
    assert f"Comment on any pull request:\n\n```\nplanward apply {merged} -e staging\n```" in summary

    # The person who pushed the commits under other names, their author and committer, and a co-author.
    for login in (pusher, bob, carol):
        story.press(check, "apply", by=login)
    story.quiet()
    assert len(story.check_runs(merged, APPLY)) == 1
    refusals = audit(story)
    assert len(refusals) == 3
    assert set(refusals) == {(login, "refused: apply", merged[:7]) for login in (pusher, bob, carol)}

    assert approved(story, number, merged, by=dave) == "eyes"
    summary = unescaped(story.applied(merged)["output"]["summary"])
    assert f"Approved so far by `{dave}`. Still needed: 1 more approval." in summary
    assert approved(story, number, merged, by=dave) == "eyes"  # the same person counts only once
    # The person who merged it: a merge makes nobody the author.
    assert approved(story, number, merged, by=story.reviewer) == "+1"
    green(story.applied(merged, count=2))
    assert story.size("staging") == 2


def test_people_approve_each_others_commits_together_and_one_alone_their_promotion_which_a_fork_cannot_turn_red(
    line: Line,
) -> None:
    story = line.story(
        config="environments:\n  staging: {branch: staging, apply: manual}\n"
        "  production: {branch: production, promote_from: staging, apply: manual}\n"
    )
    [bob] = people(story, "bob")
    for size, login in enumerate((story.maintainer, story.reviewer, bob), start=2):
        story.commit("topic", story.network(size), by=login, start="topic" if size > 2 else "staging")
    number = story.open("topic", by=bob)
    merged, _ = merged_by_hand(story, number)
    assert approved(story, number, merged, by=bob) == "eyes"
    story.quiet()
    assert len(story.check_runs(merged, APPLY)) == 1
    assert approved(story, number, merged, by=story.maintainer) == "+1"
    green(story.applied(merged, count=2))
    assert story.size("staging") == 4
    assert audit(story) == [
        (bob, "approve_apply", merged[:7]),
        (f"{bob} and {story.maintainer}", "apply", merged[:7]),
    ]

    promotion = story.open("staging", "production", by=bob, title="Promote")
    green(story.planned(promotion))
    fork = story.github.fork(story.name, by=story.reader)
    story.github.move(fork.full_name, "same", story.tip("staging"), by=story.reader)
    story.open(f"{story.reader}:same", "production", by=story.reader)
    again = story.planned(promotion, count=2)
    green(again)
    shown = again["output"]["summary"] + (again["output"]["text"] or "")
    assert "It does not count here until its plan is approved" in shown

    merged = story.merge(promotion)
    held(story.applied(merged, "production"))
    # Everybody who may approve wrote a part of it, but that was explained and applied in staging.
    assert approved(story, promotion, merged, "production", by=story.maintainer) == "+1"
    green(story.applied(merged, "production", count=2))
    assert story.size("production") == 4
    assert audit(story)[-1] == (story.maintainer, "apply", merged[:7])  # alone


def test_an_administrator_ends_any_hold_and_that_is_recorded_and_shown_and_the_promotion_that_waited_turns_green(
    line: Line,
) -> None:
    with chat_room() as chat:
        story = story_with(line, chat)
        sha = story.commit("staging", story.network(3), by=story.reviewer)
        held(story.applied(sha))
        chat.wait_for("The apply in staging waits for a person")
        number = story.open("staging", "production", title="Promote")
        refused(story.planned(number))
        told = chat.wait_for("The promotion to production may not be merged yet")
        assert "staging: waits for a person at" in told
        assert approved(story, number, sha, by=story.reviewer) == "-1"
        assert approved(story, number, sha, by=story.maintainer, more=" --override") == "-1"
        assert approved(story, number, sha, by=story.reviewer, more=" --override") == "+1"
        assert "terraform_data.net" in held(story.applied(sha, count=2)) + story.applied(sha, count=2)["output"]["text"]
        assert approved(story, number, sha, by=story.reviewer, more=" --override") == "+1"
        check = story.applied(sha, count=3)
        green(check)
        said = f"The administrator {story.reviewer} (--override) ended this hold alone"
        assert said in unescaped(check["output"]["summary"])
        assert said in chat.wait_for("Applied to staging")
        did = [did for _, did, _ in audit(story)]
        assert did == ["refused: plan", "refused: plan --override", "plan --override", "apply --override"]
        green(story.planned(number, count=2))
        chat.wait_for("The promotion to production may be merged")
        story.quiet()
        assert len(chat.said) == 5  # one more message: the plan of staging waited


def unescaped(markdown: str) -> str:
    """A summary without Markdown's escapes."""
    return re.sub(r"\\([^\sA-Za-z0-9])", r"\1", markdown)


# --- what was looked at, and who pushed it ----------------------------------------------------------------------------


def test_a_head_that_a_bot_or_a_person_without_write_access_any_more_pushed_is_held_and_no_secret_is_read(
    line: Line,
) -> None:
    bot = f"helpful{line.stories}[bot]"
    line.github.create_bot(bot)
    story = line.story()
    story.github.grant(story.name, bot, "write")
    [bob] = people(story, "bob", role="write")
    number = story.propose()
    green(story.planned(number))

    story.commit("topic", story.network(7), by=bob, start="topic")
    check = story.planned(number)
    green(check)
    story.github.grant(story.name, bob, "read")
    before = len(line.secrets_read())
    story.rerun(check, by=story.author)
    assert held(story.planned(number, count=2)).startswith(
        f"Not planned yet: the newest commit was pushed by {bob}, who has no write access"
    )
    story.quiet()
    assert line.secrets_read()[before:] == []

    before = len(line.secrets_read())
    story.commit("topic", story.network(8), by=bot, start="topic")
    check = story.planned(number)
    assert held(check).startswith(f"Not planned yet: the newest commit was pushed by {bot}, a bot")
    story.quiet()
    assert line.secrets_read()[before:] == []
    story.press(check, "approve_plan", by=story.author)
    check = story.planned(number, count=2)
    assert held(check).startswith(f"Not previewed in staging yet: the newest commit was pushed by {bot}, a bot")
    story.press(check, "preview", by=story.author)
    green(story.planned(number, count=3))
