"""Three workers on machines of their own, which share nothing but PostgreSQL."""

import json
import re

import pytest

from tests.stories.faults.conftest import THREE, FaultyLine
from tests.stories.faults.outcome import without_words
from tests.stories.faults.telling import Told, tell, undisturbed
from tests.stories.story import Story
from tests.stories.waiting import eventually

KINDS = [THREE]


@pytest.fixture(scope="module")
def undisturbed_story(faulty: FaultyLine) -> Told:
    return undisturbed(faulty)


@pytest.mark.by_default("apply")
@pytest.mark.parametrize(
    "points",
    [["terraform plan without lock: during"], ["terraform apply: during", "step apply .*: after"]],
    ids=["plan", "apply"],
)
def test_another_machine_does_the_work_of_a_dead_one(
    faulty: FaultyLine, undisturbed_story: Told, points: list[str]
) -> None:
    with faulty.fewer():
        told = tell(faulty, kill="|".join(points))
        killed = faulty.calm()
        assert all(re.fullmatch(point, at) for point, at in zip(points, killed, strict=True))
        assert len(faulty.line.running()) == 1 + faulty.line.machines - len(killed)  # the web process, then the workers
    assert without_words(told.outcome) == without_words(undisturbed_story.outcome)


def test_applies_run_one_at_a_time_in_the_order_of_the_branch_on_any_worker(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    # The state exists already when the first of these applies writes to it.
    story.land(story.propose(story.network(5), head="first"))
    go_on, said = story.states / "go on", story.states / "said"
    merged = [propose_and_merge(story, 2, waiting(story, 2))]
    eventually(said.exists, "the first apply is under way")
    # If the resource were not in the state yet, the next previews would show its creation, but their applies would
    # replace it.
    eventually(lambda: is_in_state(story), "Terraform has written what it created to the state")
    merged += [propose_and_merge(story, size, waiting(story, size)) for size in (3, 4)]
    story.github.wait_for_deliveries()
    assert said.read_text().split() == ["begin-2"]
    assert [each["states"] for each in story.deployments("staging")][1:] == [["in_progress"]]
    go_on.touch()
    ends = [story.applied(sha) for sha in merged]
    said_of_them = [each["output"]["title"] for each in ends]
    # Only the branch's tip is applied.
    assert [each["conclusion"] for each in ends] == ["success", "cancelled", "success"], said_of_them
    assert said.read_text().split() == ["begin-2", "end-2", "begin-4", "end-4"]
    assert story.size("staging") == 4


def is_in_state(story: Story) -> bool:
    """Whether staging's state, which may just be being written, has the resource that waits."""
    try:
        return "terraform_data.waits" in story.state("network", "staging")
    except json.JSONDecodeError:
        return False


def propose_and_merge(story: Story, size: int, files: dict[str, str]) -> str:
    """Merge a change into staging, and wait until its push is shown and others are planned again; returns its SHA.

    A pull request that is opened earlier would be planned again because of the push, and would wait for its apply.
    """
    number = story.propose(files, head=f"size-{size}")
    assert story.planned(number)["conclusion"] == "success"
    merged = story.merge(number)
    push = f"{story.repository.id}:apply:staging:{merged}:"
    eventually(lambda: any(each["job"].startswith(push) for each in story.line.events("job_done")), "the push is shown")
    return merged


def waiting(story: Story, size: int) -> dict[str, str]:
    """`network` with a resource that records when its apply begins and ends, and waits in between.

    Terraform writes the state whenever a resource is done. So another one is done while this one waits.
    """
    said, go_on = story.states / "said", story.states / "go on"
    extra = f"""\
resource "terraform_data" "waits" {{
  triggers_replace = {size}
  provisioner "local-exec" {{
    command = "echo begin-{size} >> '{said}'; until test -e '{go_on}'; do sleep 0.1; done; echo end-{size} >> '{said}'"
  }}
}}

resource "terraform_data" "writes" {{
  triggers_replace = {size}
  provisioner "local-exec" {{
    command = "until grep -qsx begin-{size} '{said}'; do sleep 0.1; done"
  }}
}}
"""
    return {"network/main.tf": story.root_module("network", size=size, extra=extra)["network/main.tf"]}
