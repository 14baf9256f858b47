"""The webhook secret alone decides nothing: people's decisions are read back from GitHub."""

import copy
import re
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import APPLY, answered, audit, green, held, unanswered
from tests.stories.rules.test_holds import proposed_from_fork
from tests.stories.story import Story
from tests.stories.waiting import eventually


@dataclass(frozen=True)
class HeldPush:
    """An unexplained commit, its check run, and a pull request on which people comment."""

    story: Story
    sha: str
    check: dict[str, Any]
    number: int


@pytest.fixture(scope="module")
def push(line: Line) -> HeldPush:
    """A held push that none of these stories lets in."""
    story = line.story()
    sha, check = held_push(story)
    return HeldPush(story, sha, check, story.propose({"README.md": "# Words\n"}))


def held_push(story: Story) -> tuple[str, dict[str, Any]]:
    """Push an unexplained commit; returns the commit and its check run."""
    sha = story.commit("staging", story.network(3), by=story.author)
    check = story.applied(sha)
    held(check)
    return sha, check


def delivered(line: Line, story: Story, event: str) -> tuple[str, dict[str, Any]]:
    """The newest delivery of an event about this repository: its GUID and its payload, to be changed."""
    line.github.wait_for_deliveries()
    found = [each for each in line.github.deliveries if each.event == event]
    mine = [each for each in found if each.payload.get("repository", {}).get("id") == story.repository.id]
    return mine[-1].guid, copy.deepcopy(mine[-1].payload)


def let_in(story: Story, sha: str) -> bool:
    """Whether the commit was let in."""
    story.quiet()
    return len(story.check_runs(sha, APPLY)) > 1 or story.state("network", "staging") != {}


@pytest.mark.parametrize("what", ["a body of its own", "an id that GitHub never had", "another author"])
def test_a_comment_that_github_does_not_have_lets_nothing_in(line: Line, push: HeldPush, what: str) -> None:
    story = push.story
    command = f"planward apply {push.sha} -e staging"
    comment = story.comment(push.number, "Looks fine to me", by=story.maintainer)
    _, payload = delivered(line, story, "issue_comment")
    if what == "another author":
        line.github.hold_deliveries("issue_comment")
        comment = story.comment(push.number, command, by=story.author)
    payload["comment"]["id"] = comment
    payload["comment"]["body"] = command
    payload["comment"]["user"] = {**payload["comment"]["user"], **person(story, story.maintainer)}
    if what == "an id that GitHub never had":
        payload["comment"]["id"] = 987_654_321
    assert line.deliver("issue_comment", payload).status_code == 202
    assert not let_in(story, push.sha)


def test_a_comment_that_was_edited_before_it_was_read_lets_nothing_in(line: Line, push: HeldPush) -> None:
    story = push.story
    line.github.hold_deliveries("issue_comment")
    comment = story.comment(push.number, f"planward apply {push.sha} -e staging", by=story.maintainer)
    rest = line.rest(story.maintainer)
    path = f"/repos/{story.name}/issues/comments/{comment}"
    assert rest.patch(path, json={"body": f"planward apply {push.sha} -e staging "}).status_code == 200
    line.github.release()
    assert not let_in(story, push.sha)
    assert unanswered(story, comment)


def person(story: Story, login: str) -> dict[str, Any]:
    """A person in the form of a payload."""
    found = story.line.rest(story.reviewer).get(f"/users/{login}").json()
    return {name: found[name] for name in ("login", "id", "type")}


@pytest.mark.parametrize("guid", ["its own", "of another delivery"])
def test_a_button_that_nobody_pressed_lets_nothing_in(line: Line, push: HeldPush, guid: str) -> None:
    story, sha = push.story, push.sha
    story.quiet()
    before, since = len(audit(story)), line.logs.mark()
    refused = [(story.author, "refused: plan", sha[:7])]
    story.press(push.check, "plan", by=story.author)  # who may not
    eventually(lambda: audit(story)[before:] == refused, "it is refused")
    _, payload = delivered(line, story, "check_run")
    payload["sender"] = {**payload["sender"], **person(story, story.maintainer)}
    if guid == "its own":
        forged = f"forged-{uuid.uuid4()}"
        assert line.deliver("check_run", payload, guid=forged).status_code == 202
        eventually(lambda: looked_for(line, forged) >= 3, "it is looked for")
    else:
        other, _ = delivered(line, story, "push")
        assert line.deliver("check_run", payload, guid=other).status_code == 202
        eventually(lambda: line.events("delivery_not_as_sent", since), "it is another delivery")
    assert audit(story)[before:] == refused
    assert story.state("network", "staging") == {}


def test_a_rerun_that_nobody_asked_for_applies_nothing_again_and_a_button_waits_until_github_lists_its_delivery(
    line: Line,
) -> None:
    story = line.story(files={})
    broken = {"network/main.tf": 'terraform {\n  backend "local" {}\n}\nresource "nothing" "x" {}\n'}
    story.commit("staging", {"README.md": "# Words\n"}, by=story.reviewer)
    sha = story.commit("staging", broken, by=story.author)
    check = story.applied(sha)
    held(check)
    line.github.hide_deliveries("check_run", "requested_action")
    since = line.logs.mark()
    story.press(check, "plan", by=story.maintainer)
    eventually(lambda: len(line.events("delivery_not_listed_yet", since)) >= 2, "it is looked for")
    assert audit(story) == []
    assert len(story.check_runs(sha, APPLY)) == 1
    line.github.show_deliveries()
    failed = story.applied(sha, count=2)
    assert audit(story) == [(story.maintainer, "plan", sha[:7])]

    story.rerun(failed, by=story.author)
    eventually(lambda: "refused: rerun" in {did for _, did, _ in audit(story)}, "it is refused")
    _, payload = delivered(line, story, "check_run")
    payload["sender"] = {**payload["sender"], **person(story, story.maintainer)}
    assert line.deliver("check_run", payload, guid="forged-rerun").status_code == 202
    eventually(lambda: looked_for(line, "forged-rerun") >= 3, "it is looked for")
    assert len(story.check_runs(sha, APPLY)) == 2


def looked_for(line: Line, guid: str) -> int:
    """The number of times that Planward asked GitHub for a delivery that GitHub did not list yet."""
    return sum(each["delivery"] == guid for each in line.events("delivery_not_listed_yet"))


def asked_since(line: Line, before: int, story: Story) -> list[str]:
    """The requests since `before` with which Planward read back a decision, with `N` for each number."""
    wanted = (
        r"/app/hook/deliveries",
        r"/issues/comments/\d+",
        r"/collaborators/",
        r"/memberships/",
    )
    asked = []
    for each in line.github.requests[before:]:
        path = each.path.replace(f"/repos/{story.name}", "")
        if any(re.search(pattern, path) for pattern in wanted):
            asked.append(f"{each.method} {re.sub(r'[0-9]+', 'N', path)}")
    return sorted(asked)


def test_a_decision_by_button_asks_github_three_times(line: Line, unmerged: Story, topic: str) -> None:
    story = unmerged
    number, _ = proposed_from_fork(story, topic)
    check = story.planned(number)
    held(check)
    line.postpone_looks()
    before = len(line.github.requests)
    story.press(check, "approve_plan", by=story.author)
    held(story.planned(number, count=2))  # for its preview
    asked = asked_since(line, before, story)
    owner = re.sub(r"[0-9]+", "N", story.author)
    assert set(asked) == {
        "GET /app/hook/deliveries",
        "GET /app/hook/deliveries/N",
        f"GET /collaborators/{owner}/permission",
    }
    assert asked.count("GET /app/hook/deliveries/N") == 1
    assert asked.count(f"GET /collaborators/{owner}/permission") == 1


def test_a_decision_by_comment_asks_github_three_times(line: Line, unmerged: Story, topic: str) -> None:
    story = unmerged
    number, _ = proposed_from_fork(story, topic)
    held(story.planned(number))
    head = story.head(number)
    line.postpone_looks()
    before = len(line.github.requests)
    comment = story.comment(number, f"planward approve {head}", by=story.author)
    assert answered(story, comment) == "+1"
    held(story.planned(number, count=2))  # for its preview
    asked = [each for each in asked_since(line, before, story) if "reactions" not in each or each.startswith("POST")]
    owner = re.sub(r"[0-9]+", "N", story.author)
    assert asked == [
        f"GET /collaborators/{owner}/permission",
        "GET /issues/comments/N",
        "POST /issues/comments/N/reactions",
    ]


def test_a_decision_by_an_approver_asks_once_for_each_team(line: Line) -> None:
    owner = f"acme{line.stories + 1}"
    config = f"environments:\n  staging: {{branch: staging, approvers: [{owner}/first, {owner}/second]}}\n"
    story = line.story(config=config)
    line.github.create_team(story.owner, "first", members=[], repositories={story.name: "read"})
    line.github.create_team(story.owner, "second", members=[story.reader], repositories={story.name: "read"})
    sha = story.commit("staging", {"NOTES.md": "# Notes\n"}, by=story.author)
    held(story.applied(sha))
    number = story.propose({"README.md": "# Words\n"})
    green(story.planned(number))
    story.quiet()
    before = len(line.github.requests)
    comment = story.comment(number, f"planward apply {sha} -e staging", by=story.reader)
    assert answered(story, comment) == "+1"
    green(story.applied(sha, count=2))  # nothing to plan: it is done
    asked = [each.split("/")[-3] for each in asked_since(line, before, story) if "memberships" in each]
    # "Not a member" is a 404, which GitHub also answers to an expired token. So Planward asks twice.
    assert asked == ["first", "first", "second"]
