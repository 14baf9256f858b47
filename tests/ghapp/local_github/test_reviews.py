"""Reviews of pull requests: the commit that an approval is bound to, and the events that end it."""

from typing import Any

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import Receiver, installed, propose

REVIEWS = "/repos/acme/infra/pulls/1/reviews"


def review(github: LocalGitHub, by: str = "ada", **body: object) -> httpx.Response:
    with github.rest(by) as person:
        return person.post(REVIEWS, json=body or {"event": "APPROVE"})


def protect(github: LocalGitHub, **reviews: object) -> None:
    body = {"required_status_checks": None, "enforce_admins": False, "restrictions": None}
    with github.rest("ada") as person:
        answer = person.put(
            "/repos/acme/infra/branches/staging/protection",
            json=body | {"required_pull_request_reviews": {"required_approving_review_count": 1, **reviews}},
        )
    assert answer.status_code == 200, answer.text


def test_an_approval_is_bound_to_the_head_it_was_given_for(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    head = propose(github)["head"]["sha"]
    written = review(github).json()
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace")
    with installed(github, installation) as speaker:
        listed = speaker.get(REVIEWS).json()
        read = speaker.get(f"{REVIEWS}/{written['id']}").json()
    assert [(item["user"]["login"], item["state"], item["commit_id"]) for item in listed] == [("ada", "APPROVED", head)]
    assert read == listed[0]
    github.wait_for_deliveries()
    delivered = receiver.last("pull_request_review")
    assert (delivered["action"], delivered["sender"]["login"]) == ("submitted", "ada")
    assert (delivered["review"]["state"], delivered["review"]["commit_id"]) == ("approved", head)
    assert delivered["pull_request"]["number"] == 1


@pytest.mark.parametrize(
    ("event", "state"), [("APPROVE", "approved"), ("REQUEST_CHANGES", "changes_requested"), ("COMMENT", "commented")]
)
def test_a_delivery_has_the_state_in_lower_case(
    github: LocalGitHub, installation: Installation, receiver: Receiver, event: str, state: str
) -> None:
    propose(github)
    assert review(github, event=event, body="Read").json()["state"] == state.upper()
    github.wait_for_deliveries()
    assert receiver.last("pull_request_review")["review"]["state"] == state


def test_an_older_commit_of_the_pull_request_can_be_reviewed(github: LocalGitHub) -> None:
    first = propose(github)["head"]["sha"]
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace")
    assert review(github, event="APPROVE", commit_id=first).json()["commit_id"] == first


def test_a_commit_of_something_else_cannot_be_reviewed(github: LocalGitHub) -> None:
    propose(github)
    base = github.world.repository("acme/infra").git.tip("staging")
    assert review(github, event="APPROVE", commit_id=base).status_code == 422


def test_nobody_approves_a_pull_request_of_their_own(github: LocalGitHub) -> None:
    propose(github, by="grace")
    answer = review(github, "grace", event="APPROVE")
    assert (answer.status_code, answer.json()["errors"]) == (422, ["Can not approve your own pull request"])


def test_a_dismissal_names_who_dismissed_and_who_had_approved(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    propose(github)
    number = review(github).json()["id"]
    with github.rest("grace") as person:
        dismissed = person.put(f"{REVIEWS}/{number}/dismissals", json={"message": "Not yet"})
        again = person.put(f"{REVIEWS}/{number}/dismissals", json={"message": "Not yet"})
        without_a_reason = person.put(f"{REVIEWS}/{number}/dismissals", json={})
    assert (dismissed.status_code, dismissed.json()["state"]) == (200, "DISMISSED")
    assert (again.status_code, without_a_reason.status_code) == (422, 422)
    github.wait_for_deliveries()
    delivered = receiver.last("pull_request_review")
    assert (delivered["action"], delivered["review"]["state"]) == ("dismissed", "dismissed")
    assert (delivered["sender"]["login"], delivered["review"]["user"]["login"]) == ("grace", "ada")


def test_only_an_administrator_dismisses_on_a_protected_branch(github: LocalGitHub) -> None:
    propose(github)
    protect(github)
    number = review(github).json()["id"]
    path, body = f"{REVIEWS}/{number}/dismissals", {"message": "Not yet"}
    with github.rest("grace") as writer, github.rest("ada") as administrator:
        assert writer.put(path, json=body).status_code == 403
        assert administrator.put(path, json=body).status_code == 200


def test_a_push_dismisses_approvals_where_the_protection_asks_for_it(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    protect(github, dismiss_stale_reviews=True)
    propose(github)
    review(github)
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace")
    github.wait_for_deliveries()
    assert receiver.events()[-2:] == ["pull_request.synchronize", "pull_request_review.dismissed"]
    delivered = receiver.last("pull_request_review")
    assert (delivered["sender"]["login"], delivered["review"]["state"]) == ("grace", "dismissed")


def test_only_its_author_sees_a_pending_review_until_it_is_submitted(
    github: LocalGitHub, installation: Installation, receiver: Receiver
) -> None:
    propose(github)
    pending = review(github, "ada", body="Reading").json()
    assert pending["state"] == "PENDING"
    assert "submitted_at" not in pending
    assert review(github, "ada", body="Twice").status_code == 422
    with github.rest("ada") as author, github.rest("grace") as other:
        assert [item["id"] for item in author.get(REVIEWS).json()] == [pending["id"]]
        assert other.get(REVIEWS).json() == []
        github.wait_for_deliveries()
        assert "pull_request_review.submitted" not in receiver.events()
        submitted = author.post(f"{REVIEWS}/{pending['id']}/events", json={"event": "APPROVE"}).json()
        assert (submitted["state"], submitted["body"]) == ("APPROVED", "Reading")
        assert [item["id"] for item in other.get(REVIEWS).json()] == [pending["id"]]
        assert author.delete(f"{REVIEWS}/{pending['id']}").status_code == 422
    github.wait_for_deliveries()
    assert receiver.events()[-1] == "pull_request_review.submitted"


def test_an_edited_review_keeps_its_state(github: LocalGitHub, installation: Installation, receiver: Receiver) -> None:
    propose(github)
    number = review(github, event="APPROVE", body="Fine").json()["id"]
    with github.rest("ada") as author, github.rest("grace") as other:
        assert other.put(f"{REVIEWS}/{number}", json={"body": "Bad"}).status_code == 403
        edited: dict[str, Any] = author.put(f"{REVIEWS}/{number}", json={"body": "Very fine"}).json()
    assert (edited["state"], edited["body"]) == ("APPROVED", "Very fine")
    github.wait_for_deliveries()
    delivered = receiver.last("pull_request_review")
    assert (delivered["action"], delivered["changes"]) == ("edited", {"body": {"from": "Fine"}})
