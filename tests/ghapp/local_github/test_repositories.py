"""Repositories that change their name, their owner or their id."""

from typing import Any

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.errors import ApiError
from ghapp.local_github.state import App, Installation
from tests.ghapp.local_github.acme import Receiver, installed, propose


def received(github: LocalGitHub, app: App, receiver: Receiver) -> list[tuple[str, int | None]]:
    """The deliveries since the installations: each event, and its installation."""
    github.wait_for_deliveries()
    found = [
        (f"{item.event}.{item.action}" if item.action else item.event, item.installation_id)
        for item in github.deliveries
        if item.app is app
    ]
    assert [event for event, _ in found] == receiver.events()
    return [(event, number) for event, number in found if event != "installation.created"]


def read(speaker: httpx.Client, path: str) -> dict[str, Any]:
    answer = speaker.get(path, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def everywhere(github: LocalGitHub, app: App) -> Installation:
    """The App, installed on all repositories of the organization."""
    return github.install(app, "acme", by="ada")


@pytest.fixture
def umbrella(github: LocalGitHub, app: App) -> Installation:
    """The App, installed on all repositories of a second organization."""
    github.create_organization("umbrella", owners=["ada"])
    return github.install(app, "umbrella", by="ada")


def test_a_renamed_repository_keeps_its_id_and_its_old_name_leads_to_it(
    github: LocalGitHub, app: App, installation: Installation, receiver: Receiver
) -> None:
    number = github.world.repository("acme/infra").id
    github.rename_repository("acme/infra", "platform", by="ada")
    assert received(github, app, receiver) == [("repository.renamed", installation.id)]
    delivered = receiver.last("repository")
    assert delivered["changes"] == {"repository": {"name": {"from": "infra"}}}
    assert (delivered["repository"]["id"], delivered["repository"]["full_name"]) == (number, "acme/platform")
    with installed(github, installation) as speaker:
        moved = speaker.get("/repos/acme/infra")
        assert (moved.status_code, moved.headers["Location"]) == (301, f"{github.api_url}/repositories/{number}")
        assert read(speaker, "/repos/acme/infra")["full_name"] == "acme/platform"
        assert read(speaker, "/repos/ACME/Platform")["id"] == number


def test_a_name_that_is_taken_is_refused(github: LocalGitHub) -> None:
    github.create_repository("acme/other")
    github.create_organization("umbrella", owners=["ada"])
    github.create_repository("umbrella/infra")
    for refused in (
        lambda: github.rename_repository("acme/infra", "OTHER", by="ada"),
        lambda: github.transfer_repository("acme/infra", "umbrella", by="ada"),
        lambda: github.create_repository("acme/Infra"),
    ):
        with pytest.raises(ApiError) as error:
            refused()
        assert error.value.status == 422
    github.rename_repository("acme/infra", "INFRA", by="ada")
    assert github.world.repository("acme/infra").full_name == "acme/INFRA"


def test_an_app_on_all_repositories_receives_the_events_of_a_new_one(
    github: LocalGitHub, app: App, everywhere: Installation, receiver: Receiver
) -> None:
    created = github.create_repository("acme/second", by="ada")
    assert received(github, app, receiver) == [
        ("repository.created", everywhere.id),
        ("installation_repositories.added", everywhere.id),
    ]
    delivered = receiver.last("installation_repositories")
    assert (delivered["repository_selection"], delivered["sender"]["login"]) == ("all", "ada")
    assert [item["id"] for item in delivered["repositories_added"]] == [created.id]


def test_an_app_on_selected_repositories_receives_nothing_for_a_new_one(
    github: LocalGitHub, app: App, installation: Installation, receiver: Receiver
) -> None:
    github.create_repository("acme/second", by="ada")
    assert received(github, app, receiver) == []


def test_a_repository_made_under_the_name_of_a_deleted_one_is_another(
    github: LocalGitHub, app: App, everywhere: Installation, receiver: Receiver
) -> None:
    propose(github)
    before = github.world.repository("acme/infra").id
    github.wait_for_deliveries()
    seen = len(received(github, app, receiver))
    github.delete_repository("acme/infra", by="ada")
    github.create_repository("acme/infra", default_branch="staging", by="ada")
    assert [event for event, _ in received(github, app, receiver)[seen:]] == [
        "repository.deleted",
        "installation_repositories.removed",
        "repository.created",
        "installation_repositories.added",
    ]
    after = github.world.repository("acme/infra").id
    assert receiver.last("repository")["repository"]["id"] == after != before
    with installed(github, everywhere) as speaker:
        assert read(speaker, "/repos/acme/infra")["id"] == after
        assert speaker.get(f"/repositories/{before}").status_code == 404
        assert speaker.get("/repos/acme/infra/pulls/1").status_code == 404
        assert [item["id"] for item in read(speaker, "/installation/repositories")["repositories"]] == [after]


def test_an_app_on_selected_repositories_does_not_get_the_new_one_under_an_old_name(
    github: LocalGitHub, app: App, installation: Installation
) -> None:
    github.delete_repository("acme/infra", by="ada")
    github.create_repository("acme/infra", private=True, by="ada")
    with installed(github, installation) as speaker:
        assert speaker.get("/repos/acme/infra").status_code == 404


def test_a_new_repository_ends_the_redirect_of_its_name_for_good(
    github: LocalGitHub, app: App, everywhere: Installation
) -> None:
    github.rename_repository("acme/infra", "platform", by="ada")
    taken = github.create_repository("acme/infra", by="ada").id
    with installed(github, everywhere) as speaker:
        assert read(speaker, "/repos/acme/infra")["id"] == taken
        github.delete_repository("acme/infra", by="ada")
        assert speaker.get("/repos/acme/infra").status_code == 404


def test_a_transferred_repository_keeps_its_id_and_only_its_new_owner_gets_the_event(
    github: LocalGitHub, app: App, installation: Installation, umbrella: Installation, receiver: Receiver
) -> None:
    github.create_team("acme", "platform", members=["grace"], repositories={"acme/infra": "maintain"})
    number = github.world.repository("acme/infra").id
    github.transfer_repository("acme/infra", "umbrella", by="ada")
    assert received(github, app, receiver) == [
        ("installation_repositories.removed", installation.id),
        ("installation_repositories.added", umbrella.id),
        ("repository.transferred", umbrella.id),
    ]
    delivered = receiver.last("repository")
    assert delivered["changes"]["owner"]["from"]["organization"]["login"] == "acme"
    assert (delivered["repository"]["id"], delivered["repository"]["full_name"]) == (number, "umbrella/infra")
    assert delivered["organization"]["login"] == "umbrella"
    with installed(github, umbrella) as speaker:
        assert read(speaker, "/repos/acme/infra")["full_name"] == "umbrella/infra"
        role = read(speaker, "/repos/umbrella/infra/collaborators/grace/permission")["role_name"]
    assert role == "write", "the collaborator stays, the team of the old organization is gone"
    with installed(github, installation) as speaker:
        assert read(speaker, "/installation/repositories")["total_count"] == 0


def test_a_transfer_from_a_person_names_the_person_who_stays_as_a_collaborator(
    github: LocalGitHub, app: App, umbrella: Installation, receiver: Receiver
) -> None:
    github.create_repository("linus/tools")
    github.transfer_repository("linus/tools", "umbrella", by="linus")
    github.wait_for_deliveries()
    assert receiver.last("repository")["changes"]["owner"]["from"]["user"]["login"] == "linus"
    with installed(github, umbrella) as speaker:
        assert read(speaker, "/repos/umbrella/tools/collaborators/linus/permission")["role_name"] == "write"
