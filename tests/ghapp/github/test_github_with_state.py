"""Against the local GitHub: every object is created once, whichever requests or answers are lost."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from checks.report import Annotation
from ghapp.events import Person, RepositoryRef
from ghapp.github import (
    CheckRunAction,
    CheckRunDraft,
    GitHubApp,
    GitHubRefused,
    GitHubRepository,
    InstallationGone,
    InstallationSuspended,
    Patience,
    Role,
)
from ghapp.local_github import LocalGitHub
from ghapp.values import CommitSha, InstallationId, RepositoryId, RunId
from ghapp.webhook import read_delivery
from tests.ghapp.github.scripted_github import signed_by_pem

pytestmark = pytest.mark.anyio

PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "deployments": "write",
    "issues": "read",
    "members": "read",
    "pull_requests": "write",
}
EVENTS = ["pull_request", "push", "issue_comment", "repository", "merge_group"]
SECRET = "s3cret"


@dataclass(frozen=True)
class Stage:
    """acme/infra with one pull request by Grace, and the App installed there."""

    github: LocalGitHub
    app: GitHubApp
    infra: GitHubRepository
    ref: RepositoryRef
    installation_id: InstallationId
    head: CommitSha
    number: int

    def person(self, login: str) -> Person:
        return Person(login=login, id=self.github.world.account(login).id)


@pytest.fixture(params=["2022-11-28", "2026-03-10"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Stage]:
    async with LocalGitHub(tmp_path) as github:
        for login in ("ada", "grace", "mallory"):
            github.create_user(login)
        github.create_organization("acme", owners=["ada"], members=["grace"])
        github.create_team("acme", "platform", members=["grace"])
        repository = github.create_repository("acme/infra", default_branch="staging")
        github.grant("acme/infra", "grace", "maintain")
        app = github.create_app(
            "Planward",
            owner="acme",
            webhook_url="http://127.0.0.1:9/",
            webhook_secret=SECRET,
            permissions=PERMISSIONS,
            events=EVENTS,
        )
        installation = github.install(app, "acme", repositories=["acme/infra"])
        head = CommitSha(github.commit("acme/infra", "topic", {"main.tf": "# one\n"}, by="grace"))
        with github.rest("grace") as grace:
            pull = grace.post(
                "/repos/acme/infra/pulls", json={"title": "More disks", "head": "topic", "base": "staging"}
            ).json()
        ref = RepositoryRef(id=RepositoryId(repository.id), full_name="acme/infra")
        async with GitHubApp(
            github.api_url,
            app.id,
            signed_by_pem(app.private_key_pem),
            api_version=request.param,
            patience=Patience(attempts=3, total_s=5, wait_initial_s=0.0),
            settle_s=0.0,
            # verify=False: reading the machine's certificate authorities takes 50 ms, and no TLS is used here.
            transport=httpx.AsyncHTTPTransport(verify=False),
        ) as opened:
            number = InstallationId(installation.id)
            infra = await opened.repository(number, ref)
            yield Stage(github, opened, infra, ref, number, head, int(pull["number"]))
        assert github.unexpected == []


def draft(stage: Stage, **change: object) -> CheckRunDraft:
    queued = CheckRunDraft(
        name="planward/plan", head_sha=stage.head, external_id="run-1", status="queued", title="t", summary="s"
    )
    return msgspec.structs.replace(queued, **change)


def annotations(number: int) -> tuple[Annotation, ...]:
    return tuple(
        Annotation(path="main.tf", start_line=1, end_line=1, level="warning", title="t", message=f"message {each}")
        for each in range(number)
    )


async def test_the_app_and_where_it_is_installed(stage: Stage) -> None:
    me = await stage.app.me()
    assert (me.slug, set(me.events), me.permissions["checks"]) == ("planward", set(EVENTS), "write")
    found = await stage.app.installation_of("acme/infra")
    assert found is not None
    assert (found.id, found.account, found.suspended) == (stage.installation_id, "acme", False)
    assert await stage.app.installation_of("acme/nowhere") is None
    assert [each.id for each in await stage.app.installations()] == [stage.installation_id]
    (repository,) = await stage.app.repositories(stage.installation_id)
    assert repository == await stage.infra.repository()
    assert repository.ref == stage.ref


async def test_a_check_run_goes_from_queued_to_done_with_each_annotation_once(stage: Stage) -> None:
    check_run = (await stage.infra.create_check_run(draft(stage))).resource.id
    approve = CheckRunAction(label="Approve plan", identifier="approve", description="Plan with credentials")
    done = draft(
        stage,
        status="completed",
        conclusion="action_required",
        annotations=annotations(120),
        actions=(approve,),
        details_url="https://planward.example.com/runs/run-1",
    )
    stage.github.lose_answer("PATCH", r"/check-runs/")
    assert (await stage.infra.update_check_run(check_run, done)).annotations == 120
    (seen,) = await stage.infra.find_check_runs(stage.head, "planward/plan")
    assert (seen.id, seen.external_id, seen.conclusion) == (check_run, "run-1", "action_required")
    with stage.github.rest("grace") as grace:
        path = f"/repos/acme/infra/check-runs/{check_run}/annotations"
        pages = [grace.get(path, params={"per_page": 100, "page": page}).json() for page in (1, 2)]
    messages = [annotation["message"] for page in pages for annotation in page]
    assert sorted(messages) == sorted(each.message for each in annotations(120))


@pytest.mark.parametrize("broken", ["lost answer", "502"])
async def test_nothing_is_made_twice_when_an_answer_gets_lost(stage: Stage, broken: str) -> None:
    def trouble(path: str) -> None:
        if broken == "502":
            stage.github.fail("POST", path)
        else:
            stage.github.lose_answer("POST", path)

    trouble(r"/check-runs$")
    check_run = (await stage.infra.create_check_run(draft(stage))).resource.id
    assert [each.id for each in await stage.infra.find_check_runs(stage.head, "planward/plan")] == [check_run]

    trouble(r"/deployments$")
    run = RunId("run-1")
    deployment = await stage.infra.create_deployment(
        sha=stage.head, environment="production", description="d", run=run, production=True
    )
    assert [(each.id, each.run) for each in await stage.infra.deployments("production")] == [(deployment, run)]
    assert await stage.infra.find_deployment(sha=stage.head, environment="production", run=run) == deployment

    trouble(r"/statuses$")
    await stage.infra.set_deployment_status(deployment, "success", description="x" * 200, log_url="https://p/r")
    trouble(r"/comments$")
    comment = await stage.infra.create_comment(stage.number, "Applied", marker="m")
    await stage.infra.update_comment(comment, "Applied again", marker="m")
    with stage.github.rest("grace") as grace:
        statuses = grace.get(f"/repos/acme/infra/deployments/{deployment}/statuses").json()
        comments = grace.get(f"/repos/acme/infra/issues/{stage.number}/comments").json()
    assert [(each["state"], len(each["description"])) for each in statuses] == [("success", 140)]
    assert [each["body"] for each in comments] == ["<!-- planward: m -->\n\nApplied again"]
    assert await stage.infra.find_comment(stage.number, "m") == comment


async def test_an_unchanged_answer_costs_nothing(stage: Stage) -> None:
    grace = stage.person("grace")

    async def questions() -> list[object]:
        role = await stage.infra.role_of(grace)
        member = await stage.infra.is_team_member("acme", "platform", grace)
        return [role, member, *await stage.infra.open_pull_requests(), await stage.infra.pull_request(stage.number)]

    def left() -> int:
        headers = {"Authorization": f"Bearer {next(iter(stage.github.world.installation_tokens))}"}
        with httpx.Client(headers=headers, trust_env=False, verify=False) as installed:
            return int(installed.get(f"{stage.github.api_url}/rate_limit").json()["rate"]["remaining"])

    first = await questions()
    before, left_before = len(stage.github.requests), left()
    assert await questions() == first
    assert left() == left_before
    asked = [each.status for each in stage.github.requests[before:] if each.path != "/rate_limit"]
    assert asked == [304] * 4

    stage.github.grant("acme/infra", "grace", "read")
    assert await stage.infra.role_of(grace) is Role.READ


async def test_somebody_else_s_comment_with_the_marker_is_not_ours(stage: Stage) -> None:
    with stage.github.rest("grace") as grace:
        path = f"/repos/acme/infra/issues/{stage.number}/comments"
        comment = grace.post(path, json={"body": "<!-- planward: m -->"}).json()["id"]
    assert await stage.infra.find_comment(stage.number, "m") is None
    await stage.infra.react(comment, "+1")
    await stage.infra.react(comment, "+1")


async def test_who_may_do_what(stage: Stage) -> None:
    stage.github.create_custom_role("acme", "release-manager", base_role="write")
    assert await stage.infra.role_of(stage.person("ada")) is Role.ADMIN
    assert await stage.infra.role_of(stage.person("grace")) is Role.MAINTAIN
    stage.github.grant("acme/infra", "grace", "release-manager")
    assert await stage.infra.role_of(stage.person("grace")) is Role.WRITE
    assert await stage.infra.role_of(stage.person("mallory")) <= Role.READ
    assert await stage.infra.role_of(Person(login="nobody-at-all", id=1)) is Role.NONE
    assert await stage.infra.is_team_member("acme", "platform", stage.person("grace"))
    assert not await stage.infra.is_team_member("acme", "platform", stage.person("mallory"))
    assert not await stage.infra.is_team_member("acme", "no-such-team", stage.person("grace"))


async def test_pull_requests_before_and_after_the_merge(stage: Stage) -> None:
    (opened,) = await stage.infra.open_pull_requests()
    assert opened == await stage.infra.pull_request(stage.number)
    assert (opened.title, opened.head.sha, opened.base.ref) == ("More disks", stage.head, "staging")
    assert (opened.merged_at, opened.merge_sha, opened.author) == (None, None, stage.person("grace"))
    with stage.github.rest("ada") as ada:
        merged = ada.put(f"/repos/acme/infra/pulls/{stage.number}/merge", json={"merge_method": "squash"})
    merge_sha = CommitSha(merged.json()["sha"])
    closed = await stage.infra.pull_request(stage.number)
    assert closed is not None
    assert not closed.is_open
    assert closed.merged_at is not None
    assert closed.merge_sha in {merge_sha, None}
    assert await stage.infra.open_pull_requests() == ()
    assert await stage.infra.pull_request(999) is None
    assert [each.number for each in await stage.infra.pull_requests_of(merge_sha)] == [stage.number]


async def test_a_renamed_repository_is_spoken_to_by_its_old_name(stage: Stage) -> None:
    stage.github.rename_repository("acme/infra", "platform", by="ada")
    assert (await stage.infra.repository()).full_name == "acme/platform"
    check_run = (await stage.infra.create_check_run(draft(stage))).resource.id
    assert [each.id for each in await stage.infra.find_check_runs(stage.head, "planward/plan")] == [check_run]


async def test_a_token_for_git_reads_this_repository_and_writes_nothing(stage: Stage) -> None:
    token = await stage.app.git_token(stage.installation_id, stage.ref)
    made = stage.github.world.installation_tokens[token]
    assert made.repository_ids == {stage.ref.id}
    assert made.permissions == {"contents": "read", "metadata": "read"}


async def test_at_the_end_no_token_of_ours_works_any_more(stage: Stage) -> None:
    await stage.app.git_token(stage.installation_id, stage.ref)
    await stage.infra.repository()
    assert len(stage.github.world.installation_tokens) == 2
    await stage.app.close()
    assert stage.github.world.installation_tokens == {}


async def test_the_ends_of_an_installation_are_distinguished(stage: Stage) -> None:
    installation = stage.github.world.installations[stage.installation_id]
    stage.github.suspend(installation, by="ada")
    with pytest.raises(InstallationSuspended):
        await stage.infra.repository()
    stage.github.unsuspend(installation, by="ada")
    stage.github.change_installed_repositories(installation, remove=["acme/infra"], by="ada")
    with pytest.raises(InstallationGone, match="no longer has access to this repository"):
        await stage.infra.repository()
    stage.github.uninstall(installation, by="ada")
    with pytest.raises(InstallationGone, match="install it again"):
        await stage.infra.repository()


async def test_a_token_that_somebody_else_revoked_is_replaced(stage: Stage) -> None:
    await stage.infra.repository()
    stage.github.world.installation_tokens.clear()
    await stage.infra.create_comment(stage.number, "Applied", marker="m")


async def test_an_archived_repository_says_so(stage: Stage) -> None:
    stage.github.archive_repository("acme/infra", by="ada")
    with pytest.raises(GitHubRefused, match="Repository was archived so is read-only"):
        await stage.infra.create_check_run(draft(stage))


async def test_deliveries_are_listed_and_asked_for_again(stage: Stage) -> None:
    await stage.github.delivered()
    seen = await stage.app.deliveries(since=0)
    assert {"installation", "push", "pull_request"} <= {each.event for each in seen}
    assert not any(each.accepted for each in seen)
    opened = next(each for each in seen if each.event == "pull_request")
    await stage.app.redeliver(opened.id)
    await stage.github.delivered()
    again = [each for each in await stage.app.deliveries(since=0) if each.guid == opened.guid]
    assert len(again) == 2


async def test_everything_that_is_delivered_can_be_read(stage: Stage) -> None:
    stage.github.rename_repository("acme/infra", "platform", by="ada")
    with stage.github.rest("grace") as grace:
        grace.post(f"/repos/acme/platform/issues/{stage.number}/comments", json={"body": "planward plan"})
    check_run = (await stage.infra.create_check_run(draft(stage))).resource.id
    stage.github.rerun("acme/platform", check_run, by="grace")
    with stage.github.rest("ada") as ada:
        ada.put(f"/repos/acme/platform/pulls/{stage.number}/merge", json={"merge_method": "merge"})
    stage.github.move("acme/platform", "topic", None, by="grace")
    stage.github.suspend(stage.github.world.installations[stage.installation_id], by="ada")
    await stage.github.delivered()
    read = set()
    for delivery in stage.github.deliveries:
        body = json.dumps(delivery.payload, separators=(",", ":")).encode()
        read.add(type(read_delivery(delivery.request_headers, body, [SECRET]).event).__name__)
    assert read >= {
        "PullRequestChanged",
        "PullRequestClosed",
        "BranchPushed",
        "CommentCreated",
        "CheckRunRerequested",
        "RepositoryChanged",
        "InstallationChanged",
    }
