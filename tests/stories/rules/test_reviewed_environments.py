"""A new environment is in force if somebody else with write access approved the pull request that added it."""

from datetime import UTC, datetime

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import green, held
from tests.stories.rules.test_who_decides import people
from tests.stories.story import CONFIG, Story

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def review(story: Story, number: int, *, by: str, event: str = "APPROVE") -> None:
    """Review the present head of a pull request."""
    path = f"/repos/{story.name}/pulls/{number}/reviews"
    answer = story.line.rest(by).post(path, json={"event": event, "body": "Read"})
    assert answer.status_code == 200, answer.text


def proposed_environment(line: Line) -> tuple[Story, int]:
    """Open a pull request that adds the environment `qa` with its own approvers."""
    story = line.story(config="environments:\n  staging:\n")
    story.secret("qa", db_password="of-qa")
    qa = f"  qa: {{branch: qa, approvers: [{story.reader}]}}\n"
    backend = {"network/env/qa.backend.hcl": f'path = "{story.state_path("network", "qa")}"\n'}
    story.commit("topic", {CONFIG: f"environments:\n  staging:\n{qa}", **backend})
    return story, story.open("topic")


def into_qa(story: Story, number: int, *, then_approved_by: str | None = None) -> int:
    """Merge the pull request that adds `qa`, create its branch, and open a pull request into that branch."""
    green(story.planned(number))
    merged = story.merge(number)
    green(story.applied(merged))
    if then_approved_by is not None:
        review(story, number, by=then_approved_by)
        with story.github.world.lock:
            pull = next(each for each in story.repository.pulls if each.number == number)
            pull.reviews[-1].submitted_at = LATER
    story.github.move(story.name, "qa", merged, by=story.author)
    story.quiet()
    return story.propose(story.network(8), head="into", base="qa")


def test_a_reviewed_merge_puts_its_environment_in_force_and_its_approvers_decide(line: Line) -> None:
    story, number = proposed_environment(line)
    review(story, number, by=story.maintainer)
    green(story.planned(into_qa(story, number)))
    tip = story.tip("qa")
    check = story.applied(tip, "qa")
    assert held(check) == (
        f"Not applied: qa, the branch of the environment qa, is new (pushed by {story.author}). "
        "Press Plan, look at what it would change, then press Apply; or delete the branch qa."
    )
    assert f"Who can decide: `{story.reader}`." in check["output"]["summary"].replace("\\", "")
    story.press(check, "plan", by=story.maintainer)  # no approver of `qa`
    story.quiet()
    assert len(story.check_runs(tip, "planward/apply (qa)")) == 1
    green(story.let_in(check, by=story.reader))
    assert story.size("qa") == 1


@pytest.mark.parametrize(
    "by", ["nobody", "who wrote a part of it", "somebody without write", "an older head", "taken back", "too late"]
)
def test_without_a_second_persons_review_a_new_environment_is_not_in_force(line: Line, by: str) -> None:
    story, number = proposed_environment(line)
    [bob] = people(story, "bob", role="write")
    match by:
        case "who wrote a part of it":
            story.commit("topic", {"README.md": "# Words\n"}, by=bob, start="topic")
            review(story, number, by=bob)
        case "somebody without write":
            review(story, number, by=story.reader)
        case "an older head":
            review(story, number, by=bob)
            story.commit("topic", {"README.md": "# Words\n"}, start="topic")
        case "taken back":
            review(story, number, by=bob)
            review(story, number, by=bob, event="REQUEST_CHANGES")
    before = len(line.secrets_read())
    into = into_qa(story, number, then_approved_by=bob if by == "too late" else None)
    assert held(story.planned(into)).startswith("Not planned yet: the environment qa is new")
    story.quiet()
    assert not [path for path in line.secrets_read()[before:] if f"/{story.team}/qa" in path]
