"""Two merges within a moment: the second is by a check that GitHub showed green, and nobody is asked."""

import os
import random
import time

import httpx
import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import green
from tests.stories.story import Story

PAIRS = int(os.environ.get("PLANWARD_TEST_PAIRS", "3"))
"""A hundred before a release."""


def protected(line: Line) -> Story:
    """A repository with two root modules whose branch requires the check of this App."""
    story = line.story(installed=False)
    story.commit("staging", story.root_module("shop"), by=story.reviewer)
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
    """Two pull requests, each for a root module of its own, both green."""
    network = {"network/main.tf": story.root_module("network", size=number)["network/main.tf"]}
    shop = {"shop/main.tf": story.root_module("shop", size=number)["shop/main.tf"]}
    pair = story.propose(network, head=f"network-{number}"), story.propose(shop, head=f"shop-{number}")
    for each in pair:
        green(story.planned(each))
    return pair


def merge_when_green(line: Line, story: Story, number: int) -> str:
    """Merge as auto-merge does: as soon as GitHub lets it."""
    rest = line.rest(story.reviewer)
    end = time.monotonic() + 60

    def tried() -> httpx.Response:
        return rest.put(f"/repos/{story.name}/pulls/{number}/merge", json={"merge_method": "merge"})

    while (answer := tried()).status_code == 405 and time.monotonic() < end:
        time.sleep(0.005)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["sha"])


@pytest.mark.parametrize("slow_s", [0.0, 0.3, 1.2], ids=["at once", "slow", "slower"])
def test_a_merge_right_behind_another_is_applied_however_slow_github_is(line: Line, slow_s: float) -> None:
    story = protected(line)
    first, second = propose_pair(story, 2)
    if slow_s:
        line.github.delay("POST", "/check-runs$", slow_s, times=4)
        line.github.delay("PATCH", "/check-runs/[0-9]+$", slow_s, times=8)
    story.merge(first)
    green(story.applied(merge_when_green(line, story, second)))
    assert story.state("shop", "staging")["terraform_data.net"][0]["input"]["value"]["size"] == 2


def test_pairs_of_merges_at_any_distance_below_a_second_are_applied_in_order(line: Line) -> None:
    distance = random.Random(int(os.environ.get("PLANWARD_TEST_SEED", "7")))
    story = protected(line)
    for number in range(2, PAIRS + 2):
        first, second = propose_pair(story, number)
        story.merge(first)
        time.sleep(distance.random())
        tip = merge_when_green(line, story, second)
        green(story.applied(tip))
        for root_module in ("network", "shop"):
            state = story.state(root_module, "staging")
            assert state["terraform_data.net"][0]["input"]["value"]["size"] == number
