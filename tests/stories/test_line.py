"""The line: pull request → plan → gate → merge → apply → promotion → apply, by HTTP alone, on real parts."""

from tests.stories.harness import Line


def test_a_pull_request_is_planned_in_testing_and_its_merge_is_applied_to_staging(line: Line) -> None:
    story = line.story()
    story.commit("topic", {"network/main.tf": story.root_module("network", size=2)["network/main.tf"]})
    number = story.open("topic")
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in testing")
    merged = story.merge(number)
    check = story.applied(merged)
    assert check["conclusion"] == "success"
    assert story.state("network", "staging")["terraform_data.net"][0]["input"]["value"]["size"] == 2
