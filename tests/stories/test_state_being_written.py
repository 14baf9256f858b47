"""A pull request's plan takes no lock. If an apply is just writing the state, the plan reads it again afterwards."""

import httpx
import pytest

from tests.sandboxes import OF_STORIES
from tests.stories.line import Line
from tests.stories.story import ON_MERGE, Story
from tests.stories.waiting import eventually


@pytest.mark.skipif(OF_STORIES != "bubblewrap", reason="where runs of a repository take turns a plan waits its turn")
def test_a_state_that_cannot_be_read_while_testing_is_applied_is_read_once_more_after_it(line: Line) -> None:
    story = line.story(config=ON_MERGE.replace("branch: staging", "branch: staging, preview: never"), testing=True)
    begun, go_on = story.states / "begun", story.states / "go on"
    wait = f"echo > '{begun}'; until test -e '{go_on}'; do sleep 0.1; done"
    waits = f"""\
resource "terraform_data" "waits" {{
  depends_on = [terraform_data.net]
  provisioner "local-exec" {{
    command = "{wait}"
  }}
}}
"""
    slow = story.propose(story.root_module("network", size=3, extra=waits), head="slow")
    story.planned(slow)
    merged = story.merge(slow)
    eventually(begun.exists, "testing is being applied")
    state = story.state_path("network", "testing")
    whole = state.read_text()
    state.write_text(whole[: len(whole) // 2])
    number = story.propose(story.root_module("network", size=4, extra=waits), head="other")
    eventually(lambda: "once more" in log_of(story, number), "the plan waits for the apply")
    state.write_text(whole)
    go_on.touch()
    assert story.applied(merged, "testing")["conclusion"] == "success"
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to change in testing")


def log_of(story: Story, number: int) -> str:
    """The log of the newest plan of a pull request, as its run page shows it."""
    check_runs = story.check_runs(story.head(number))
    if not check_runs:
        return ""
    return httpx.get(
        f"{check_runs[-1]['details_url']}/log", params={"format": "text"}, trust_env=False, timeout=60
    ).text
