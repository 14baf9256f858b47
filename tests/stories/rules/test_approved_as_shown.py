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
CHANGED = "network in staging: the plan changed since it was approved. Look at the new one, then press Apply."
_STAMP = re.compile(r"made at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def shown(check: dict[str, Any]) -> str:
    """The value of the stamp in a check run; it differs in each plan."""
    [stamp] = set(_STAMP.findall(f"{check['output']['summary']}{check['output']['text']}"))
    return str(stamp)


def kept(story: Story) -> int:
    """The number of plan files that are kept for a repository."""
    rows = story.line.query("select count(*) as n from kept_plans where repository_id = :id", id=story.repository.id)
    return int(rows[0]["n"])


def applied_stamp(story: Story, root_module: str = "network", environment: str = "staging") -> str:
    """The stamp in a root module's state."""
    return str(story.state(root_module, environment)["terraform_data.stamp"][0]["input"]["value"])


def move_state(path: Path) -> None:
    """Write the state as somebody else might, without changing what is planned."""
    state = {"version": 4, "terraform_version": "1.9.0", "serial": 7, "lineage": "elsewhere", "outputs": {}}
    path.write_text(json.dumps({**state, "resources": []}))


def test_plans_that_differ_each_time_are_approved_together_and_applied_as_shown_and_hold_no_promotion(
    line: Line,
) -> None:
    """The apply gets ephemeral variables with their values at the time of the apply."""
    story = line.story(config=f"{BY_HAND}  production: {{branch: production, promote_from: staging}}\n")
    for environment in ("staging", "production"):
        story.secret(environment, "token", token="token-of-then")
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
    app = story.root_module("app", size=2, extra=STAMPED)
    network = story.root_module("network", size=2, extra=STAMPED + extra)
    number = story.propose(app | network)
    green(story.planned(number))
    sha = story.merge(number)
    check = story.applied(sha)
    held(check)
    summary = check["output"]["summary"]
    assert "terraform_data.net" in summary + (check["output"]["text"] or "")
    assert (
        "Apply is for the plans of `app` and `network` together. If you press Apply within 24 hours, exactly "
        "these plans are applied." in summary
    )
    assert kept(story) == 2
    assert story.state("app", "staging") == story.state("network", "staging") == {}
    stamps = set(_STAMP.findall(f"{summary}{check['output']['text']}"))
    story.secret("staging", "token", token="token-of-now")
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(sha, count=2))
    assert {applied_stamp(story, root_module) for root_module in ("app", "network")} == stamps
    assert story.size("staging") == 2
    assert told.read_text() == "token-of-now\n"
    [approval] = audit_rows(story)
    assert len(approval["details"]["digests"]) == 2
    story.quiet()
    assert kept(story) == 0

    number = story.open("staging", "production")
    green(story.planned(number))
    assert green(story.applied(story.merge(number), "production")) == "5 added in production"


def test_a_plan_that_changed_since_it_was_approved_is_shown_again_and_applied_as_shown_then(line: Line) -> None:
    story = line.story(config=BY_HAND)
    number = story.propose({"network/main.tf": story.root_module("network", size=2, extra=STAMPED)["network/main.tf"]})
    green(story.planned(number))
    sha = story.merge(number)
    check = story.applied(sha)
    assert (
        held(check)
        == "network in staging: every apply in staging needs an approval. Look at the plan, then press Apply."
    )
    assert "If you press Apply within 24 hours, exactly this plan is applied" in check["output"]["summary"]
    move_state(story.state_path("network", "staging"))
    story.press(check, "apply", by=story.maintainer)
    again = story.applied(sha, count=2)
    assert held(again) == CHANGED
    assert "The plan differs from the one that was reviewed: 1 changed." in again["output"]["summary"]
    assert len({shown(each) for each in (check, again)}) == 2
    assert story.state("network", "staging") == {}
    story.press(again, "apply", by=story.maintainer)
    green(story.applied(sha, count=3))
    assert applied_stamp(story) == shown(again)
    assert story.size("staging") == 2


def test_a_plan_is_shown_again_if_a_hidden_value_changed_but_not_if_only_the_state_moved(
    line: Line,
) -> None:
    story = line.story(config=BY_HAND)
    number = story.propose()
    green(story.planned(number))
    sha = story.merge(number)
    check = story.applied(sha)
    held(check)
    story.secret("staging", db_password="another")
    story.press(check, "apply", by=story.maintainer)
    again = story.applied(sha, count=2)
    assert held(again) == CHANGED
    assert story.state("network", "staging") == {}

    move_state(story.state_path("network", "staging"))
    story.press(again, "apply", by=story.maintainer)
    green(story.applied(sha, count=3))
    assert story.size("staging") == 2
