"""The App comes and goes: open pull requests are planned, and merges in the meantime are applied."""

import httpx
import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import green, held
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually


def discovered(story: Story, times: int) -> None:
    """Wait until the repository has been discovered this many times."""
    begun = f"discover:{story.repository.id}:"
    eventually(
        lambda: len([each for each in story.line.events("job_done") if each["job"].startswith(begun)]) >= times,
        f"{story.name} is discovered {times} times",
    )


def test_pull_requests_open_at_the_installation_are_planned_merges_while_suspended_applied_and_a_rename_moves_no_secret(
    line: Line,
) -> None:
    story = line.story(installed=False)
    number = story.propose()
    story.install()
    green(story.planned(number))
    story.github.suspend(story.installation, by=story.reviewer)
    story.quiet()
    merged = story.merge(number)
    late = story.propose({"README.md": "# Words\n"}, head="late")
    story.quiet()
    story.github.unsuspend(story.installation, by=story.reviewer)
    green(story.applied(merged))
    assert story.size("staging") == 2
    green(story.planned(late))

    # A rename moves no secret: they are still read from kv/FIRST-NAME/staging/*.
    story.github.rename_repository(story.name, "renamed", by=story.reviewer)
    story.name = f"{story.owner}/renamed"
    number = story.propose(story.network(3), head="after-the-rename")
    green(story.planned(number))
    green(story.applied(story.merge(number)))
    assert story.size("staging") == 3


def test_jobs_of_a_suspended_installation_wait_and_resume_after_it(line: Line) -> None:
    story = line.story()

    def deferred() -> int:
        return sum("suspended" in each["reason"] for each in line.events("job_deferred"))

    with slow_place() as slow:
        waits = story.root_module("network", extra=slow.module("waits"))["network/main.tf"]
        number = story.propose({"network/main.tf": waits})
        eventually(lambda: slow.asked, "Terraform asks for the module")
        story.github.suspend(story.installation, by=story.reviewer)
        eventually(deferred, "the plan is parked")
    story.quiet()
    assert deferred() == 1
    story.github.unsuspend(story.installation, by=story.reviewer)
    story.planned(number, count=2)
    story.quiet()
    [cancelled, again] = story.check_runs(story.head(number))
    assert (cancelled["conclusion"], cancelled["output"]["title"]) == ("cancelled", "Cancelled: the App was suspended")
    assert again["conclusion"] == "failure"  # that module does not exist


def test_a_repository_that_is_added_is_adopted_and_its_pull_requests_planned_and_one_that_is_removed_is_left_alone(
    line: Line,
) -> None:
    story = line.story(installed=False)
    other = f"{story.owner}/other"
    line.github.create_repository(other, files={"README.md": ""}, default_branch="staging", by=story.reviewer)
    story.installation = line.github.install(line.app, story.owner, repositories=[other], by=story.reviewer)
    number = story.propose()
    story.quiet()
    assert story.check_runs(story.head(number)) == []
    line.github.change_installed_repositories(story.installation, add=[story.name], by=story.reviewer)
    green(story.planned(number))
    line.github.change_installed_repositories(story.installation, remove=[story.name, other], by=story.reviewer)
    story.quiet()
    number = story.propose(story.network(3), head="later")
    story.quiet()
    assert story.check_runs(story.head(number)) == []


@pytest.mark.both_databases
def test_a_repositorys_data_is_erased_when_the_app_is_removed(line: Line) -> None:
    for story in (line.story(), line.story()):  # both may be removed within one second
        check = story.planned(story.propose())
        green(check)
        log = f"{check['details_url']}/log?format=text"
        assert "network" in httpx.get(log, trust_env=False).text
        mirror = line.directory / "data" / "mirrors" / f"{story.repository.id}.git"
        assert mirror.is_dir()
        story.github.uninstall(story.installation, by=story.reviewer)
        eventually(
            lambda: httpx.get(log, trust_env=False).text.startswith("the log of this run was removed"),  # noqa: B023
            "the log is erased",
        )
        eventually(lambda: not mirror.exists(), "its mirror is erased")  # noqa: B023
    page = httpx.get(check["details_url"], trust_env=False).text
    assert 'id="log-removed"' in page
    assert "terraform_data" not in page


# --- branches that make themselves environments ----------------------------------------------------------------------


def test_a_branch_does_not_make_itself_an_environments(line: Line) -> None:
    story = line.story()
    config = f"""\
four_eyes: false
environments:
  sandbox: {{branch: mine, approvers: [{story.author}]}}
secrets:
  - {{path: "kv/{story.team}/production/*", as: tfvars}}
"""
    files = {".github/planward.yml": config, **story.network(7)}
    for push in (1, 2):
        sha = story.commit("mine", {**files, "README.md": f"# {push}\n"}, by=story.author)
        story.commit(f"topic-{push}", story.network(8), by=story.author, start="mine")
        number = story.open(f"topic-{push}", "mine")
        story.quiet()
        assert story.check_runs(story.head(number)) == []
        story.comment(number, f"planward apply {sha} -e sandbox", by=story.author)
        story.quiet()
        assert story.check_runs(sha, "planward/apply (sandbox)") == []
    assert not [path for path in line.secrets_read() if f"/{story.team}/production" in path]


def test_a_created_branch_is_held_also_after_its_next_push_and_does_not_name_its_own_approvers(line: Line) -> None:
    environments = "environments:\n  staging: {branch: staging}\n  production: {branch: production%s}\n"
    story = line.story(branches=("staging",), config=environments % "")
    own = "four_eyes: false\n" + environments % f", approvers: [{story.author}]"
    story.github.move(story.name, "production", story.first, by=story.author)
    held(story.applied(story.first, "production"))
    tip = story.commit("production", {".github/planward.yml": own, **story.network(3)}, by=story.author)
    check = story.applied(tip, "production")
    held(check)
    story.press(check, "plan", by=story.author)
    story.quiet()
    assert len(story.check_runs(tip, "planward/apply (production)")) == 1
    assert story.state("network", "production") == {}
    story.secret("production", db_password="set")
    green(story.let_in(check, by=story.maintainer))


# --- environments that a config names after the repository was first seen ---------------------------------------------


def test_a_new_environment_is_planned_and_allowed_by_who_maintains_the_repository_and_not_by_those_it_names(
    line: Line,
) -> None:
    """The default branch belongs to no environment. There, a writer names a new environment with its approvers."""
    story = line.story(branches=("main", "staging"), config="environments:\n  staging:\n")
    config = f"environments:\n  staging:\n  evil: {{branch: evil, approvers: [{story.author}, {story.reader}]}}\n"
    story.commit("main", {".github/planward.yml": config}, by=story.author, start="main")
    story.secret("evil", db_password="of-evil")
    files = {
        ".github/planward.yml": config,
        **story.network(7),
        "network/env/evil.backend.hcl": f'path = "{story.state_path("network", "evil")}"\n',
    }
    story.quiet()
    before = len(line.secrets_read())
    sha = story.commit("evil", files, by=story.author, start="main")
    check = story.applied(sha, "evil")
    held(check)
    number = story.propose(story.network(8), head="into", base="evil")
    assert held(story.planned(number)).startswith("Not planned yet: the environment evil is new")
    for login in (story.author, story.reader):
        story.press(check, "plan", by=login)
    story.quiet()
    assert len(story.check_runs(sha, "planward/apply (evil)")) == 1
    assert line.secrets_read()[before:] == []
    story.edit(number, state="closed")
    green(story.let_in(check, by=story.maintainer))


def test_a_pull_request_into_a_created_environment_is_not_planned_before_that_is_allowed(line: Line) -> None:
    story = line.story(branches=("staging",))  # without a config
    story.github.move(story.name, "production", story.first, by=story.author)
    story.quiet()
    before = len(line.secrets_read())
    number = story.propose(story.network(8), head="into", base="production")
    assert held(story.planned(number)).startswith("Not planned yet: the environment production is new")
    story.quiet()
    assert line.secrets_read()[before:] == []
