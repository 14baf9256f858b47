"""The check run shows what the merge will do: the plan of the target, for code that somebody has vouched for."""

from tests.stories.line import Line
from tests.stories.rules.adopted import adopted_story
from tests.stories.rules.saying import answered, buttons, green, held
from tests.stories.rules.test_holds import secrets_read
from tests.stories.story import CONFIG, Story
from tests.stories.test_state_being_written import log_of
from tests.stories.waiting import eventually

NOT_PREVIEWED = (
    "Not previewed in staging yet: someone with write access who neither wrote nor pushed any commit of this pull "
    "request has to press Preview, or approve the newest commit in a review."
)

# --- what is shown ---------------------------------------------------------------------------------------------------


def test_a_file_of_the_target_alone_is_planned_there_alone_and_a_deletion_that_testing_hides_is_shown_before_the_merge(
    line: Line,
) -> None:
    story = adopted_story(line, testing=True)
    number = story.propose({"network/env/staging.tfvars": "size = 3\n"}, head="staging-only", draft=True)
    check = story.planned(number)
    assert green(check) == "1 to change in staging"
    assert "testing" not in check["output"]["summary"]
    story.github.mark_ready(story.name, number, by=story.author)
    green(story.planned(number, count=2))
    assert green(story.applied(story.merge(number))) == "1 changed in staging"

    without = story.root_module("network")["network/main.tf"].partition('resource "terraform_data"')[0]
    number = story.propose({"network/main.tf": without}, head="drop")
    check = story.planned(number)
    assert green(check) == "1 to destroy in staging"
    assert "terraform_data.net" in check["output"]["summary"]
    assert "`network` in `testing`: no changes." in check["output"]["summary"]
    assert green(story.applied(story.merge(number))) == "1 destroyed in staging"


def test_without_secrets_for_testing_there_is_only_the_preview(unmerged: Story, topic: str) -> None:
    check = unmerged.planned(unmerged.propose(head=topic))
    assert green(check) == "1 to add in staging"
    note = f"Not planned in testing: Vault has nothing below `kv/{unmerged.team}/testing/`"
    assert note in check["output"]["summary"]


def test_a_pull_request_that_changes_secrets_is_planned_by_the_old_ones_and_its_apply_is_held(line: Line) -> None:
    story = line.story(testing=True)
    for environment in ("testing", "staging"):
        story.secret(environment, "other/app", nothing="of-use")  # the new ones alone are not enough
    number = story.propose({CONFIG: 'secrets:\n  - {path: "kv/{team}/{branch}/other/*"}\n', **story.network(2)})
    before = len(line.secrets_read())
    green(story.planned(number))
    read = line.secrets_read()[before:]
    assert f"kv/data/{story.team}/staging/app" in read
    for environment in ("testing", "staging"):
        story.secret(environment, "other/app", db_password=story.password(environment))
    merged = story.merge(number)
    check = story.applied(merged)
    assert held(check) == (
        "network in staging: it reads different secrets than its plan on the pull request did. Look at the plan, "
        "then press Apply."
    )
    assert story.size("staging") is None
    story.press(check, "apply", by=story.maintainer)
    green(story.applied(merged, count=2))
    assert story.size("staging") == 2


# --- who vouches for the target --------------------------------------------------------------------------------------


def test_a_trusted_bots_code_is_planned_in_testing_and_not_in_the_target(line: Line) -> None:
    bot = f"renovate{line.stories}[bot]"
    line.github.create_bot(bot)
    story = line.story(config=f'trusted_bots: ["{bot}"]\n', testing=True)
    story.github.grant(story.name, bot, "write")
    number = story.propose(by=bot)
    check = story.planned(number)
    assert held(check).startswith(f"Not previewed in staging yet: {bot} is a bot.")
    assert secrets_read(story, "staging") == []
    comment = story.comment(number, f"planward preview {story.head(number)}", by=story.author)
    assert answered(story, comment) == "+1"
    green(story.planned(number, count=2))


def test_on_approval_somebody_who_had_no_part_in_the_head_lets_it_be_previewed_by_button_comment_or_review(
    line: Line,
) -> None:
    story = line.story(config="environments:\n  staging: {branch: staging, preview: on_approval}\n")
    number = story.propose(by=story.maintainer)
    story.commit("topic", story.network(3), by=story.author)
    check = story.planned(number)
    assert held(check) == NOT_PREVIEWED
    assert secrets_read(story, "staging") == []
    for own in (story.author, story.maintainer):  # pushed it; opened it
        story.press(check, "preview", by=own)
    approve(story, number, by=story.author)
    approve(story, number, by=story.reader)
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    assert secrets_read(story, "staging") == []

    story.press(check, "preview", by=story.reviewer)
    assert green(story.planned(number, count=2)) == "1 to add in staging"
    story.commit("topic", story.network(4), by=story.author)
    assert held(story.planned(number)) == NOT_PREVIEWED  # another head
    story.comment(number, f"planward preview {story.head(number)}", by=story.reviewer)
    assert green(story.planned(number, count=2)) == "1 to add in staging"
    story.commit("topic", story.network(5), by=story.author)
    assert held(story.planned(number)) == NOT_PREVIEWED
    approve(story, number, by=story.reviewer)
    assert green(story.planned(number, count=2)) == "1 to add in staging"
    story.commit("topic", story.network(6), by=story.author)
    assert held(story.planned(number)) == NOT_PREVIEWED


def test_on_approval_it_is_planned_in_testing_and_a_review_that_github_does_not_have_previews_nothing(
    line: Line,
) -> None:
    config = "environments:\n  testing:\n  staging: {branch: staging, preview: on_approval}\n"
    story = line.story(config=config, testing=True)
    number = story.propose()
    check = story.planned(number)
    assert held(check) == NOT_PREVIEWED
    assert buttons(story, check) == ["preview"]
    assert "terraform_data.net" in check["output"]["text"]  # as testing has it
    forged = approve(story, number, by=story.reviewer, hold=True)
    with story.github.world.lock:
        pull = next(each for each in story.repository.pulls if each.number == number)
        pull.reviews[:] = [each for each in pull.reviews if each.id != forged]
    story.github.release()
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1
    assert secrets_read(story, "staging") == []


def approve(story: Story, number: int, *, by: str, hold: bool = False) -> int:
    """Approve a pull request in a review; with `hold` GitHub does not deliver it yet. Returns the review's id."""
    if hold:
        story.github.hold_deliveries("pull_request_review")
    answer = story.line.rest(by).post(
        f"/repos/{story.name}/pulls/{number}/reviews", json={"event": "APPROVE", "body": ""}
    )
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


# --- freshness -------------------------------------------------------------------------------------------------------


def test_after_a_merge_and_its_apply_the_others_are_planned_once_and_in_testing_only_if_a_file_of_testing_changed(
    line: Line,
) -> None:
    story = line.story(installed=False, testing=True)
    begun, go_on = story.states / "begun", story.states / "go on"
    wait = f"touch '{begun}'; until test -e '{go_on}'; do sleep 0.1; done"
    slow = f'resource "terraform_data" "slow" {{\n  provisioner "local-exec" {{\n    command = "{wait}"\n  }}\n}}\n'
    story.commit("staging", {"network/slow.tf": slow}, by=story.reviewer)
    story.install()
    other = story.propose({"network/more.tf": 'output "more" {\n  value = 1\n}\n'}, head="other")
    assert green(story.planned(other)) == "2 to add in staging"
    assert "network in testing" in log_of(story, other)
    merging = story.propose({"network/env/staging.tfvars": "size = 3\n"}, head="merging")
    green(story.planned(merging))
    merged = story.merge(merging)
    head = story.head(other)
    eventually(begun.exists, "staging is being applied")
    eventually(lambda: story.check_runs(head)[-1]["status"] == "in_progress", "it is in progress again")
    waiting = f"plan:{story.check_runs(head)[-1]['external_id']}"
    eventually(lambda: waiting in {each["job"] for each in line.events("job_done")}, "it looked, and waits")
    assert [each["status"] for each in story.check_runs(head)] == ["completed", "in_progress"]
    assert log_of(story, other) == ""  # nothing is planned yet
    go_on.touch()
    green(story.applied(merged))
    check = story.planned(other, count=2)
    assert green(check) == "only outputs change in staging"
    assert "`network` in `testing`: 2 to add, since the state there is empty." in check["output"]["summary"]
    assert "network in staging" in log_of(story, other)
    assert "network in testing" not in log_of(story, other)
    story.quiet()
    assert len(story.check_runs(head)) == 2
