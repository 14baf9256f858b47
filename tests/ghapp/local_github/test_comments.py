"""Comments, read again by their id: author, text, and whether they were edited."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import Receiver, installed, propose


@pytest.fixture
def speaker(github: LocalGitHub, installation: Installation) -> Iterator[httpx.Client]:
    propose(github)
    with installed(github, installation) as client:
        yield client


def comment(github: LocalGitHub, body: str = "planward plan", *, by: str = "grace") -> dict[str, Any]:
    with github.rest(by) as person:
        answer = person.post("/repos/acme/infra/issues/1/comments", json={"body": body})
    assert answer.status_code == 201, answer.text
    written: dict[str, Any] = answer.json()
    return written


def read(speaker: httpx.Client, comment_id: int) -> dict[str, Any]:
    answer = speaker.get(f"/repos/acme/infra/issues/comments/{comment_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_comment_is_read_by_its_id_with_its_author_and_its_text(github: LocalGitHub, speaker: httpx.Client) -> None:
    found = read(speaker, comment(github, "planward plan")["id"])
    assert (found["user"]["login"], found["user"]["id"]) == ("grace", github.world.account("grace").id)
    assert found["body"] == "planward plan"
    assert found["updated_at"] == found["created_at"]
    assert found["issue_url"].endswith("/repos/acme/infra/issues/1")


def test_an_edit_changes_updated_at_and_not_the_author(
    github: LocalGitHub, speaker: httpx.Client, receiver: Receiver
) -> None:
    number = comment(github, "planward plan")["id"]
    github.edit_comment("acme/infra", number, "planward apply", by="ada")
    found = read(speaker, number)
    assert (found["user"]["login"], found["body"]) == ("grace", "planward apply")
    assert found["updated_at"] > found["created_at"]
    github.wait_for_deliveries()
    delivered = receiver.last("issue_comment")
    assert (delivered["action"], delivered["sender"]["login"]) == ("edited", "ada")
    assert delivered["changes"] == {"body": {"from": "planward plan"}}


def test_an_edit_within_the_second_changes_only_the_text(github: LocalGitHub, speaker: httpx.Client) -> None:
    number = comment(github, "planward plan")["id"]
    github.edit_comment("acme/infra", number, "planward apply", by="ada", same_second=True)
    found = read(speaker, number)
    assert found["updated_at"] == found["created_at"]
    assert found["body"] == "planward apply"


def test_a_reaction_leaves_updated_at_as_it_was(github: LocalGitHub, speaker: httpx.Client) -> None:
    number = comment(github)["id"]
    speaker.post(f"/repos/acme/infra/issues/comments/{number}/reactions", json={"content": "eyes"})
    found = read(speaker, number)
    assert (found["reactions"]["eyes"], found["updated_at"]) == (1, found["created_at"])


def test_a_comment_that_never_existed_is_404(speaker: httpx.Client) -> None:
    answer = speaker.get("/repos/acme/infra/issues/comments/999999")
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


def test_a_deleted_comment_is_404(github: LocalGitHub, speaker: httpx.Client, receiver: Receiver) -> None:
    number = comment(github)["id"]
    with github.rest("grace") as person:
        assert person.delete(f"/repos/acme/infra/issues/comments/{number}").status_code == 204
    assert speaker.get(f"/repos/acme/infra/issues/comments/{number}").status_code == 404
    github.wait_for_deliveries()
    assert receiver.events()[-1] == "issue_comment.deleted"


def test_a_comment_of_another_repository_is_404(github: LocalGitHub, speaker: httpx.Client) -> None:
    github.create_repository("acme/other")
    with github.rest("ada") as person:
        issue = person.post("/repos/acme/other/issues", json={"title": "Elsewhere"}).json()["number"]
        elsewhere = person.post(f"/repos/acme/other/issues/{issue}/comments", json={"body": "planward plan"}).json()
    assert speaker.get(f"/repos/acme/infra/issues/comments/{elsewhere['id']}").status_code == 404
