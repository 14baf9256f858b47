"""Every applied change was seen: an apply is compared with the previews, and a confirmation is asked for once."""

import html
import json

from tests.stories.line import Line
from tests.stories.rules.adopted import adopted_story, resources
from tests.stories.rules.saying import buttons, confirming, green, held
from tests.stories.rules.test_holds import secrets_read
from tests.stories.story import CONFIG, Story

NOT_CONFIRMED = (
    "network in staging: nobody confirmed what is destroyed: terraform_data.a. Look at the plan, then press Apply."
)


def change_state(story: Story, name: str, *, status: str | None = None, id: str | None = None) -> None:
    """Change a resource in staging's state by hand: taint it, or put another object in its place."""
    path = story.state_path("network", "staging")
    state = json.loads(path.read_text())
    [instance] = next(each["instances"] for each in state["resources"] if each["name"] == name)
    if status is not None:
        instance["status"] = status
    if id is not None:
        instance["attributes"]["id"] = id
    state["serial"] += 1
    path.write_text(json.dumps(state))


def names_in(story: Story, environment: str = "staging") -> set[str]:
    """The names of the resources in the state of `network`."""
    return {address.removeprefix("terraform_data.") for address in story.state("network", environment)}


def test_changes_of_two_previews_are_applied_together_without_a_question_and_unseen_ones_are_held_with_the_difference(
    line: Line,
) -> None:
    story = adopted_story(line, resources("a", "b", "c", "d"), more={name: {"input": name} for name in "abcd"})
    numbers = [story.propose({f"network/{name}.tf": None}, head=f"without-{name}") for name in ("c", "d")]
    for number in numbers:
        assert "1 to destroy in staging" in green(story.planned(number))
    line.github.hold_deliveries("push")
    line.github.hold_deliveries("pull_request", "closed")
    story.merge(numbers[0])
    tip = story.merge(numbers[1])
    line.github.release()
    assert green(story.applied(tip)) == "2 destroyed in staging"
    assert names_in(story) == {"a", "b", "net"}

    number = story.propose({"network/b.tf": None, **story.network(3)})
    assert "1 to change, 1 to destroy in staging" in green(story.planned(number))
    change_state(story, "a", status="tainted")
    tip = story.merge(number)
    check = story.applied(tip)
    assert held(check) == (
        "network in staging: the plan replaces terraform_data.a, which no preview showed. Look at the "
        "difference, then press Apply."
    )
    summary = check["output"]["summary"]
    assert "new: `terraform_data.a` is replaced; the reviewed plan left it alone" in summary
    assert "The plan differs from the one that was reviewed: 1 new." in summary
    assert names_in(story) == {"a", "b", "net"}
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(tip, count=2))

    story.secret("staging", db_password="changed-after-the-preview")
    number = story.propose(story.network(4), head="values")
    green(story.planned(number))
    story.secret("staging", db_password="changed-again-after-it")
    assert green(story.applied(story.merge(number))) == "1 changed in staging"  # another value is no danger


def test_a_confirmation_is_of_an_object_and_counts_until_it_is_applied(line: Line) -> None:
    stamp = 'resource "terraform_data" "stamp" {\n  triggers_replace = plantimestamp()\n}\n'
    story = adopted_story(
        line,
        {"network/stamp.tf": stamp, **resources("a", "b")},
        more={"stamp": {"triggers_replace": "2026-01-01T00:00:00Z"}, "a": {"input": "a"}, "b": {"input": "b"}},
        config="confirm: [destroy, replace]\n",
    )
    number = story.propose({"network/a.tf": None, CONFIG: "confirm: []\n"})
    check = story.planned(number)
    assert held(check) == confirming("staging", "terraform_data.a, terraform_data.stamp")
    story.press(check, "confirm_destroy", by=story.maintainer)
    green(check := story.planned(number, count=2))
    story.rerun(check)
    green(story.planned(number, count=3))  # a new plan, with another time in it
    line.github.hold_deliveries("push")
    line.github.hold_deliveries("pull_request", "closed")
    first = story.merge(number)
    change_state(story, "a", id="another-object")
    line.github.release()
    check = story.applied(first)
    assert held(check) == NOT_CONFIRMED  # even if the commit's own config does not ask for a confirmation any more
    assert names_in(story) == {"a", "b", "net", "stamp"}
    story.press(check, "apply", by=story.maintainer)
    again = story.applied(first, count=2)
    if again["conclusion"] != "success":  # the plan has another time in it
        assert "the plan changed since it was approved" in held(again)


def test_without_a_preview_only_testing_is_planned_nothing_is_compared_and_what_testing_showed_is_confirmed_again(
    line: Line,
) -> None:
    story = line.story(
        testing=True,
        config="""\
            environments:
              testing: {apply: on_merge}
              staging: {branch: staging, preview: never}
            confirm: [destroy]
            """,
    )
    number = story.propose(resources("a", "b"), head="first")
    check = story.planned(number)
    assert green(check) == "3 to add in testing"
    assert "Not previewed in staging: `preview: never`" in check["output"]["summary"]
    assert secrets_read(story, "staging") == []
    check = story.applied(story.land(number))
    said = "There was no preview of staging on the pull request, so nobody has seen this plan before."
    assert said in html.unescape(check["output"]["summary"])
    number = story.propose({"network/a.tf": None})
    check = story.planned(number)
    assert held(check) == confirming("testing", "terraform_data.a")
    assert buttons(story, check) == ["confirm_destroy"]
    story.press(check, "confirm_destroy", by=story.maintainer)
    green(story.planned(number, count=2))
    tip = story.merge(number)
    check = story.applied(tip)
    assert held(check) == NOT_CONFIRMED
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(tip, count=2))
    assert names_in(story) == {"b", "net"}
