"""A repository with many root modules does not keep the only root module of another repository from a slot."""

import re

from tests.stories.line import Line
from tests.stories.story import Story
from tests.stories.test_state_being_written import log_of
from tests.stories.waiting import eventually


def test_a_pull_request_with_one_root_module_overtakes_one_with_sixty(line: Line) -> None:
    many, one = line.story(files={"README.md": ""}), line.story()
    one.commit("topic", one.network(2))
    files = {path: text for number in range(60) for path, text in many.root_module(f"root{number:02}").items()}
    first = many.propose(files)
    eventually(lambda: _begun(many, first) >= 2, "root modules of the one with many are planned")
    second = one.open("topic")
    assert one.planned(second)["conclusion"] == "success"
    assert _begun(many, first) < 30, "most of the one with many still waits"
    many.edit(first, state="closed")
    assert many.planned(first)["conclusion"] == "cancelled"


def _begun(story: Story, number: int) -> int:
    """The number of root modules of a pull request whose plan has begun."""
    return len(set(re.findall(r": (root\d\d) in staging", log_of(story, number))))
