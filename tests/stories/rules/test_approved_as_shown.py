"""The plan that a hold has shown is applied from its very plan file. If that fails, a new plan is compared with it."""

import json
import re
from pathlib import Path
from typing import Any

from tests.stories.line import Line
from tests.stories.rules.saying import audit_rows, green, held
from tests.stories.story import Story

BY_HAND = "environments:\n  staging: {branch: staging, apply: manual}\n"
STAMPED = """\
resource "terraform_data" "stamp" {
  input = "made at ${plantimestamp()}"
}
"""
_STAMP = re.compile(r"made at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def shown(check: dict[str, Any]) -> str:
    """The value of the stamp in a check run; it differs in each plan."""
    [stamp] = set(_STAMP.findall(f"{check['output']['summary']}{check['output']['text']}"))
    return str(stamp)


def merged(story: Story, extra: str = STAMPED) -> tuple[str, dict[str, Any]]:
    """Merge a change whose plan differs each time; returns the merge SHA and its hold."""
    number = story.propose({"network/main.tf": story.root_module("network", size=2, extra=extra)["network/main.tf"]})
    green(story.planned(number))
    sha = story.merge(number)
    check = story.applied(sha)
    assert (
        held(check)
        == "network in staging: every apply in staging needs an approval. Look at its plan, then press Apply."
    )
    return sha, check


def kept(story: Story) -> int:
    """The number of plan files that are kept for a repository."""
    rows = story.line.query("select count(*) as n from kept_plans where repository_id = :id", id=story.repository.id)
    return int(rows[0]["n"])


def applied_stamp(story: Story) -> str:
    return str(story.state("network", "staging")["terraform_data.stamp"][0]["input"]["value"])


def move_state(path: Path) -> None:
    """Write the state as somebody else might, without changing what is planned."""
    state = {"version": 4, "terraform_version": "1.9.0", "serial": 7, "lineage": "elsewhere", "outputs": {}}
    path.write_text(json.dumps({**state, "resources": []}))


def test_a_plan_that_differs_each_time_is_approved_and_applied_as_it_was_shown(line: Line) -> None:
    story = line.story(config=BY_HAND)
    sha, check = merged(story)
    assert "terraform_data.net" in check["output"]["summary"] + (check["output"]["text"] or "")
    assert "Within 24 hours, exactly this plan is applied" in check["output"]["summary"]
    assert kept(story) == 1
    assert story.state("network", "staging") == {}
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(sha, count=2))
    assert applied_stamp(story) == shown(check)
    assert story.size("staging") == 2
    [approval] = audit_rows(story)
    assert len(approval["details"]["digests"]) == 1
    story.quiet()
    assert kept(story) == 0


def test_the_plans_of_several_root_modules_are_approved_together_and_each_is_applied_as_it_was_shown(
    line: Line,
) -> None:
    story = line.story(config=BY_HAND)
    app, network = (story.root_module(name, size=2, extra=STAMPED) for name in ("app", "network"))
    number = story.propose(app | network)
    green(story.planned(number))
    sha = story.merge(number)
    check = story.applied(sha)
    held(check)
    summary = check["output"]["summary"]
    assert "Apply is for the plans of `app` and `network` together." in summary
    assert kept(story) == 2
    stamps = set(_STAMP.findall(f"{summary}{check['output']['text']}"))
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(sha, count=2))
    applied = {story.state(name, "staging")["terraform_data.stamp"][0]["input"]["value"] for name in ("app", "network")}
    assert applied == stamps
    story.quiet()
    assert kept(story) == 0


def test_a_plan_whose_state_has_moved_is_made_again_and_applied_where_it_does_the_same(line: Line) -> None:
    story = line.story(config=BY_HAND)
    sha, check = merged(story, extra="")
    move_state(story.state_path("network", "staging"))
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(sha, count=2))
    assert story.size("staging") == 2


def test_a_plan_whose_state_has_moved_and_that_does_something_else_is_shown_again(line: Line) -> None:
    story = line.story(config=BY_HAND)
    sha, check = merged(story)
    move_state(story.state_path("network", "staging"))
    story.press(check, "apply", by=story.maintainer)
    again = story.applied(sha, count=2)
    assert (
        held(again)
        == "network in staging: the plan changed since it was approved. Look at the new one, then press Apply."
    )
    assert "The plan differs from the one that was reviewed: 1 changed." in again["output"]["summary"]
    assert shown(again) != shown(check)
    assert story.state("network", "staging") == {}
    story.press(again, "apply", by=story.maintainer)
    green(story.applied(sha, count=3))
    assert applied_stamp(story) == shown(again)


def test_an_approved_plan_is_applied_with_ephemeral_variables_as_they_are_now(line: Line) -> None:
    story = line.story(config=BY_HAND)
    story.secret("staging", "token", token="token-of-then")
    told = story.states / "told"
    extra = f"""\
variable "token" {{
  type      = string
  ephemeral = true
}}

resource "terraform_data" "told" {{
  provisioner "local-exec" {{
    command = "echo ${{var.token}} > {told}"
  }}
}}
"""
    sha, check = merged(story, extra=STAMPED + extra)
    story.secret("staging", "token", token="token-of-now")
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(sha, count=2))
    assert applied_stamp(story) == shown(check)
    assert told.read_text() == "token-of-now\n"
