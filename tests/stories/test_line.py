"""The whole line over HTTP: pull request → plan → gate → merge → apply → promotion → apply, with real programs."""

import re
from pathlib import Path

import httpx
import pytest

from ghapp.local_github.api import RecordedRequest
from tests.stories.line import Line
from tests.stories.slow import slow_place
from tests.stories.story import ON_MERGE, Story
from tests.stories.waiting import eventually

APPLIED_IN_TURN = [["in_progress", "success"]]


@pytest.fixture(scope="module")
def line(fresh_line: Line) -> Line:
    """A line of fresh interpreters, as an operator starts them."""
    return fresh_line


# --- a pull request --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unmerged(line: Line) -> Story:
    """One repository for the stories that merge nothing. Its branches have two commits, so that one can conflict."""
    story = line.story(installed=False)
    tip = story.commit("staging", {"README.md": "# Infrastructure\n", **story.network(3)}, by=story.reviewer)
    story.github.move(story.name, "production", tip, by=story.reviewer)
    story.install()
    return story


@pytest.mark.both_databases
def test_a_pull_request_shows_what_its_merge_then_does_to_staging_in_few_calls_and_redeliveries_do_nothing(
    line: Line,
) -> None:
    story = line.story(testing=True)
    story.quiet()
    line.postpone_looks()
    before = len(line.github.requests)
    number = story.propose()
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in staging")
    story.quiet()
    planned = line.github.requests[before:]
    assert 0 < len(calls(planned)) <= 5, calls(planned)

    before = len(line.github.requests)
    merged = story.merge(number)
    check = story.applied(merged)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 added in staging")
    story.quiet()
    applied = line.github.requests[before:]
    assert 0 < len(calls(applied)) <= 9, calls(applied)
    assert line.github.unexpected == []
    assert story.size("staging") == 2
    assert story.size("testing") is None
    assert [each["states"] for each in story.deployments("staging")] == APPLIED_IN_TURN
    story.commented(number, "1 added in staging")

    deliveries = [each for each in line.github.deliveries if each.repository_id == story.repository.id]
    again = [each for each in deliveries if (each.event, each.action) in DELIVERED_TWICE]
    assert len(again) == 4  # two pushes: of the topic and of the merge
    for delivery in again:
        line.github.redeliver(delivery.guid)
        answer = line.deliver(delivery.event, delivery.payload)  # the same payload under another X-GitHub-Delivery
        assert answer.status_code == 202
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert [each["states"] for each in story.deployments("staging")] == APPLIED_IN_TURN
    assert len(story.comments(number)) == 1


DELIVERED_TWICE = {("pull_request", "opened"), ("push", None), ("pull_request", "closed")}


def calls(requests: list[RecordedRequest]) -> list[str]:
    """Planward's calls, without those for tokens."""
    asked = [each for each in requests if each.actor.startswith("installation ")]
    return [f"{each.method} {each.path}" for each in asked]


def test_a_plan_that_fails_says_so_first_and_at_its_line(unmerged: Story, topic: str) -> None:
    broken = unmerged.root_module("network", extra='output "wrong" {\n  value = terraform_data.nett.id\n}\n')
    number = unmerged.propose({"network/main.tf": broken["network/main.tf"]}, head=topic)
    check = unmerged.planned(number)
    cause = "network in staging: plan failed: Reference to undeclared resource (network/main.tf:19)"
    assert (check["conclusion"], check["output"]["title"]) == ("failure", cause)
    assert unmerged.first_line(check) == cause
    [annotation] = unmerged.annotations(check)
    assert (annotation["path"], annotation["start_line"], annotation["annotation_level"], annotation["title"]) == (
        "network/main.tf",
        19,
        "failure",
        "Reference to undeclared resource",
    )


def test_a_conflict_with_the_base_branch_is_a_failure_that_names_the_files(unmerged: Story, topic: str) -> None:
    unmerged.commit(topic, unmerged.network(2), start=unmerged.first)
    tip = unmerged.tip("staging")
    check = unmerged.planned(unmerged.open(topic))
    assert check["conclusion"] == "failure"
    assert check["output"]["title"] == (
        f"Conflict with staging at {tip[:7]} in network/main.tf: merge staging into the pull request's branch, "
        "resolve the conflict and push."
    )


def test_a_pull_request_is_planned_again_once_by_rerun_all_when_reopened_and_with_another_base_by_its_rules(
    unmerged: Story, topic: str
) -> None:
    number = unmerged.propose(head=topic)
    check = unmerged.planned(number)
    assert check["conclusion"] == "success"
    unmerged.github.rerun_all(unmerged.name, check["check_suite"]["id"], by=unmerged.author)
    assert unmerged.planned(number, count=2)["conclusion"] == "success"
    unmerged.quiet()
    assert len(unmerged.check_runs(unmerged.head(number))) == 2
    unmerged.edit(number, state="closed")
    unmerged.edit(number, state="open")
    assert unmerged.planned(number, count=3)["conclusion"] == "success"
    unmerged.edit(number, base="production")
    check = unmerged.planned(number, count=4)
    assert check["conclusion"] == "failure"
    assert check["output"]["title"].startswith("staging has not applied ")
    unmerged.edit(number, base="staging")
    assert unmerged.planned(number, count=5)["conclusion"] == "success"


@pytest.mark.both_databases
def test_a_newer_commit_cancels_the_plan_that_runs_and_interrupts_terraform(unmerged: Story, topic: str) -> None:
    with slow_place() as slow:
        waits = unmerged.root_module("network", extra=slow.module("waits"))["network/main.tf"]
        number = unmerged.propose({"network/main.tf": waits}, head=topic)
        older = unmerged.head(number)
        eventually(lambda: "waits" in slow.asked, "Terraform asks for the module")
        newer = unmerged.commit(topic, unmerged.network(2))
        check = unmerged.completed(older)
        eventually(lambda: slow.hung_up, "Terraform hung up")
    assert (check["conclusion"], check["output"]["title"]) == (
        "cancelled",
        f"Cancelled: a newer commit arrived: {newer[:7]}",
    )
    assert unmerged.planned(number)["conclusion"] == "success"
    assert len(unmerged.check_runs(older)) == len(unmerged.check_runs(newer)) == 1


def test_a_newer_commit_cancels_a_plan_that_still_waits_for_a_place(unmerged: Story, topic: str) -> None:
    with slow_place() as slow:
        files = {**unmerged.root_module("app"), **unmerged.root_module("network")}
        unmerged.propose(
            {f"{each}/wait.tf": slow.data(each) for each in ("app", "network")} | files, head=f"{topic}-busy"
        )
        # It is a matter of chance which plans have the slots, and in which environments.
        eventually(lambda: len(slow.asked) == 2, "both places are taken")
        number = unmerged.propose(head=topic)
        older = unmerged.head(number)
        eventually(lambda: "in_progress" in [each["status"] for each in unmerged.check_runs(older)], "it is begun")
        newer = unmerged.commit(topic, unmerged.network(4))
        check = unmerged.completed(older)
        assert check["conclusion"] == "cancelled"
        assert not slow.hung_up
    assert unmerged.completed(newer)["conclusion"] == "success"
    unmerged.quiet()


def test_closing_a_pull_request_cancels_its_plan_and_interrupts_terraform(unmerged: Story, topic: str) -> None:
    with slow_place() as slow:
        waits = unmerged.root_module("network", extra=slow.module("waits"))["network/main.tf"]
        number = unmerged.propose({"network/main.tf": waits}, head=topic)
        eventually(lambda: slow.asked, "Terraform asks for the module")
        unmerged.edit(number, state="closed")
        check = unmerged.planned(number)
        assert (check["conclusion"], check["output"]["title"]) == (
            "cancelled",
            "Cancelled: the pull request was closed",
        )
        eventually(lambda: slow.hung_up, "Terraform hung up")


@pytest.fixture(scope="module")
def skipping(line: Line) -> Story:
    """A repository in which drafts are not planned."""
    return line.story(config="drafts: skip\n")


def test_if_drafts_are_skipped_one_is_planned_once_it_is_ready_for_review(skipping: Story, topic: str) -> None:
    number = skipping.propose(head=topic, draft=True)
    check = skipping.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == (
        "action_required",
        "Not planned: this is a draft (drafts: skip). Mark it ready for review to have it planned.",
    )
    skipping.github.mark_ready(skipping.name, number, by=skipping.author)
    assert skipping.planned(number, count=2)["conclusion"] == "success"


def test_the_required_check_is_green_even_if_no_root_module_is_touched(skipping: Story, topic: str) -> None:
    number = skipping.propose({"README.md": f"# Words of {topic}\n"}, head=topic)
    check = skipping.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "no root module touched")
    merged = skipping.merge(number)
    check = skipping.applied(merged)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "no root module touched")
    skipping.quiet()
    assert skipping.deployments("staging") == []
    assert skipping.comments(number) == []


def test_a_pull_request_into_a_branch_of_no_environment_gets_no_check_run(unmerged: Story, topic: str) -> None:
    unmerged.github.move(unmerged.name, "elsewhere", unmerged.first, by=unmerged.reviewer)
    number = unmerged.propose(base="elsewhere", head=topic)
    unmerged.quiet()
    assert unmerged.check_runs(unmerged.head(number)) == []


# --- apply -----------------------------------------------------------------------------------------------------------


def test_an_apply_says_how_far_it_is_and_if_it_fails_is_shown_on_the_pull_request_and_rerun_by_people_who_may_apply(
    line: Line,
) -> None:
    story = line.story()
    switch, go_on = story.states / "switch", story.states / "go-on"
    number = story.propose(needing(story, switch, before=f"until test -e {go_on}; do sleep 0.1; done; "))
    assert story.planned(number)["conclusion"] == "success"
    merged = story.merge(number)

    def said() -> str:
        found = story.check_runs(merged, "planward/apply (staging)")
        return str(found[-1]["output"]["summary"]) if found else ""

    eventually(lambda: said() == f"Applying {merged[:7]}: 1 of 2 changes", "it says how far the apply is")
    go_on.touch()
    failed = story.applied(merged)
    assert failed["conclusion"] == "failure"
    assert failed["output"]["title"] == (
        "network in staging: apply failed after 1 of 2 changes: local-exec provisioner error (network/main.tf:19)"
    )
    summary = failed["output"]["summary"]
    assert story.first_line(failed) == (
        "What was applied stays. Merge a correction, or press Re-run to plan again and apply the rest. Who can press "
        "it: anyone who has the role maintain or admin here."
    )
    assert re.search(r"#### 1 failed\n- `\+` `terraform_data.switch`( · after \d+ s)?\n", summary)
    assert "<summary>1 applied</summary>\n\n- `+` `terraform_data.net`\n" in summary
    assert summary.count("local-exec provisioner error") == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "failure"]]
    [deployment] = story.deployments("staging")
    statuses = story.get(f"/deployments/{deployment['id']}/statuses")
    assert "1 applied, 1 failed: local-exec provisioner error" in [each["description"] for each in statuses]
    comment = story.commented(number, "apply failed")
    assert "#### 1 failed\n- `+` `terraform_data.switch`" in comment
    assert comment.count("local-exec provisioner error") == 2  # the title, and the error itself
    page = httpx.get(failed["details_url"], trust_env=False).text
    assert "1 applied, 1 failed" in page
    switch.touch()
    story.rerun(failed, by=story.author)  # "Re-run" approves nothing, so nothing happens
    story.rerun(failed, by=story.maintainer)
    check = story.applied(merged, count=2)
    assert check["conclusion"] == "success"
    story.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 2
    assert [each["states"][:2] for each in story.deployments("staging")][-1:] == APPLIED_IN_TURN
    assert "apply failed" not in story.commented(number, check["output"]["title"])


def needing(story: Story, switch: Path, *, before: str = "", size: int = 2) -> dict[str, str]:
    """`network` with a resource whose apply fails until the file exists."""
    extra = f"""\
resource "terraform_data" "switch" {{
  provisioner "local-exec" {{
    command = "{before}test -e {switch}"
  }}
}}
"""
    return {"network/main.tf": story.root_module("network", size=size, extra=extra)["network/main.tf"]}


def test_with_on_merge_testing_is_brought_to_the_merged_commit_first_and_staging_is_touched_only_if_it_was(
    line: Line,
) -> None:
    story = line.story(config=ON_MERGE, testing=True)
    first = story.propose()
    merged = story.land(first)
    assert story.size("testing") == story.size("staging") == 2
    story.quiet()
    headings = [line for line in story.commented(first, "1 added in testing").splitlines() if line.startswith("### ")]
    assert headings == ["### 1 added in staging", "### 1 added in testing"]
    testing, staging = (story.applied(merged, environment) for environment in ("testing", "staging"))
    assert testing["conclusion"] == "success"
    assert testing["completed_at"] <= staging["completed_at"]

    before = (story.state("network", "staging"), story.deployments("staging"))
    number = story.propose(needing(story, story.states / "switch", size=3), head="next")
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add, 1 to change in staging")
    merged = story.merge(number)
    assert story.applied(merged, "testing")["conclusion"] == "failure"
    check = story.applied(merged)
    assert (check["conclusion"], check["output"]["title"]) == (
        "failure",
        f"staging was not touched, since {merged[:7]} could not be applied in testing: planward/apply (testing) on "
        "this commit says why. Merge a correction, or press Re-run",
    )
    assert (story.state("network", "staging"), story.deployments("staging")) == before


# --- promotion -------------------------------------------------------------------------------------------------------


def test_only_trees_that_staging_applied_are_promoted_to_production_and_a_refusal_turns_green_by_itself(
    line: Line,
) -> None:
    story = line.story(installed=False)
    tip = story.commit("staging", story.network(2))
    story.install()
    promotion = story.open("staging", "production", title="Promote", by=story.author)
    refused = story.planned(promotion)
    assert (refused["conclusion"], refused["output"]["title"]) == (
        "failure",
        f"the branch of staging contains this, but Planward never applied it there. Comment planward plan {tip} -e "
        f"staging here, then press Apply in planward/apply (staging) of commit {tip[:7]}. Then this turns green by "
        "itself.",
    )
    story.comment(promotion, f"planward plan {tip} -e staging", by=story.maintainer)
    shown = story.applied(tip)
    assert shown["conclusion"] == "action_required"
    story.press(shown, "apply", by=story.maintainer)
    assert story.applied(tip, count=2)["conclusion"] == "success"
    assert story.planned(promotion, count=2)["conclusion"] == "success"

    sha = story.commit("staging", story.network(3))
    held = story.applied(sha)
    assert held["conclusion"] == "action_required"
    refused = story.planned(promotion)
    assert (refused["conclusion"], refused["output"]["title"]) == (
        "failure",
        "staging has not applied this yet: wait until planward/apply (staging) has finished. If it is held, the people "
        "that it names have to decide; if it failed, do what it says. After that, this check turns green by itself.",
    )
    assert story.let_in(held, by=story.maintainer)["conclusion"] == "success"
    check = story.planned(promotion, count=2)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in production")

    merged = story.merge(promotion)
    check = story.applied(merged, "production")
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 added in production")
    assert story.size("production") == 3
    assert [each["states"] for each in story.deployments("production")] == APPLIED_IN_TURN
    eventually(lambda: "1 added in production" in story.comments(promotion)[-1], "the comment says what was applied")
    assert len(story.comments(promotion)) == 2, "the maintainer's and one of Planward's"
