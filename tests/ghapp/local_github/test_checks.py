"""Check runs, statuses and deployments of the local GitHub."""

from typing import Any

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import Receiver, installed, propose

RUNS = "/repos/acme/infra/check-runs"
LINE = {"path": "network/main.tf", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "m"}
BUTTON = {"label": "Approve plan", "description": "d", "identifier": "approve"}


def create(speaker: httpx.Client, sha: str, **body: Any) -> httpx.Response:
    return speaker.post(RUNS, json={"name": "planward/plan", "head_sha": sha, **body})


def test_an_update_adds_annotations_and_completes(github: LocalGitHub, installation: Installation) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        created = create(speaker, sha, status="in_progress", external_id="run-1").json()
        path = f"{RUNS}/{created['id']}"
        for _ in range(2):
            speaker.patch(
                path, json={"output": {"title": "t", "summary": "s", "annotations": [LINE]}}
            ).raise_for_status()
        done = speaker.patch(path, json={"conclusion": "success"}).json()
        annotations = speaker.get(f"{path}/annotations").json()
    assert (created["status"], created["conclusion"], created["external_id"]) == ("in_progress", None, "run-1")
    assert (done["status"], done["conclusion"], done["output"]["annotations_count"]) == ("completed", "success", 2)
    assert [item["start_line"] for item in annotations] == [1, 1]
    assert done["pull_requests"][0]["number"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"status": "completed"},
        {"conclusion": "stale"},
        {"conclusion": "success", "output": {"title": "t"}},
        {"output": {"title": "t", "summary": "x" * 65_536}},
        {"output": {"title": "t", "summary": "s", "annotations": [LINE] * 51}},
        {"output": {"title": "t", "summary": "s", "annotations": [{**LINE, "annotation_level": "error"}]}},
        {"output": {"title": "t", "summary": "s", "annotations": [{**LINE, "end_line": 2, "start_column": 1}]}},
        {"actions": [BUTTON] * 4},
        {"actions": [{**BUTTON, "label": "x" * 21}]},
        {"actions": [{**BUTTON, "description": "x" * 41}]},
        {"actions": [{**BUTTON, "identifier": "x" * 21}]},
        {"details_url": "ftp://example.org"},
    ],
)
def test_a_check_run_beyond_githubs_limits_is_422(
    github: LocalGitHub, installation: Installation, body: dict[str, Any]
) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        answer = create(speaker, sha, **body)
        listed = speaker.get(f"/repos/acme/infra/commits/{sha}/check-runs").json()
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert answer.json()["errors"]
    assert listed["total_count"] == 0


def test_the_filter_latest_gives_the_newest_check_run_of_each_name(
    github: LocalGitHub, installation: Installation
) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        first, second = (create(speaker, sha, conclusion=name).json()["id"] for name in ("failure", "success"))
        path = f"/repos/acme/infra/commits/{sha}/check-runs"
        latest, everything, none = (
            speaker.get(path, params=query).json()["check_runs"]
            for query in ({"check_name": "planward/plan"}, {"filter": "all"}, {"app_id": "1"})
        )
    assert [run["id"] for run in latest] == [second]
    assert [run["id"] for run in everything] == [second, first]
    assert none == []


def test_only_the_app_that_made_a_check_run_changes_it(github: LocalGitHub, installation: Installation) -> None:
    sha = propose(github)["head"]["sha"]
    other = github.install(github.create_app("Other", owner="acme", permissions={"checks": "write"}), "acme")
    with installed(github, installation) as speaker, installed(github, other) as foreign, github.rest("ada") as person:
        run = create(speaker, sha).json()["id"]
        assert foreign.patch(f"{RUNS}/{run}", json={"conclusion": "success"}).status_code == 403
        assert (
            person.post(RUNS, json={"name": "x", "head_sha": sha}).json()["message"]
            == "You must authenticate via a GitHub App."
        )


def test_a_button_and_rerun_send_their_events(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        output = {"title": "t", "summary": "s"}
        run = create(speaker, sha, conclusion="action_required", output=output, actions=[BUTTON]).json()["id"]
    github.press("acme/infra", run, "approve", by="ada")
    github.wait_for_deliveries()
    pressed = receiver.last("check_run")
    assert (pressed["action"], pressed["requested_action"], pressed["sender"]["login"]) == (
        "requested_action",
        {"identifier": "approve"},
        "ada",
    )
    github.rerun("acme/infra", run, by="grace")
    github.rerun_all("acme/infra", pressed["check_run"]["check_suite"]["id"], by="grace")
    github.wait_for_deliveries()
    assert receiver.events()[-2:] == ["check_run.rerequested", "check_suite.rerequested"]
    with pytest.raises(KeyError):
        github.press("acme/infra", run, "other", by="ada")


def test_a_forks_check_run_names_no_pull_request(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    github.fork("acme/infra", by="linus")
    sha = github.commit("linus/infra", "topic", {"network/main.tf": "forked\n"}, by="linus")
    with github.rest("linus") as speaker:
        pull = speaker.post(
            "/repos/acme/infra/pulls", json={"title": "F", "head": "linus:topic", "base": "staging"}
        ).json()
    with installed(github, installation) as speaker:
        run = create(speaker, sha).json()
    assert (pull["head"]["label"], run["pull_requests"]) == ("linus:topic", [])
    github.wait_for_deliveries()
    assert receiver.last("check_run")["check_run"]["check_suite"]["head_branch"] is None
    assert "check_suite.requested" not in receiver.events()


def test_the_combined_status_is_the_worst_of_the_newest_statuses(github: LocalGitHub) -> None:
    sha = propose(github)["head"]["sha"]
    with github.rest("grace") as speaker:
        states = []
        for context, state in (("a", "failure"), ("a", "success"), ("b", "pending")):
            speaker.post(
                f"/repos/acme/infra/statuses/{sha}", json={"context": context, "state": state}
            ).raise_for_status()
            states.append(speaker.get(f"/repos/acme/infra/commits/{sha}/status").json()["state"])
    assert states == ["failure", "success", "pending"]


def deploy(speaker: httpx.Client, ref: str, **body: Any) -> httpx.Response:
    plain = {"environment": "staging", "auto_merge": False, "required_contexts": []}
    return speaker.post("/repos/acme/infra/deployments", json={"ref": ref, **plain, **body})


def test_a_success_retires_the_deployments_before_it(github: LocalGitHub, installation: Installation) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        ids = [deploy(speaker, sha).json()["id"] for _ in range(2)]
        for number in ids:
            speaker.post(
                f"/repos/acme/infra/deployments/{number}/statuses", json={"state": "success"}
            ).raise_for_status()
        states = [speaker.get(f"/repos/acme/infra/deployments/{number}/statuses").json() for number in ids]
    assert [[status["state"] for status in of_one] for of_one in states] == [["inactive", "success"], ["success"]]


def test_production_deployments_are_not_retired(github: LocalGitHub, installation: Installation) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        ids = [deploy(speaker, sha, environment="production").json()["id"] for _ in range(2)]
        for number in ids:
            speaker.post(
                f"/repos/acme/infra/deployments/{number}/statuses", json={"state": "success"}
            ).raise_for_status()
        first = speaker.get(f"/repos/acme/infra/deployments/{ids[0]}/statuses").json()
    assert [status["state"] for status in first] == ["success"]


def test_a_deployment_without_required_contexts_is_refused_until_all_checks_succeed(
    github: LocalGitHub, installation: Installation
) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        create(speaker, sha)
        answer = deploy(speaker, sha, required_contexts=None)
    assert (answer.status_code, answer.json()["message"]) == (409, f"Conflict: Commit status checks failed for {sha}.")


def test_auto_merge_merges_the_default_branch_into_the_ref(github: LocalGitHub, installation: Installation) -> None:
    propose(github)
    github.commit("acme/infra", "staging", {"other.tf": "x\n"})
    with installed(github, installation) as speaker:
        answer = deploy(speaker, "topic", auto_merge=True)
    assert (answer.status_code, answer.json()) == (202, {"message": "Auto-merged staging into topic on deployment."})


def test_a_description_past_140_characters_is_422(github: LocalGitHub, installation: Installation) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        assert deploy(speaker, sha, description="x" * 141).status_code == 422
