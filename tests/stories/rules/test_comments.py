"""Commands in comments name the reviewed commit; invalid ones do nothing; a reaction is the answer."""

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import APPLY, answered, audit, buttons, green, held, refused, unanswered
from tests.stories.rules.test_holds import proposed_from_fork
from tests.stories.story import Story


def replies(story: Story, number: int) -> list[str]:
    """Planward's comments on a pull request, without their hidden markers."""
    return [body.partition("-->")[2].strip() for body in story.comments(number) if body.startswith("<!--")]


def test_a_comment_that_names_the_head_approves_its_plan_and_a_reaction_says_so(unmerged: Story, topic: str) -> None:
    story = unmerged
    number, _ = proposed_from_fork(story, topic)
    held(story.planned(number))
    head = story.head(number)
    assert answered(story, story.comment(number, f"planward approve {head}", by=story.reader)) == "-1"
    assert answered(story, story.comment(number, f"planward approve {story.first}", by=story.author)) == "confused"
    assert answered(story, story.comment(number, f"planward approve {head}", by=story.author)) == "+1"
    assert buttons(story, story.planned(number, count=2)) == ["preview"]
    assert answered(story, story.comment(number, f"planward preview {head}", by=story.author)) == "+1"
    green(story.planned(number, count=3))
    assert audit_of(story, head) == [
        (story.reader, "refused: approve_plan"),
        (story.author, "approve_plan"),
        (story.author, "preview"),
    ]


def audit_of(story: Story, sha: str) -> list[tuple[str, str]]:
    """The entries of the audit log about a commit, oldest first: who, did what."""
    return [(who, did) for who, did, about in audit(story) if about == sha[:7]]


@pytest.fixture(scope="module")
def forks(unmerged: Story) -> tuple[Story, int]:
    """A pull request from a fork whose plan no comment of these stories approves."""
    number, _ = proposed_from_fork(unmerged, "not-approved")
    held(unmerged.planned(number))
    return unmerged, number


def test_comments_that_do_not_count_do_nothing(line: Line, forks: tuple[Story, int]) -> None:
    story, number = forks
    head = story.head(number)
    command = f"planward approve {head}"
    before = audit(story)
    bodies = [
        f"> {command}",
        f"```\n{command}\n```",
        f"~~~~\n```\n{command}\n~~~~",
        f"    {command}",
        f"Please {command}",
        f"{command} now",
        f"`{command}`",
        f"<!--\n{command}\n-->",
        f"> a quote\u2028{command}",
        f"<details>\n\n{command}\n\n</details>",
    ]
    comments = [story.comment(number, body, by=story.author) for body in bodies]
    bot = f"helpful{line.stories}-{len(comments)}-{number}[bot]"
    line.github.create_bot(bot)
    story.github.grant(story.name, bot, "write")
    comments.append(story.comment(number, command, by=bot))
    edited = story.comment(number, "Looks good", by=story.author)
    with line.github.rest(story.author) as rest:
        answer = rest.patch(f"/repos/{story.name}/issues/comments/{edited}", json={"body": command})
    assert answer.status_code == 200
    story.quiet()
    assert all(unanswered(story, comment) for comment in (*comments, edited))
    assert [each["conclusion"] for each in story.check_runs(head)] == ["action_required"]
    assert audit(story) == before


def test_two_commits_with_the_same_first_digits_are_distinguished(forks: tuple[Story, int]) -> None:
    story, number = forks
    head = story.head(number)
    before = audit(story)
    made_again = head[:7] + ("0" if head[7] != "0" else "1") * 33
    assert answered(story, story.comment(number, f"planward approve {made_again}", by=story.author)) == "confused"
    story.comment(number, f"planward approve {head[:7]}", by=story.author)
    story.quiet()
    assert [each["conclusion"] for each in story.check_runs(head)] == ["action_required"]
    assert audit(story) == before


def test_a_near_miss_is_answered_once_with_the_intended_command(unmerged: Story, topic: str) -> None:
    story = unmerged
    number = story.propose({"README.md": f"# {topic}\n"}, head=topic)
    green(story.planned(number))
    short = story.head(number)[:7]
    for body in ("Planward Plan", "planward plann", f"planward approve {short}"):
        comment = story.comment(number, body, by=story.author)
        story.quiet()
    assert unanswered(story, comment)
    assert replies(story, number) == [
        "Nothing was done: `Planward Plan` is not a command. Did you mean this?\n\n```\nplanward plan\n```\n\n"
        "`planward help` says what you can do here.",
        f"Nothing was done: `planward approve {short}` is not a command. Did you mean this?\n\n```\nplanward approve "
        "SHA\n```\n\nSHA stands for the commit's full SHA, all 40 digits; the check run shows the line to paste. "
        "`planward help` says what you can do here.",
    ]


def test_plan_says_so_where_the_base_is_no_environments_branch(unmerged: Story, topic: str) -> None:
    story = unmerged
    base = f"{topic}-main"
    story.github.move(story.name, base, story.first, by=story.reviewer)
    number = story.propose(head=topic, base=base)
    story.quiet()
    assert answered(story, story.comment(number, "planward plan", by=story.author)) == "confused"
    [said] = replies(story, number)
    assert said.startswith(
        f"There is nothing to plan: `{base}` is not the branch of an environment. The branches of environments are "
        "`staging` (staging), `production` (production)."
    )


def test_a_rejected_head_is_red_until_another_commit_comes(unmerged: Story, topic: str) -> None:
    story = unmerged
    number = story.propose(head=topic)
    green(story.planned(number))
    head = story.head(number)
    assert answered(story, story.comment(number, f"planward reject {head}", by=story.maintainer)) == "+1"
    assert refused(story.planned(number, count=2)) == (
        f"Rejected by {story.maintainer}: ask why, and push another commit. The rejection does not apply to "
        "that commit."
    )
    story.commit(topic, {**story.network(1), "README.md": "# Words\n"})  # touches no root module any more
    green(story.planned(number))


def test_plan_and_cancel_need_no_commit_but_write_access(unmerged: Story, topic: str) -> None:
    story = unmerged
    number = story.propose({"README.md": f"# {topic}\n"}, head=topic)
    green(story.planned(number))
    for verb in ("plan", "cancel"):
        assert answered(story, story.comment(number, f"planward {verb}", by=story.reader)) == "-1"
    assert answered(story, story.comment(number, "planward plan", by=story.author)) == "+1"
    green(story.planned(number, count=2))
    assert audit_of(story, story.head(number)) == [
        (story.reader, "refused: plan"),
        (story.reader, "refused: cancel"),
        (story.author, "plan"),
    ]


def test_help_is_answered_to_everybody(unmerged: Story, topic: str) -> None:
    story = unmerged
    number = story.propose({"README.md": f"# {topic}\n"}, head=topic)
    assert answered(story, story.comment(number, "planward help", by=story.reader)) == "+1"
    [said] = replies(story, number)
    own, others = said.split("Only others can do this here:")
    assert own.startswith(
        f"What `{story.reader}`, with the role read, can do on this pull request:\n\n- `planward help`"
    )
    assert "`planward plan`: plan this pull request again (people with write access)" in others
    assert (
        "`planward plan SHA -e staging`, `planward apply SHA -e staging`, `planward unlock -d DIR -e staging`: people "
        "with the role maintain or admin"
    ) in others
    assert answered(story, story.comment(number, "planward help", by=story.maintainer)) == "+1"
    said = replies(story, number)[-1]
    assert "Only others can do this here" not in said
    assert "- `planward apply SHA -e production`: apply the plan that is shown for that commit" in said


@pytest.mark.by_default("merged")
@pytest.mark.parametrize("where", ["open", "merged"])
def test_apply_names_the_tip_on_any_pull_request(line: Line, where: str) -> None:
    story = line.story()
    number = story.propose({"README.md": "# Words\n"})
    green(story.planned(number))
    if where == "merged":
        green(story.applied(story.merge(number)))
    sha = story.commit("staging", story.network(3), by=story.author)
    held(story.applied(sha))

    def ask(body: str, by: str) -> str:
        return answered(story, story.comment(number, body, by=by))

    assert ask(f"planward apply {story.first} -e staging", story.maintainer) == "confused"
    assert ask(f"planward apply {sha} -e nowhere", story.maintainer) == "confused"
    assert ask(f"planward apply {sha} -e staging", story.author) == "-1"
    assert ask(f"planward plan {sha} -e staging", story.author) == "-1"
    assert (
        ask(f"planward apply -e staging {sha}", story.maintainer) == "+1"
    )  # the hold shows no plan yet, so the plan is shown first
    assert buttons(story, story.applied(sha, count=2)) == ["apply"]
    assert story.state("network", "staging") == {}
    assert ask(f"planward apply -e staging {sha}", story.maintainer) == "+1"
    green(story.applied(sha, count=3))
    story.quiet()
    assert len(story.check_runs(sha, APPLY)) == 3


def test_an_adopted_tip_is_applied_whole_by_a_comment_and_only_once(line: Line) -> None:
    story = line.story(installed=False)
    tip = story.commit("staging", {**story.root_module("app"), **story.network(2)})
    story.install()
    number = story.propose({"README.md": "# Words\n"})
    green(story.planned(number))
    for count in (1, 2, 3):
        assert answered(story, story.comment(number, f"planward apply {tip} -e staging", by=story.maintainer)) == "+1"
        if count == 1:
            assert "terraform_data.net" in held(story.applied(tip)) + story.applied(tip)["output"]["text"]
            assert story.state("network", "staging") == {}
        elif count == 2:
            green(story.applied(tip, count=2))
    assert story.size("staging") == 2
    assert story.state("app", "staging")
    story.quiet()
    assert len(story.check_runs(tip, APPLY)) == 2
