"""Deployments, comments, permissions, pull requests, and the App's own lists."""

from typing import Any

import httpx
import pytest

from ghapp.events import GHOST, Base, Head, Person, Repository
from ghapp.github import (
    DeliverySeen,
    DeploymentSeen,
    GitHubApp,
    GitHubRepository,
    GitHubUnavailable,
    InstallationSeen,
    PullRequestSeen,
    Role,
)
from ghapp.values import BranchName, CommitSha, InstallationId, RepositoryId, RunId
from tests.ghapp.github.scripted_github import API, INFRA, ScriptedWire

pytestmark = pytest.mark.anyio

SHA = CommitSha("a" * 40)
BASE = CommitSha("b" * 40)
MERGE = CommitSha("c" * 40)
RUN = RunId("run-1")
anna = Person(login="anna", id=7)

DEPLOY = "POST /repos/acme/infra/deployments"
DEPLOYMENTS = "GET /repos/acme/infra/deployments"
STATUS = "POST /repos/acme/infra/deployments/70/statuses"
STATUSES = "GET /repos/acme/infra/deployments/70/statuses"
COMMENT = "POST /repos/acme/infra/issues/12/comments"
COMMENTS = "GET /repos/acme/infra/issues/12/comments"
ROLE = "GET /repos/acme/infra/collaborators/anna/permission"
TEAM = "GET /orgs/acme/teams/platform/memberships/anna"


# Deployments


async def deploy(infra: GitHubRepository, *, look_first: bool = False) -> int:
    return await infra.create_deployment(
        sha=SHA, environment="staging", description="x" * 141, run=RUN, production=False, look_first=look_first
    )


def deployed(number: int, payload: Any) -> dict[str, Any]:
    return {"id": number, "sha": SHA, "environment": "staging", "payload": payload}


async def test_a_deployment_waits_for_no_checks_and_merges_nothing(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(DEPLOY, 201, {"id": 70})
    assert await deploy(infra) == 70
    assert wire.sent(0) == {
        "ref": SHA,
        "environment": "staging",
        "description": "x" * 139 + "…",
        "payload": {"run": "run-1"},
        "production_environment": False,
        "transient_environment": False,
        "auto_merge": False,
        "required_contexts": [],
    }


@pytest.mark.parametrize("payload", [{"run": "run-1"}, '{"run": "run-1"}'])
async def test_a_lost_deployment_is_found_by_its_run(infra: GitHubRepository, wire: ScriptedWire, payload: Any) -> None:
    others = [deployed(68, ""), deployed(69, {"run": "run-0"}), deployed(71, "{"), deployed(72, [1])]
    wire.expect(DEPLOY, failure=httpx.ReadTimeout)
    wire.expect(DEPLOYMENTS, body=[*others, deployed(70, payload)])
    assert await deploy(infra) == 70
    assert wire.requests[1].url.params["sha"] == SHA


async def test_a_resumed_flow_looks_for_the_deployment_before_it_creates_one(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(DEPLOYMENTS, body=[deployed(70, {"run": "run-1"})])
    assert await deploy(infra, look_first=True) == 70


async def test_a_deployment_s_status(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(STATUS, 201, {"id": 1})
    await infra.set_deployment_status(
        70, "success", description="3 to add", log_url="https://p/runs/run-1", environment_url="https://p/acme/infra"
    )
    assert wire.sent(0) == {
        "state": "success",
        "description": "3 to add",
        "auto_inactive": False,
        "log_url": "https://p/runs/run-1",
        "environment_url": "https://p/acme/infra",
    }


async def test_a_status_whose_answer_was_lost_is_set_once(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(STATUS, 502, b"")
    wire.expect(STATUSES, body=[{"id": 1, "state": "success", "description": "3 to add"}])
    await infra.set_deployment_status(70, "success", description="3 to add")


async def test_a_status_that_did_not_arrive_is_set_again(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(STATUS, 502, b"")
    wire.expect(STATUSES, body=[{"id": 1, "state": "in_progress", "description": ""}])
    wire.expect(STATUS, 201, {"id": 2})
    await infra.set_deployment_status(70, "success", description="3 to add")


async def test_the_latest_deployments_are_listed_until_there_are_enough(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    following = f'<{API}/repos/acme/infra/deployments?page=2>; rel="next"'
    wire.expect(
        DEPLOYMENTS, body=[deployed(70, {"run": "run-1"}), deployed(69, "by hand")], headers={"Link": following}
    )
    assert await infra.deployments("staging", limit=2) == (
        DeploymentSeen(id=70, sha=SHA, environment="staging", run=RUN),
        DeploymentSeen(id=69, sha=SHA, environment="staging", run=None),
    )


# Comments


def comment(number: int, body: str | None, **change: Any) -> dict[str, Any]:
    own = {"user": {"login": "planward[bot]", "id": 1, "type": "Bot"}, "performed_via_github_app": {"id": 3}}
    return {"id": number, "body": body, **own, **change}


async def test_a_comment_contains_its_marker_invisibly(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(COMMENT, 201, {"id": 8})
    wire.expect("PATCH /repos/acme/infra/issues/comments/8", 200, {"id": 8})
    assert await infra.create_comment(12, "Applied", marker="pull request 12") == 8
    await infra.update_comment(8, "Applied twice", marker="pull request 12")
    assert wire.sent(0) == {"body": "<!-- planward: pull request 12 -->\n\nApplied"}
    assert wire.sent(1) == {"body": "<!-- planward: pull request 12 -->\n\nApplied twice"}


async def test_a_comment_that_is_too_long_loses_its_last_lines(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(COMMENT, 201, {"id": 8})
    await infra.create_comment(12, "a line\n" * 20_000, marker="m")
    body = wire.sent(0)["body"]
    assert len(body) <= 65_536
    assert body.startswith("<!-- planward: m -->\n\na line\n")
    assert body.endswith("\na line\n\n…")


async def test_a_comment_is_found_by_its_marker_and_only_if_it_is_the_app_s(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    marked = "x <!-- planward: m -->"
    wire.expect(
        COMMENTS,
        body=[
            comment(1, "<!-- planward: mm -->"),
            comment(2, None),
            comment(3, marked, user={"login": "mallory", "id": 9, "type": "User"}, performed_via_github_app=None),
            comment(4, marked, performed_via_github_app={"id": 4}),
            comment(5, marked, user=None),
            comment(6, marked),
        ],
    )
    assert await infra.find_comment(12, "m") == 6


async def test_no_comment_is_found_where_there_is_none(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(COMMENTS, body=[])
    assert await infra.find_comment(12, "m") is None


@pytest.mark.parametrize("marker", ["", "a --> b", "--", "line\nbreak", "x" * 201])
async def test_a_marker_that_could_end_its_html_comment_is_refused(infra: GitHubRepository, marker: str) -> None:
    with pytest.raises(ValueError, match="marker"):
        await infra.find_comment(12, marker)


async def test_a_reaction(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect("POST /repos/acme/infra/issues/comments/8/reactions", 502, b"")
    wire.expect("POST /repos/acme/infra/issues/comments/8/reactions", 200, {"id": 1})
    await infra.react(8, "eyes")
    assert wire.sent(0) == {"content": "eyes"}


# Permissions


@pytest.mark.parametrize(
    ("permission", "role_name", "role"),
    [
        ("admin", "admin", Role.ADMIN),
        ("write", "maintain", Role.MAINTAIN),
        ("write", "write", Role.WRITE),
        ("read", "triage", Role.TRIAGE),
        ("read", "read", Role.READ),
        ("none", "none", Role.NONE),
        ("write", "release manager", Role.WRITE),
        ("read", "auditor", Role.READ),
        ("write", "", Role.WRITE),
        ("superuser", "superuser", Role.NONE),
    ],
)
async def test_a_custom_role_counts_as_the_role_that_it_is_based_on(
    infra: GitHubRepository, wire: ScriptedWire, permission: str, role_name: str, role: Role
) -> None:
    wire.expect(ROLE, body={"permission": permission, "role_name": role_name, "user": {"id": 7}})
    assert await infra.role_of(anna) is role


async def test_a_stranger_has_no_role(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect_missing(ROLE)
    assert await infra.role_of(anna) is Role.NONE


async def test_a_login_that_now_belongs_to_another_account_has_no_role(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(ROLE, body={"permission": "admin", "role_name": "admin", "user": {"login": "anna", "id": 8}})
    assert await infra.role_of(anna) is Role.NONE


async def test_a_role_that_cannot_be_queried_does_not_count_as_none(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.refuse(ROLE, 403, "Resource not accessible by integration")
    with pytest.raises(GitHubUnavailable):
        await infra.role_of(anna)


@pytest.mark.parametrize(
    ("status", "body", "belongs"),
    [(200, {"state": "active"}, True), (200, {"state": "pending"}, False), (404, {"message": "Not Found"}, False)],
)
async def test_a_person_who_has_not_accepted_the_invitation_is_no_team_member(
    infra: GitHubRepository, wire: ScriptedWire, status: int, body: Any, belongs: bool
) -> None:
    for _ in range(2 if status == 404 else 1):
        wire.expect(TEAM, status, body)
    assert await infra.is_team_member("acme", "platform", anna) is belongs


def test_roles_compare() -> None:
    assert sorted(Role, reverse=True) == [Role.ADMIN, Role.MAINTAIN, Role.WRITE, Role.TRIAGE, Role.READ, Role.NONE]
    assert Role.MAINTAIN >= Role.WRITE > Role.TRIAGE


# Pull requests and repositories


def pull_request(**change: Any) -> dict[str, Any]:
    return {
        "number": 12,
        "title": "More disks",
        "html_url": "https://github.example.com/acme/infra/pull/12",
        "state": "open",
        "draft": True,
        "user": {"login": "anna", "id": 7, "type": "User"},
        "merged_at": None,
        "merge_commit_sha": "d" * 40,
        "head": {"sha": SHA, "ref": "more-disks", "repo": {"id": 43}},
        "base": {"sha": BASE, "ref": "staging", "repo": {"id": 42}},
        **change,
    }


SEEN = PullRequestSeen(
    number=12,
    title="More disks",
    url="https://github.example.com/acme/infra/pull/12",
    author=anna,
    draft=True,
    is_open=True,
    merged_at=None,
    merge_sha=None,
    head=Head(sha=SHA, ref=BranchName("more-disks"), repository_id=RepositoryId(43)),
    base=Base(sha=BASE, ref=BranchName("staging")),
)


async def test_every_open_pull_request_over_all_pages(infra: GitHubRepository, wire: ScriptedWire) -> None:
    following = f'<{API}/repositories/42/pulls?page=2>; rel="next"'
    wire.expect("GET /repos/acme/infra/pulls", body=[pull_request()], headers={"Link": following})
    wire.expect("GET /repositories/42/pulls", body=[pull_request(number=13)])
    assert [each.number for each in await infra.open_pull_requests()] == [12, 13]


async def test_the_test_merge_of_an_open_pull_request_is_not_its_merge_sha(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect("GET /repos/acme/infra/pulls/12", body=pull_request())
    assert await infra.pull_request(12) == SEEN


@pytest.mark.parametrize("merge_sha", [MERGE, None])
async def test_a_merged_pull_request_in_both_versions_of_the_api(
    infra: GitHubRepository, wire: ScriptedWire, merge_sha: CommitSha | None
) -> None:
    merged = pull_request(
        state="closed", merged_at="2026-11-23T22:00:00Z", user=None, head={"sha": SHA, "ref": "x", "repo": None}
    )
    if merge_sha is None:
        del merged["merge_commit_sha"]
    else:
        merged["merge_commit_sha"] = merge_sha
    wire.expect("GET /repos/acme/infra/pulls/12", body=merged)
    seen = await infra.pull_request(12)
    assert seen is not None
    assert (seen.is_open, seen.merged_at, seen.merge_sha, seen.author) == (False, 1795471200, merge_sha, GHOST)
    assert seen.head.repository_id is None


async def test_a_pull_request_that_does_not_exist(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect_missing("GET /repos/acme/infra/pulls/12")
    assert await infra.pull_request(12) is None


async def test_the_pull_requests_of_a_commit(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(f"GET /repos/acme/infra/commits/{SHA}/pulls", body=[pull_request()])
    assert await infra.pull_requests_of(SHA) == (SEEN,)


REPOSITORY = {"id": 42, "full_name": "acme/infra", "clone_url": "https://g/acme/infra.git", "default_branch": "main"}
repository = Repository(
    id=INFRA.id, full_name="acme/infra", clone_url="https://g/acme/infra.git", default_branch=BranchName("main")
)


async def test_the_repository_with_its_name_of_today(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect("GET /repos/acme/infra", body=REPOSITORY)
    assert await infra.repository() == repository


async def test_every_repository_that_an_installation_reaches(app: GitHubApp, wire: ScriptedWire) -> None:
    wire.expect("GET /installation/repositories", body={"total_count": 1, "repositories": [REPOSITORY]})
    assert await app.repositories(InstallationId(5)) == (repository,)
    assert wire.token_requests[0].content == b'{"permissions":{"metadata":"read"}}'


# Installations and deliveries

INSTALLATION = {"id": 5, "account": {"login": "acme"}, "suspended_at": None, "permissions": {"checks": "write"}}


async def test_the_installation_of_a_repository(app: GitHubApp, wire: ScriptedWire) -> None:
    wire.expect("GET /repos/acme/infra/installation", body=INSTALLATION)
    assert await app.installation_of("acme/infra") == InstallationSeen(
        id=InstallationId(5), account="acme", suspended=False, permissions={"checks": "write"}
    )


async def test_a_repository_without_the_app(app: GitHubApp, wire: ScriptedWire) -> None:
    for _ in range(2):
        wire.expect("GET /repos/acme/infra/installation", 404, {"message": "Not Found"})
    assert await app.installation_of("acme/infra") is None


async def test_installations_of_enterprises_and_suspended_ones_are_listed_too(
    app: GitHubApp, wire: ScriptedWire
) -> None:
    enterprise = {**INSTALLATION, "id": 6, "account": {"slug": "big"}, "suspended_at": "2026-11-23T22:00:00Z"}
    wire.expect("GET /app/installations", body=[INSTALLATION, enterprise])
    seen = await app.installations()
    assert [(each.account, each.suspended) for each in seen] == [("acme", False), ("big", True)]


def attempt(number: int, delivered_at: str, status_code: int = 202) -> dict[str, Any]:
    return {
        "id": number,
        "guid": "g-1",
        "event": "push",
        "action": None,
        "status": "OK",
        "status_code": status_code,
        "delivered_at": delivered_at,
    }


async def test_deliveries_are_read_as_far_back_as_requested(app: GitHubApp, wire: ScriptedWire) -> None:
    following = f'<{API}/app/hook/deliveries?cursor=x>; rel="next"'
    newest = [attempt(3, "2026-11-23T22:00:00.5Z", 502), attempt(2, "2026-11-23T21:00:00Z")]
    wire.expect("GET /app/hook/deliveries", body=newest, headers={"Link": following})
    wire.expect("GET /app/hook/deliveries", body=[attempt(1, "2026-11-23T20:00:00Z")], headers={"Link": following})
    seen = await app.deliveries(since=1795471200 - 3600)
    assert [(each.id, each.accepted) for each in seen] == [(3, False), (2, True)]
    assert seen[0] == DeliverySeen(
        id=3, guid="g-1", event="push", action=None, status="OK", status_code=502, delivered_at=1795471200
    )


@pytest.mark.parametrize("body", [{}, b""], ids=["an empty object", "nothing"])
async def test_a_redelivery_is_requested(app: GitHubApp, wire: ScriptedWire, body: Any) -> None:
    wire.expect("POST /app/hook/deliveries/3/attempts", 202, body)
    await app.redeliver(3)
