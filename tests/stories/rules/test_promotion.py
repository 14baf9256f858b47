"""A promotion passes only with a tree that the environment before has applied; a refusal says how to get there."""

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import becomes_green, green, held, refused
from tests.stories.story import CONFIG


def test_a_branch_at_the_last_applied_commit_is_promoted_while_staging_waits_and_no_secret_is_read_for_a_refusal(
    line: Line,
) -> None:
    story = line.story()
    applied = story.land(story.propose())
    held(story.applied(story.commit("staging", story.network(5))))
    whole = story.open("staging", "production")
    assert refused(story.planned(whole)) == (
        "staging has not applied this yet: wait until planward/apply (staging) has finished. If it is held, the people "
        "that it names have to decide; if it failed, do what it says. After that, this check turns green by itself."
    )
    story.quiet()
    assert not [path for path in line.secrets_read() if f"/{story.team}/production" in path]
    story.github.move(story.name, "release", applied, by=story.author)
    number = story.open("release", "production", title="Release")
    green(story.planned(number))
    green(story.applied(story.merge(number), "production"))
    assert story.size("production") == 2


@pytest.mark.both_databases
def test_after_a_hotfix_production_is_merged_back_before_the_next_promotion(line: Line) -> None:
    story = line.story()
    hotfix = story.commit("production", {"NOTES.md": "# Hotfix\n"}, by=story.author)
    check = story.applied(hotfix, "production")
    held(check)
    story.press(check, "plan", by=story.maintainer)  # nothing to plan: it is done
    green(story.applied(hotfix, "production", count=2))
    story.land(story.propose())
    promotion = story.open("staging", "production", title="Promote")
    assert "If staging lacks a hotfix of the base branch, merge the base branch into staging's branch." in refused(
        story.planned(promotion)
    )
    back = story.open("production", "staging", title="Back")
    green(story.planned(back))
    green(story.applied(story.merge(back)))
    becomes_green(story, story.tip("staging"))
    green(story.applied(story.merge(promotion), "production"))
    assert story.size("production") == 2


def test_a_commit_that_touches_nothing_inherits_whether_it_was_applied(line: Line) -> None:
    story = line.story(installed=False)
    story.commit("staging", story.network(2))
    story.install()
    adopted = story.land(story.propose({"README.md": "# One\n"}, head="one"))
    number = story.open("staging", "production")
    assert refused(story.planned(number)).startswith(
        "the branch of staging contains this, but Planward never applied it there"
    )
    story.comment(number, f"planward plan {adopted} -e staging", by=story.maintainer)
    story.press(story.applied(adopted, count=2), "apply", by=story.maintainer)
    green(story.planned(number, count=2))
    applied = story.land(story.propose({"README.md": "# Two\n"}, head="two"))
    assert story.head(number) == applied
    green(story.planned(number, count=2))


def test_a_result_is_reported_although_another_branch_has_a_config_that_cannot_be_used(line: Line) -> None:
    story = line.story()
    held(story.applied(story.commit("production", {CONFIG: "team: 7\n"}), "production"))
    story.planned(story.propose({"NOTES.md": "# Notes\n"}, head="notes", base="production"))
    number = story.propose()
    story.land(number)
    story.commented(number, "1 added in staging")
