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


@pytest.fixture(scope="module")
def story(line: Line) -> Story:
    """One repository for all these environments. Its own branch has no root module that could be planned."""
    return line.story(files={"README.md": "# Words\n"}, config="environments:\n  staging:\n")


def proposed_environment(story: Story, name: str) -> int:
    """Open a pull request that adds an environment with its own approvers."""
    story.secret(name, db_password=f"of-{name}")
    before = story.repository.git.blob("staging", CONFIG)
    assert before is not None
    added = f"  {name}: {{branch: {name}, approvers: [{story.reader}]}}\n"
    backend = {f"network/env/{name}.backend.hcl": f'path = "{story.state_path("network", name)}"\n'}
    story.commit(f"add-{name}", {CONFIG: before.decode() + added, **backend})
    return story.open(f"add-{name}")


def into_new(story: Story, name: str, number: int, *, then_approved_by: str | None = None) -> int:
    """Merge the pull request that adds the environment, create its branch, and open a pull request into that branch."""
    green(story.planned(number))
    merged = story.merge(number)
    green(story.applied(merged))
    if then_approved_by is not None:
        review(story, number, by=then_approved_by)
        with story.github.world.lock:
            pull = next(each for each in story.repository.pulls if each.number == number)
            pull.reviews[-1].submitted_at = LATER
    story.github.move(story.name, name, merged, by=story.author)
    story.quiet()
    return story.propose(story.network(8), head=f"into-{name}", base=name)


def test_a_reviewed_merge_puts_its_environment_in_force_and_its_approvers_decide(line: Line, topic: str) -> None:
    story = line.story(config="environments:\n  staging:\n")
    number = proposed_environment(story, topic)
    review(story, number, by=story.maintainer)
    green(story.planned(into_new(story, topic, number)))
    tip = story.tip(topic)
    check = story.applied(tip, topic)
    assert held(check) == (
        f"Not applied: {topic}, the branch of the environment {topic}, is new (pushed by {story.author}). "
        f"Press Plan, look at what it would change, then press Apply; or delete the branch {topic}."
    )
    assert f"Who can decide: `{story.reader}`." in check["output"]["summary"].replace("\\", "")
    story.press(check, "plan", by=story.maintainer)  # no approver of the new environment
    story.quiet()
    assert len(story.check_runs(tip, f"planward/apply ({topic})")) == 1
    green(story.let_in(check, by=story.reader))
    assert story.size(topic) == 1


@pytest.mark.parametrize(
    "by",
    [
        "a second person",
        "nobody",
        "who wrote a part of it",
        "somebody without write",
        "an older head",
        "taken back",
        "too late",
    ],
)
def test_a_new_environment_is_in_force_with_a_second_persons_review_and_not_without_it(
    line: Line, story: Story, topic: str, by: str
) -> None:
    number = proposed_environment(story, topic)
    [bob] = people(story, f"bob-{topic}", role="write")
    match by:
        case "a second person":
            review(story, number, by=bob)
        case "who wrote a part of it":
            story.commit(f"add-{topic}", {"README.md": f"# {topic}\n"}, by=bob, start=f"add-{topic}")
            review(story, number, by=bob)
        case "somebody without write":
            review(story, number, by=story.reader)
        case "an older head":
            review(story, number, by=bob)
            story.commit(f"add-{topic}", {"README.md": f"# {topic}\n"}, start=f"add-{topic}")
        case "taken back":
            review(story, number, by=bob)
            review(story, number, by=bob, event="REQUEST_CHANGES")
    before = len(line.secrets_read())
    into = into_new(story, topic, number, then_approved_by=bob if by == "too late" else None)
    if by == "a second person":  # only this one puts it in force
        green(story.planned(into))
        return
    assert held(story.planned(into)).startswith(f"Not planned yet: the environment {topic} is new")
    story.quiet()
    assert not [path for path in line.secrets_read()[before:] if f"/{story.team}/{topic}" in path]
