"""Deliveries of the local GitHub: signed, recorded, sent once; and shaped as GitHub's schema says."""

import hashlib
import hmac
from importlib import import_module
from typing import Any

import httpx
import pytest
from githubkit_schemas.v2026_03_10 import models
from pydantic import TypeAdapter

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App, Delivery, Installation
from tests.ghapp.local_github.acme import Receiver, app_jwt, client, installed, propose


def test_a_delivery_is_signed_over_its_very_bytes(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    github.wait_for_deliveries()
    headers, body = receiver.headers[0], receiver.bodies[0]
    digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert (headers["X-GitHub-Event"], headers["X-GitHub-Delivery"]) == ("installation", github.deliveries[0].guid)
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")


def test_an_app_receives_only_the_events_that_it_subscribed_to(github: LocalGitHub, receiver: Receiver) -> None:
    deaf = github.create_app("Deaf", owner="acme", permissions={"contents": "read"}, webhook_url=receiver.url)
    github.install(deaf, "acme")
    propose(github)
    github.wait_for_deliveries()
    assert receiver.events() == ["installation.created"]


def test_a_refused_delivery_is_recorded_and_redelivered_under_the_same_guid(
    github: LocalGitHub, app: App, receiver: Receiver
) -> None:
    receiver.status = 500
    github.install(app, "acme")
    github.wait_for_deliveries()
    receiver.status = 202
    with client(github, app_jwt(app)) as speaker:
        failed = speaker.get("/app/hook/deliveries").json()
        details = speaker.get(f"/app/hook/deliveries/{failed[0]['id']}").json()
        assert speaker.post(f"/app/hook/deliveries/{failed[0]['id']}/attempts").status_code == 202
        github.wait_for_deliveries()
        listed = speaker.get("/app/hook/deliveries").json()
    assert [(item["status_code"], item["redelivery"]) for item in failed] == [(500, False)]
    assert details["request"]["payload"]["action"] == "created"
    assert [(item["status"], item["redelivery"]) for item in listed] == [
        ("OK", True),
        ("Invalid HTTP Response: 500", False),
    ]
    assert len({item["guid"] for item in listed}) == 1


def test_deliveries_can_be_held_back_and_reordered(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    github.wait_for_deliveries()
    github.hold_deliveries()
    propose(github)
    github.wait_for_deliveries()
    assert receiver.events() == ["installation.created"]
    github.release(reversed)
    github.wait_for_deliveries()
    assert receiver.events()[1:] == ["pull_request.opened", "check_suite.requested", "push"]


def test_deliveries_can_be_lost_and_sent_twice(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    github.lose_deliveries(event="push")
    github.duplicate_deliveries(event="pull_request", times=1)
    propose(github)
    github.wait_for_deliveries()
    assert receiver.events()[1:] == ["check_suite.requested", "pull_request.opened", "pull_request.opened"]
    assert receiver.headers[-1]["X-GitHub-Delivery"] == receiver.headers[-2]["X-GitHub-Delivery"]


# -- shapes --------------------------------------------------------------------------------------------------------


def everything_happens(github: LocalGitHub, speaker: httpx.Client, installation: Installation) -> None:
    """Cause one of each delivery that an App such as Planward can receive."""
    pull = propose(github)
    sha = pull["head"]["sha"]
    run = {"name": "planward/plan", "head_sha": sha, "conclusion": "action_required"}
    run |= {"actions": [{"label": "Approve", "description": "d", "identifier": "approve"}]}
    number = speaker.post(
        "/repos/acme/infra/check-runs", json={**run, "output": {"title": "t", "summary": "s"}}
    ).json()["id"]
    github.press("acme/infra", number, "approve", by="ada")
    github.rerun("acme/infra", number, by="ada")
    comment = speaker.post("/repos/acme/infra/issues/1/comments", json={"body": "Hello"}).json()
    speaker.patch(f"/repos/acme/infra/issues/comments/{comment['id']}", json={"body": "Hi"})
    speaker.post(f"/repos/acme/infra/issues/comments/{comment['id']}/reactions", json={"content": "eyes"})
    second = speaker.post("/repos/acme/infra/issues/1/comments", json={"body": "Bye"}).json()
    speaker.delete(f"/repos/acme/infra/issues/comments/{second['id']}")
    with github.rest("ada") as person:
        for event in ("COMMENT", "APPROVE"):
            review = person.post("/repos/acme/infra/pulls/1/reviews", json={"event": event, "body": "Read"}).json()
        path = f"/repos/acme/infra/pulls/1/reviews/{review['id']}"
        person.put(path, json={"body": "Read twice"})
        person.put(f"{path}/dismissals", json={"message": "Not yet"})
    body = {"ref": sha, "environment": "staging", "auto_merge": False, "required_contexts": []}
    deployment = speaker.post("/repos/acme/infra/deployments", json=body).json()["id"]
    speaker.post(f"/repos/acme/infra/deployments/{deployment}/statuses", json={"state": "success"})
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace")
    github.convert_to_draft("acme/infra", 1, by="grace")
    github.mark_ready("acme/infra", 1, by="grace")
    github.enable_merge_queue("acme/infra", "staging")
    github.enqueue("acme/infra", 1, by="ada")
    github.rename_repository("acme/infra", "platform", by="ada")
    github.rename_repository("acme/platform", "infra", by="ada")
    github.create_repository("acme/second", by="ada")
    github.change_installed_repositories(installation, add=["acme/second"], by="ada")
    github.suspend(installation, by="ada")
    github.unsuspend(installation, by="ada")
    github.accept_permissions(installation, by="ada")
    github.create_organization("umbrella", owners=["ada"])
    github.install(installation.app, "umbrella", by="ada")
    github.transfer_repository("acme/second", "umbrella", by="ada")
    github.create_repository("umbrella/third", by="ada")
    github.delete_repository("umbrella/second", by="ada")


def test_every_delivery_has_the_shape_of_githubs_schema(github: LocalGitHub, installation: Installation) -> None:
    with installed(github, installation) as speaker:
        everything_happens(github, speaker, installation)
    github.wait_for_deliveries()
    kinds = {(item.event, item.action): item for item in github.deliveries}
    assert {event for event, _ in kinds} == {
        "check_run",
        "check_suite",
        "deployment",
        "deployment_status",
        "installation",
        "installation_repositories",
        "issue_comment",
        "merge_group",
        "pull_request",
        "pull_request_review",
        "push",
        "repository",
    }
    actions = {action for event, action in kinds if event == "pull_request_review"}
    assert actions == {"submitted", "edited", "dismissed"}
    assert {"renamed", "created", "transferred", "deleted"} == {a for event, a in kinds if event == "repository"}
    for delivery in kinds.values():
        validate_delivery(delivery)


def validate_delivery(delivery: Delivery) -> None:
    module = import_module(f"githubkit_schemas.v2026_03_10.webhooks.{delivery.event}")
    by_action = getattr(module, "action_types", None)
    model = by_action[delivery.action] if isinstance(by_action, dict) else module.Event
    TypeAdapter(model).validate_python(delivery.payload)


def shapes() -> list[tuple[str, Any]]:
    """Paths, and the models of their answers. Each model is imported at its first use, and this takes a while."""
    return [
        ("/repos/acme/infra", models.FullRepository),
        ("/repos/acme/infra/branches", list[models.ShortBranch]),
        ("/repos/acme/infra/branches/topic", models.BranchWithProtection),
        ("/repos/acme/infra/commits", list[models.Commit]),
        ("/repos/acme/infra/commits/staging", models.Commit),
        ("/repos/acme/infra/commits/topic/pulls", list[models.PullRequestSimple]),
        ("/repos/acme/infra/compare/staging...topic", models.CommitComparison),
        ("/repos/acme/infra/contents/network/main.tf", models.ContentFile),
        ("/repos/acme/infra/git/ref/heads/staging", models.GitRef),
        ("/repos/acme/infra/pulls?state=all", list[models.PullRequestSimple]),
        ("/repos/acme/infra/pulls/1", models.PullRequest),
        ("/repos/acme/infra/pulls/1/files", list[models.DiffEntry]),
        ("/repos/acme/infra/pulls/1/commits", list[models.Commit]),
        ("/repos/acme/infra/issues/1/comments", list[models.IssueComment]),
        ("/repos/acme/infra/pulls/1/reviews", list[models.PullRequestReview]),
        ("/repos/acme/infra/activity", list[models.Activity]),
        ("/repos/acme/infra/issues/comments", list[models.IssueComment]),
        ("/repos/acme/infra/deployments", list[models.Deployment]),
        ("/repos/acme/infra/commits/staging/status", models.CombinedCommitStatus),
        ("/installation/repositories", models.InstallationRepositoriesGetResponse200),
        ("/users/ada", models.PublicUser),
        ("/orgs/acme", models.OrganizationFull),
        ("/orgs/acme/teams/platform", models.TeamFull),
        ("/orgs/acme/teams/platform/memberships/ada", models.TeamMembership),
        ("/orgs/acme/teams/platform/members", list[models.SimpleUser]),
        ("/rate_limit", models.RateLimitOverview),
    ]


def test_rest_has_the_shape_of_githubs_schema(github: LocalGitHub, installation: Installation) -> None:
    github.create_team("acme", "platform", members=["ada"])
    with installed(github, installation) as speaker:
        everything_happens(github, speaker, installation)
        for path, model in shapes():
            answer = speaker.get(path)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            TypeAdapter(model).validate_python(answer.json())
        head = speaker.get("/repos/acme/infra/pulls/1/commits").json()[0]["sha"]
        runs = speaker.get(f"/repos/acme/infra/commits/{head}/check-runs").json()["check_runs"]
        suites = speaker.get(f"/repos/acme/infra/commits/{head}/check-suites").json()["check_suites"]
    TypeAdapter(list[models.CheckRun]).validate_python(runs)
    TypeAdapter(list[models.CheckSuite]).validate_python(suites)
    with client(github, app_jwt(installation.app)) as speaker:
        TypeAdapter(models.Integration).validate_python(speaker.get("/app").json())
        TypeAdapter(list[models.Installation]).validate_python(speaker.get("/app/installations").json())
        github.wait_for_deliveries()
        listed = speaker.get("/app/hook/deliveries").json()
        TypeAdapter(list[models.HookDeliveryItem]).validate_python(listed)
        for item in listed:
            read = speaker.get(f"/app/hook/deliveries/{item['id']}").json()
            TypeAdapter(models.HookDelivery).validate_python(read)


@pytest.mark.parametrize("version", ["2022-11-28", "2026-03-10"])
def test_both_versions_of_the_api_are_served(github: LocalGitHub, version: str) -> None:
    propose(github)
    with client(github, github.token("ada"), version=version) as speaker:
        answer = speaker.get("/repos/acme/infra/pulls/1")
    assert answer.headers["X-GitHub-Api-Version-Selected"] == version
    assert ("merge_commit_sha" in answer.json()) is (version == "2022-11-28")
