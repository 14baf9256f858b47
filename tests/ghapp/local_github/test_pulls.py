"""Pull requests, protection and merging in the local GitHub, with git itself at the other end."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.errors import ApiError
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import Receiver, app_jwt, client, installed, propose

PULL = "/repos/acme/infra/pulls/1"


def git(directory: Path, *arguments: str, ok: bool = True) -> str:
    command = ["git", "-c", "user.name=Grace", "-c", "user.email=grace@example.org", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout + done.stderr


def clone(github: LocalGitHub, directory: Path, login: str) -> Path:
    git(directory, "clone", "-q", github.clone_url("acme/infra", login), login)
    return directory / login


def protect(github: LocalGitHub, **body: Any) -> None:
    plain = {
        "required_status_checks": None,
        "enforce_admins": True,
        "required_pull_request_reviews": None,
        "restrictions": None,
    }
    with github.rest("ada") as speaker:
        speaker.put("/repos/acme/infra/branches/staging/protection", json={**plain, **body}).raise_for_status()


def merge(github: LocalGitHub, by: str = "grace", **body: Any) -> tuple[int, str]:
    with github.rest(by) as speaker:
        answer = speaker.put(f"{PULL}/merge", json=body)
    return answer.status_code, answer.json()["message"]


# -- pushing -------------------------------------------------------------------------------------------------------


def test_a_push_to_the_head_branch_synchronizes_the_pull_request(
    github: LocalGitHub, installation: Installation, receiver: Receiver, tmp_path: Path
) -> None:
    before = propose(github)["head"]["sha"]
    work = clone(github, tmp_path, "grace")
    git(work, "checkout", "-q", "topic")
    (work / "network" / "main.tf").write_text("changed\n")
    git(work, "commit", "-qam", "Change")
    git(work, "push", "-q", "origin", "topic")
    after = git(work, "rev-parse", "HEAD").strip()
    github.wait_for_deliveries()
    body = receiver.last("pull_request")
    assert (body["action"], body["before"], body["after"]) == ("synchronize", before, after)
    assert body["pull_request"]["head"]["sha"] == after
    push = receiver.last("push")
    assert (push["ref"], push["before"], push["after"], push["forced"]) == ("refs/heads/topic", before, after, False)
    assert [(item["message"], item["modified"]) for item in push["commits"]] == [("Change", ["network/main.tf"])]
    assert git(work, "ls-remote", "origin", "refs/pull/1/head").split()[0] == after


def test_refs_of_pull_requests_cannot_be_pushed(github: LocalGitHub, tmp_path: Path) -> None:
    propose(github)
    work = clone(github, tmp_path, "grace")
    refused = git(work, "push", "origin", "HEAD:refs/pull/1/head", ok=False)
    assert "deny updating a hidden ref" in refused


def test_a_protected_branch_refuses_a_direct_push_and_a_forced_one(github: LocalGitHub, tmp_path: Path) -> None:
    protect(github)
    work = clone(github, tmp_path, "grace")
    git(work, "commit", "-q", "--amend", "-m", "Rewritten")
    assert "Cannot force-push to this branch" in git(work, "push", "--force", "origin", "staging", ok=False)
    protect(github, required_pull_request_reviews={"required_approving_review_count": 0})
    git(work, "reset", "-q", "--hard", "origin/staging")
    git(work, "commit", "-q", "--allow-empty", "-m", "Direct")
    refused = git(work, "push", "origin", "staging", ok=False)
    assert "GH006: Protected branch update failed for refs/heads/staging." in refused
    assert "Changes must be made through a pull request." in refused


def test_an_administrator_bypasses_protection_that_does_not_bind_administrators(
    github: LocalGitHub, tmp_path: Path
) -> None:
    protect(github, required_pull_request_reviews={"required_approving_review_count": 1}, enforce_admins=False)
    work = clone(github, tmp_path, "ada")
    git(work, "commit", "-q", "--allow-empty", "-m", "Direct")
    git(work, "push", "-q", "origin", "staging")


def test_a_reader_cannot_push(github: LocalGitHub, tmp_path: Path) -> None:
    work = clone(github, tmp_path, "linus")
    git(work, "checkout", "-qb", "mine")
    assert "Permission to acme/infra.git denied to linus." in git(work, "push", "origin", "mine", ok=False)


def test_an_installation_token_fetches_and_does_not_push(
    github: LocalGitHub, installation: Installation, tmp_path: Path
) -> None:
    with client(github, app_jwt(installation.app)) as speaker:
        token = speaker.post(f"/app/installations/{installation.id}/access_tokens").json()["token"]
    url = github.url.replace("://", f"://x-access-token:{token}@") + "/acme/infra.git"
    git(tmp_path, "clone", "-q", "--filter=blob:none", url, "app")
    git(tmp_path / "app", "checkout", "-qb", "mine")
    git(tmp_path / "app", "push", "origin", "mine", ok=False)


# -- the gate ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_each_way_of_merging_gives_the_same_tree(
    github: LocalGitHub, installation: Installation, receiver: Receiver, method: str, parents: int
) -> None:
    head = propose(github)["head"]["sha"]
    github.commit("acme/infra", "topic", {"second.tf": "x\n"}, by="grace")
    github.commit("acme/infra", "staging", {"meanwhile.tf": "x\n"}, by="ada")
    assert merge(github, merge_method=method) == (200, "Pull Request successfully merged")
    github.wait_for_deliveries()
    closed = receiver.last("pull_request")
    repository = github.world.repository("acme/infra").git
    tip = repository.tip("staging")
    assert tip is not None
    assert (closed["action"], closed["pull_request"]["merged"], closed["pull_request"]["merge_commit_sha"]) == (
        "closed",
        True,
        tip,
    )
    assert closed["pull_request"]["merged_by"]["login"] == "grace"
    assert len(repository.commit(tip).parents) == parents
    assert sorted(name for *_, name in repository.tree(tip)) == ["meanwhile.tf", "network", "second.tf"]
    assert receiver.last("push")["after"] == tip
    assert head != tip


def test_a_merge_of_another_head_is_a_conflict(github: LocalGitHub) -> None:
    propose(github)
    assert merge(github, sha="0" * 40) == (409, "Head branch was modified. Review and try the merge again.")


def test_a_required_check_counts_only_from_its_app(github: LocalGitHub, installation: Installation) -> None:
    sha = propose(github)["head"]["sha"]
    wanted = [{"context": "planward/plan", "app_id": installation.app.id}]
    protect(github, required_status_checks={"strict": False, "checks": wanted})
    expected = (405, 'Required status check "planward/plan" is expected.')
    assert merge(github) == expected
    with github.rest("grace") as speaker:
        speaker.post(f"/repos/acme/infra/statuses/{sha}", json={"context": "planward/plan", "state": "success"})
    assert merge(github) == expected
    messages = []
    with installed(github, installation) as speaker:
        for body in ({"status": "in_progress"}, {"conclusion": "action_required"}, {"conclusion": "success"}):
            speaker.post("/repos/acme/infra/check-runs", json={"name": "planward/plan", "head_sha": sha, **body})
            messages.append(merge(github)[1])
    assert messages == [
        'Required status check "planward/plan" is in progress.',
        'Required status check "planward/plan" is failing.',
        "Pull Request successfully merged",
    ]


def test_a_branch_that_has_to_be_up_to_date_expects_its_checks_again(github: LocalGitHub) -> None:
    sha = propose(github)["head"]["sha"]
    protect(github, required_status_checks={"strict": True, "contexts": ["ci"]})
    with github.rest("grace") as speaker:
        speaker.post(f"/repos/acme/infra/statuses/{sha}", json={"context": "ci", "state": "success"})
        github.commit("acme/infra", "staging", {"meanwhile.tf": "x\n"}, by="ada")
        assert merge(github) == (405, 'Required status check "ci" is expected.')
        assert [speaker.get(PULL).json()["mergeable_state"] for _ in range(2)] == ["unknown", "behind"]
        assert speaker.put(f"{PULL}/update-branch", json={"expected_head_sha": sha}).status_code == 202
        assert speaker.get(PULL).json()["head"]["sha"] != sha


def test_rulesets_bind_and_list_their_violations(github: LocalGitHub, installation: Installation) -> None:
    propose(github)
    ruleset = {
        "name": "gate",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["refs/heads/staging"], "exclude": []}},
        "rules": [
            {"type": "pull_request", "parameters": {"required_approving_review_count": 1}},
            {
                "type": "required_status_checks",
                "parameters": {
                    "required_status_checks": [{"context": "planward/plan", "integration_id": installation.app.id}],
                    "strict_required_status_checks_policy": False,
                },
            },
        ],
    }
    with github.rest("ada") as speaker:
        assert speaker.post("/repos/acme/infra/rulesets", json=ruleset).status_code == 201
        rules = speaker.get("/repos/acme/infra/rules/branches/staging").json()
        assert speaker.get("/repos/acme/infra/rules/branches/topic").json() == []
    assert [rule["type"] for rule in rules] == ["pull_request", "required_status_checks"]
    assert merge(github) == (
        405,
        "Repository rule violations found\n\n"
        "At least 1 approving review is required by reviewers with write access.\n\n"
        'Required status check "planward/plan" is expected.\n\n',
    )
    with github.rest("ada") as speaker:
        speaker.post(f"{PULL}/reviews", json={"event": "APPROVE"}).raise_for_status()
    assert "approving review" not in merge(github)[1]


def test_nobody_approves_a_pull_request_of_their_own(github: LocalGitHub) -> None:
    propose(github)
    with github.rest("grace") as speaker:
        answer = speaker.post(f"{PULL}/reviews", json={"event": "APPROVE"})
    assert (answer.status_code, answer.json()["errors"]) == (422, ["Can not approve your own pull request"])


def test_a_conversation_has_to_be_resolved(github: LocalGitHub) -> None:
    propose(github)
    protect(github, required_conversation_resolution=True)
    with github.rest("ada") as speaker:
        speaker.post(f"{PULL}/comments", json={"body": "Why?", "path": "network/main.tf", "line": 3}).raise_for_status()
    assert merge(github) == (405, "A conversation must be resolved before this pull request can be merged.")
    github.resolve_conversations("acme/infra", 1)
    assert merge(github)[0] == 200


def test_a_conflict_is_not_mergeable(github: LocalGitHub) -> None:
    propose(github)
    github.commit("acme/infra", "staging", {"network/main.tf": "one\ntwo\nother\n"}, by="ada")
    assert merge(github) == (405, "Pull Request is not mergeable")
    with github.rest("ada") as speaker:
        asked = [speaker.get(PULL).json() for _ in range(2)]
    assert [(body["mergeable"], body["mergeable_state"]) for body in asked] == [(None, "unknown"), (False, "dirty")]


# -- other changes of a pull request -------------------------------------------------------------------------------


def test_each_change_of_a_pull_request_sends_its_event(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    propose(github)
    github.commit("acme/infra", "production", {"p.tf": "x\n"}, by="ada")
    github.convert_to_draft("acme/infra", 1, by="grace")
    assert merge(github) == (405, "Pull Request is still a draft")
    github.mark_ready("acme/infra", 1, by="grace")
    with github.rest("grace") as speaker:
        speaker.patch(PULL, json={"base": "production"}).raise_for_status()
        github.wait_for_deliveries()
        assert receiver.last("pull_request")["changes"]["base"]["ref"] == {"from": "staging"}
        for state in ("closed", "open"):
            speaker.patch(PULL, json={"state": state}).raise_for_status()
    github.wait_for_deliveries()
    actions = [event.removeprefix("pull_request.") for event in receiver.events() if event.startswith("pull_request.")]
    assert actions == ["opened", "converted_to_draft", "ready_for_review", "edited", "closed", "reopened"]


def test_the_merge_sha_is_gone_from_rest_and_stays_in_deliveries(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    propose(github)
    merge(github)
    with github.rest("ada") as old, installed(github, installation) as new:
        assert ["merge_commit_sha" in speaker.get(PULL).json() for speaker in (old, new)] == [True, False]
    github.wait_for_deliveries()
    assert receiver.last("pull_request")["pull_request"]["merge_commit_sha"]


def test_a_push_that_contains_a_head_merges_it_indirectly(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    head = propose(github)["head"]["sha"]
    github.move("acme/infra", "staging", head, by="ada")
    github.wait_for_deliveries()
    closed = receiver.last("pull_request")["pull_request"]
    assert (closed["merged"], closed["merge_commit_sha"], closed["merged_by"]["login"]) == (True, head, "ada")


def test_commits_outside_the_default_branch_name_open_pull_requests_as_well(github: LocalGitHub) -> None:
    head = propose(github)["head"]["sha"]
    path = f"/repos/acme/infra/commits/{head}/pulls"
    with github.rest("ada") as speaker:
        assert [pull["state"] for pull in speaker.get(path).json()] == ["open"]
        github.commit("acme/infra", "staging", {"x.tf": "x\n"}, by="ada")
        merge(github)
        assert [pull["state"] for pull in speaker.get(path).json()] == ["closed"]


def test_a_deleted_fork_leaves_a_pull_request_without_head_repository(
    github: LocalGitHub, installation: Installation
) -> None:
    github.fork("acme/infra", by="linus")
    github.commit("linus/infra", "topic", {"network/main.tf": "forked\n"}, by="linus")
    with github.rest("linus") as speaker:
        body = {"title": "F", "head": "linus:topic", "base": "staging"}
        speaker.post("/repos/acme/infra/pulls", json=body).raise_for_status()
        github.delete_repository("linus/infra", by="linus")
        assert speaker.get(PULL).json()["head"]["repo"] is None


# -- the merge queue -----------------------------------------------------------------------------------------------


def test_a_queue_merges_green_groups_in_one_push(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    github.enable_merge_queue("acme/infra", "staging")
    for branch in ("one", "two"):
        propose(github, branch, files={f"{branch}.tf": "x\n"})
    assert merge(github) == (
        405,
        "Repository rule violations found\n\nChanges must be made through the merge queue\n\n",
    )
    with github.rest("ada") as speaker:
        for number in (1, 2):
            sha = speaker.get(f"/repos/acme/infra/pulls/{number}").json()["head"]["sha"]
            speaker.post(f"/repos/acme/infra/statuses/{sha}", json={"context": "ci", "state": "success"})
        protect(github, required_status_checks={"strict": False, "contexts": ["ci"]})
        for number in (1, 2):
            github.enqueue("acme/infra", number, by="grace")
        github.wait_for_deliveries()
        groups = [item.payload["merge_group"] for item in github.deliveries if item.event == "merge_group"]
        assert [group["head_ref"].split("/pr-")[1][:1] for group in groups] == ["1", "2"]
        assert groups[1]["base_sha"] == groups[0]["head_sha"]
        for group in reversed(groups):
            path = f"/repos/acme/infra/statuses/{group['head_sha']}"
            speaker.post(path, json={"context": "ci", "state": "success"}).raise_for_status()
    github.wait_for_deliveries()
    merged = [item.payload["pull_request"]["merge_commit_sha"] for item in github.deliveries if item.action == "closed"]
    assert merged == [group["head_sha"] for group in groups]
    pushes = [
        item.payload
        for item in github.deliveries
        if item.event == "push" and item.payload["ref"] == "refs/heads/staging"
    ]
    assert [push["after"] for push in pushes] == [groups[1]["head_sha"]]
    ended = [
        item.payload["reason"]
        for item in github.deliveries
        if (item.event, item.action) == ("merge_group", "destroyed")
    ]
    assert ended == ["merged", "merged"]


def test_a_red_group_is_dropped_and_the_later_ones_are_built_again(
    github: LocalGitHub, installation: Installation
) -> None:
    github.enable_merge_queue("acme/infra", "staging")
    with github.rest("ada") as speaker:
        for branch in ("one", "two"):
            sha = propose(github, branch, files={f"{branch}.tf": "x\n"})["head"]["sha"]
            speaker.post(f"/repos/acme/infra/statuses/{sha}", json={"context": "ci", "state": "success"})
        protect(github, required_status_checks={"strict": False, "contexts": ["ci"]})
        for number in (1, 2):
            github.enqueue("acme/infra", number, by="grace")
        first = github.world.repository("acme/infra").merge_queues["staging"][0].head_sha
        speaker.post(f"/repos/acme/infra/statuses/{first}", json={"context": "ci", "state": "failure"})
    actions = [(item.action, item.payload.get("reason")) for item in github.deliveries if item.event == "merge_group"]
    assert actions[2:] == [("destroyed", "dequeued"), ("destroyed", "invalidated"), ("checks_requested", None)]


def test_a_red_pull_request_does_not_enter_the_queue(github: LocalGitHub) -> None:
    github.enable_merge_queue("acme/infra", "staging")
    propose(github)
    protect(github, required_status_checks={"strict": False, "contexts": ["ci"]})
    with pytest.raises(ApiError, match='Required status check "ci" is expected'):
        github.enqueue("acme/infra", 1, by="grace")


# -- refs over REST ------------------------------------------------------------------------------------------------


def test_refs_moved_over_rest_are_subject_to_protection(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    first = github.world.repository("acme/infra").git.tip("staging")
    protect(github, required_pull_request_reviews={"required_approving_review_count": 0})
    with github.rest("grace") as speaker:
        created = speaker.post("/repos/acme/infra/git/refs", json={"ref": "refs/heads/new", "sha": first})
        again = speaker.post("/repos/acme/infra/git/refs", json={"ref": "refs/heads/new", "sha": first})
        after = github.commit("acme/infra", "new", {"x.tf": "x\n"}, by="grace")
        refused = speaker.patch("/repos/acme/infra/git/refs/heads/staging", json={"sha": after})
        backwards = speaker.patch("/repos/acme/infra/git/refs/heads/new", json={"sha": first})
        deleted = speaker.delete("/repos/acme/infra/git/refs/heads/new")
    assert [answer.status_code for answer in (created, again, refused, backwards, deleted)] == [201, 422, 422, 422, 204]
    assert refused.json()["message"] == "Changes must be made through a pull request."
    assert backwards.json()["message"] == "Update is not a fast forward"
    github.wait_for_deliveries()
    assert receiver.last("push")["deleted"] is True
