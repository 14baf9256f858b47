"""The App's delivery log: an App can read its own deliveries."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App, Installation
from tests.ghapp.local_github.acme import EVENTS, PERMISSIONS, Receiver, app_jwt, client, installed, propose


@pytest.fixture
def log(github: LocalGitHub, app: App) -> Iterator[httpx.Client]:
    with client(github, app_jwt(app)) as speaker:
        yield speaker


def press_approve(github: LocalGitHub, installation: Installation) -> None:
    """Grace proposes a change, the App offers a button, and Ada presses it."""
    run = {"name": "planward/plan", "head_sha": propose(github)["head"]["sha"], "conclusion": "action_required"}
    run |= {"actions": [{"label": "Approve", "description": "d", "identifier": "approve"}]}
    with installed(github, installation) as speaker:
        answer = speaker.post("/repos/acme/infra/check-runs", json=run | {"output": {"title": "t", "summary": "s"}})
    github.wait_for_deliveries()
    github.press("acme/infra", answer.json()["id"], "approve", by="ada")
    github.wait_for_deliveries()


def test_the_delivery_of_a_button_is_read_back_with_its_headers_and_its_payload(
    github: LocalGitHub, installation: Installation, receiver: Receiver, log: httpx.Client
) -> None:
    press_approve(github, installation)
    guid = receiver.headers[-1]["X-GitHub-Delivery"]
    listed = next(item for item in log.get("/app/hook/deliveries").json() if item["guid"] == guid)
    assert (listed["event"], listed["action"]) == ("check_run", "requested_action")
    assert (listed["installation_id"], listed["repository_id"]) == (
        installation.id,
        github.world.repository("acme/infra").id,
    )
    read = log.get(f"/app/hook/deliveries/{listed['id']}").json()
    assert read["request"]["payload"] == json.loads(receiver.bodies[-1])
    assert read["request"]["payload"]["sender"]["login"] == "ada"
    assert read["request"]["payload"]["requested_action"] == {"identifier": "approve"}
    assert read["request"]["headers"]["X-GitHub-Delivery"] == guid
    assert read["request"]["headers"]["X-GitHub-Event"] == "check_run"
    assert read["response"]["payload"] == "ok"


def test_a_delivery_that_github_does_not_list_yet_cannot_be_read(
    github: LocalGitHub, installation: Installation, receiver: Receiver, log: httpx.Client
) -> None:
    github.hide_deliveries(event="check_run", action="requested_action")
    press_approve(github, installation)
    guid = receiver.headers[-1]["X-GitHub-Delivery"]
    number = next(item.id for item in github.deliveries if item.guid == guid)
    assert guid not in [item["guid"] for item in log.get("/app/hook/deliveries").json()]
    assert log.get(f"/app/hook/deliveries/{number}").status_code == 404
    assert log.post(f"/app/hook/deliveries/{number}/attempts").status_code == 404
    github.show_deliveries()
    assert guid in [item["guid"] for item in log.get("/app/hook/deliveries").json()]
    assert log.get(f"/app/hook/deliveries/{number}").status_code == 200


def test_a_delivery_under_way_is_not_listed(github: LocalGitHub, installation: Installation, log: httpx.Client) -> None:
    github.wait_for_deliveries()
    github.hold_deliveries()
    propose(github)
    github.wait_for_deliveries()
    assert [item["event"] for item in log.get("/app/hook/deliveries").json()] == ["installation"]


def test_a_delivery_of_another_app_cannot_be_read(
    github: LocalGitHub, installation: Installation, receiver: Receiver, log: httpx.Client
) -> None:
    other = github.create_app(
        "Other", owner="acme", permissions=PERMISSIONS, events=EVENTS, webhook_url=receiver.url, webhook_secret="x"
    )
    github.install(other, "acme")
    github.wait_for_deliveries()
    number = github.deliveries[-1].id
    assert log.get(f"/app/hook/deliveries/{number}").status_code == 404


def test_deliveries_are_listed_in_pages_that_later_ones_do_not_move(
    github: LocalGitHub, installation: Installation, log: httpx.Client
) -> None:
    for number in range(5):
        github.commit("acme/infra", f"topic-{number}", {"x.tf": f"{number}\n"}, by="grace")
    github.wait_for_deliveries()
    ids = [item["id"] for item in log.get("/app/hook/deliveries", params={"per_page": 100}).json()]
    assert ids == sorted(ids, reverse=True)
    first = log.get("/app/hook/deliveries", params={"per_page": 4})
    assert [item["id"] for item in first.json()] == ids[:4]
    assert "prev" not in first.links
    github.commit("acme/infra", "later", {"x.tf": "later\n"}, by="grace")
    github.wait_for_deliveries()
    second = log.get(first.links["next"]["url"])
    assert [item["id"] for item in second.json()] == ids[4:8]
    third = log.get(second.links["next"]["url"])
    assert [item["id"] for item in third.json()] == ids[8:]
    assert "next" not in third.links
    assert [item["id"] for item in log.get(third.links["prev"]["url"]).json()] == ids[4:8]
    assert log.get("/app/hook/deliveries", params={"cursor": "elsewhere"}).status_code == 422


def test_deliveries_are_listed_by_their_outcome(
    github: LocalGitHub, installation: Installation, receiver: Receiver, log: httpx.Client
) -> None:
    github.wait_for_deliveries()
    receiver.status = 503
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace")
    github.wait_for_deliveries()
    outcomes = {
        status: {item["status_code"] for item in log.get("/app/hook/deliveries", params={"status": status}).json()}
        for status in ("success", "failure")
    }
    assert outcomes == {"success": {202}, "failure": {503}}
    assert log.get("/app/hook/deliveries", params={"status": "lost"}).status_code == 422


def test_a_lost_delivery_is_listed_as_one_that_did_not_arrive(
    github: LocalGitHub, installation: Installation, receiver: Receiver, log: httpx.Client
) -> None:
    github.wait_for_deliveries()
    github.lose_deliveries(event="push")
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace")
    github.wait_for_deliveries()
    assert "push" not in receiver.events()
    lost = next(item for item in log.get("/app/hook/deliveries").json() if item["event"] == "push")
    assert (lost["status"], lost["status_code"]) == ("failed to connect to host", 502)
    assert log.get(f"/app/hook/deliveries/{lost['id']}").json()["request"]["headers"]["X-GitHub-Event"] == "push"


def test_deliveries_are_kept_for_three_days(tmp_path: Path) -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    with LocalGitHub(tmp_path, clock=lambda: now) as github:
        github.create_user("ada")
        github.create_organization("acme", owners=["ada"])
        app = github.create_app("Planward", owner="acme", permissions={"contents": "read"}, webhook_url=None)
        github.install(app, "acme")
        github.wait_for_deliveries()
        number = github.deliveries[-1].id
        found = []
        for days in (3, 3.01):
            now = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=days)
            with client(github, app_jwt(app, now=now)) as speaker:
                found.append(speaker.get(f"/app/hook/deliveries/{number}").status_code)
    assert found == [200, 404]
