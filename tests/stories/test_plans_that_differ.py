"""Production gets exactly the reviewed changes, or the check run shows the differences and may wait (`parity`)."""

import shutil

from tests.stories.line import Line

HOLD = "environments:\n  staging: {branch: staging}\n  production: {branch: production, parity: hold}\n"


def test_a_plan_that_is_not_the_reviewed_one_is_held_with_what_differs(line: Line) -> None:
    story = line.story(config=HOLD)
    story.land(story.propose())
    number = story.open("staging", "production")
    assert story.planned(number)["conclusion"] == "success"
    story.secret("production", db_password="another-s3cr3t")
    tip = story.merge(number)
    check = story.applied(tip, "production")
    assert check["conclusion"] == "action_required"
    assert (
        "The plan differs from the one that was reviewed, and only in sensitive values." in check["output"]["summary"]
    )

    story.press(check, "apply", by=story.maintainer)
    check = story.applied(tip, "production", count=2)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 added in production")
    assert "The plan does the same as the one that was reviewed." in check["output"]["summary"]


def test_a_difference_is_shown_with_the_reviewed_action(line: Line) -> None:
    story = line.story(config=HOLD)
    story.land(story.propose())
    number = story.open("staging", "production")
    assert story.planned(number)["conclusion"] == "success"
    # Somebody changes production's state by hand between the preview and the merge.
    shutil.copy(story.state_path("network", "staging"), story.state_path("network", "production"))
    check = story.applied(story.merge(number), "production")
    assert check["conclusion"] == "action_required"
    summary = check["output"]["summary"]
    assert "The plan differs from the one that was reviewed: 1 changed." in summary
    assert "`terraform_data.net` is changed in place instead of created" in summary
