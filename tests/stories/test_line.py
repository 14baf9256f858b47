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


def test_what_staging_applied_is_promoted_to_production_and_nothing_else(line: Line) -> None:
    story = line.story()
    story.commit("topic", {"network/main.tf": story.root_module("network", size=2)["network/main.tf"]})
    number = story.open("topic")
    story.planned(number)
    merged = story.merge(number)
    story.applied(merged)
    promotion = story.open("staging", "production", title="Promote", by=story.author)
    check = story.planned(promotion)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in testing; 1 to add in production")
    merged = story.merge(promotion)
    check = story.applied(merged, "production")
    assert (check["conclusion"], check["output"]["title"]) == ("success", "applied 1 to add in production")
    assert story.state("network", "production")["terraform_data.net"][0]["input"]["value"]["size"] == 2
    assert [each["states"] for each in story.deployments("production")] == [["in_progress", "success"]]
    assert len(story.comments(promotion)) == 1


def test_a_push_by_hand_is_held_and_names_who_pushed(line: Line) -> None:
    story = line.story()
    sha = story.commit("staging", {"network/main.tf": story.root_module("network", size=3)["network/main.tf"]})
    check = story.applied(sha)
    assert check["conclusion"] == "action_required"
    assert check["output"]["title"].startswith(f"Not applied (by {story.author}): no merged pull request explains")
    assert story.state("network", "staging") == {}
    assert [action["identifier"] for action in check["actions"]] == ["apply"] if "actions" in check else True
