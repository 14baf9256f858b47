"""Two merges within a moment: the second relies on a check run that GitHub showed green, and is not held."""

import os
import random
import time

import httpx
import pytest

from tests.examples import examples
from tests.stories.line import Line
from tests.stories.rules.saying import green
from tests.stories.story import Story
from tests.stories.waiting import eventually

PAIRS = int(os.environ.get("PLANWARD_TEST_PAIRS") or examples(3))
"""The number of pairs; use a hundred before a release."""


def protected(line: Line) -> Story:
    """A repository whose branch requires the check of this App."""
    story = line.story(installed=False)
    check = {"context": "planward/plan", "app_id": line.app.id}
    answer = line.rest(story.reviewer).put(
        f"/repos/{story.name}/branches/staging/protection",
        json={
            "required_status_checks": {"strict": False, "checks": [check]},
            "enforce_admins": True,
            "required_pull_request_reviews": None,
            "restrictions": None,
        },
    )
    assert answer.status_code == 200, answer.text
    story.install()
    return story


def propose_pair(story: Story, number: int) -> tuple[int, int]:
    """Open two green pull requests for one root module; after the merge of one, Planward plans the other again."""
    extra = {f"network/extra-{number}.tf": f'resource "terraform_data" "extra_{number}" {{}}\n'}
    pair = story.propose(story.network(number), head=f"size-{number}"), story.propose(extra, head=f"extra-{number}")
    for each in pair:
        green(story.planned(each))
    return pair


def merge_when_green(line: Line, story: Story, number: int) -> str:
    """Merge as soon as GitHub allows it, as auto-merge does."""
    rest = line.rest(story.reviewer)
    end = time.monotonic() + 60

    def tried() -> httpx.Response:
        return rest.put(f"/repos/{story.name}/pulls/{number}/merge", json={"merge_method": "merge"})

    while (answer := tried()).status_code == 405 and time.monotonic() < end:
        time.sleep(0.005)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["sha"])


@pytest.mark.by_default("0.2")
@pytest.mark.parametrize("wait_s", [0.0, 0.2, 0.5, 0.9])
def test_a_merge_while_github_creates_the_check_run_of_the_next_plan_is_applied(line: Line, wait_s: float) -> None:
    story = protected(line)
    first, second = propose_pair(story, 2)
    line.github.delay("POST", "/check-runs$", 1.5, times=3)
    story.merge(first)
    time.sleep(wait_s)
    green(story.applied(merge_when_green(line, story, second)))
    assert story.size("staging") == 2
    assert "terraform_data.extra_2" in story.state("network", "staging")


def test_a_merge_in_one_second_with_the_green_plan_and_the_next_check_run_is_applied(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub's times are in whole seconds, so they do not say which of the three came first."""
    story = protected(line)
    stopped = line.github.world.now()
    monkeypatch.setattr(line.github.world, "clock", lambda: stopped)
    first, second = propose_pair(story, 2)
    delayed = line.github.delay("POST", "/check-runs$", 1.5, times=2)
    story.merge(first)
    eventually(lambda: delayed.times == 0, "the check runs of the apply and of the next plan are requested")
    for event, action in (("push", None), ("pull_request", "closed")):
        line.github.hold_deliveries(event, action)
    tip = story.merge(second)
    eventually(lambda: len(story.check_runs(story.head(second))) == 2, "the check run of the next plan")
    time.sleep(0.5)  # until it is recorded: only then may Planward hear of the merge
    line.github.release()
    green(story.applied(tip))
    assert story.size("staging") == 2


@pytest.mark.both_databases
def test_pairs_of_merges_at_any_distance_below_a_second_are_applied_in_order(line: Line) -> None:
    distance = random.Random(int(os.environ.get("PLANWARD_TEST_SEED", "7")))
    story = protected(line)
    for number in range(2, PAIRS + 2):
        first, second = propose_pair(story, number)
        story.merge(first)
        time.sleep(distance.random())
        tip = merge_when_green(line, story, second)
        green(story.applied(tip))
        assert story.size("staging") == number
        assert f"terraform_data.extra_{number}" in story.state("network", "staging")
