"""Production gets exactly the reviewed changes, or the check run shows the differences and may wait (`parity`)."""

import shutil

from tests.stories.line import Line

HOLD = """\
environments:
  staging: {branch: staging}
  production: {branch: production, parity: hold}
  europe: {branch: europe, promote_from: staging, parity: hold}
"""


def test_a_plan_that_is_not_the_reviewed_one_is_held_with_what_differs_and_the_reviewed_action(line: Line) -> None:
    story = line.story(config=HOLD, branches=("staging", "production", "europe"))
    backend = {"network/env/europe.backend.hcl": f'path = "{story.state_path("network", "europe")}"\n'}
    story.land(story.propose({**story.network(2), **backend}))
    number = story.open("staging", "production")
    assert story.planned(number)["conclusion"] == "success"
    story.secret("production", db_password="another-s3cr3t")
    tip = story.merge(number)
    check = story.applied(tip, "production")
    assert check["conclusion"] == "action_required"
    assert "The plan differs from the one that was reviewed only in sensitive values." in check["output"]["summary"]
    story.press(check, "apply", by=story.maintainer)
    check = story.applied(tip, "production", count=2)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 added in production")
    assert "The plan does the same as the one that was reviewed." in check["output"]["summary"]

    count = len(story.check_runs(story.tip("staging")))  # the head of both promotions
    number = story.open("staging", "europe")
    assert story.planned(number, count=count + 1)["conclusion"] == "success"
    # Somebody changes the state by hand between the preview and the merge.
    shutil.copy(story.state_path("network", "staging"), story.state_path("network", "europe"))
    check = story.applied(story.merge(number), "europe")
    assert check["conclusion"] == "action_required"
    summary = check["output"]["summary"]
    assert "The plan differs from the one that was reviewed: 1 changed." in summary
    assert "`terraform_data.net` is changed in place instead of created" in summary
