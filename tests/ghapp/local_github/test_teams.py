"""Members of teams: an App queries them to find out whether a person may decide."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import client, installed


@pytest.fixture
def speaker(github: LocalGitHub, installation: Installation) -> Iterator[httpx.Client]:
    for login in ("joan", "kay", "mary"):
        github.create_user(login)
    github.create_team(
        "acme", "platform", members=["grace", "ada"], maintainers=["joan"], invited=["kay"],
        repositories={"acme/infra": "maintain"},
    )  # fmt: skip
    github.create_team("acme", "on-call", members=["mary"], parent="platform")
    with installed(github, installation) as found:
        yield found


def membership(speaker: httpx.Client, login: str, team: str = "platform") -> dict[str, Any] | int:
    answer = speaker.get(f"/orgs/acme/teams/{team}/memberships/{login}")
    body: dict[str, Any] = answer.json()
    return {name: body[name] for name in ("role", "state")} if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        pytest.param("grace", {"role": "member", "state": "active"}, id="a member"),
        pytest.param("GRACE", {"role": "member", "state": "active"}, id="in any case"),
        pytest.param("joan", {"role": "maintainer", "state": "active"}, id="a maintainer"),
        pytest.param("ada", {"role": "maintainer", "state": "active"}, id="an owner of the organization"),
        pytest.param("mary", {"role": "member", "state": "active"}, id="a member of a child team"),
        pytest.param("kay", {"role": "member", "state": "pending"}, id="who has not accepted"),
        pytest.param("linus", 404, id="nobody of the team"),
        pytest.param("nobody", 404, id="nobody at all"),
    ],
)
def test_a_membership_has_a_role_and_a_state(speaker: httpx.Client, login: str, expected: object) -> None:
    assert membership(speaker, login) == expected


def test_a_member_of_the_parent_team_is_not_a_member_of_the_child(speaker: httpx.Client) -> None:
    assert membership(speaker, "grace", "on-call") == 404
    assert membership(speaker, "grace", "no-such-team") == 404


def test_the_members_of_a_team_are_listed_with_those_of_its_child_teams(speaker: httpx.Client) -> None:
    def listed(**query: str) -> set[str]:
        return {item["login"] for item in speaker.get("/orgs/acme/teams/platform/members", params=query).json()}

    assert listed() == {"grace", "ada", "joan", "mary"}
    assert listed(role="maintainer") == {"ada", "joan"}
    assert speaker.get("/orgs/acme/teams/on-call").json()["parent"]["slug"] == "platform"


def test_a_team_gives_its_role_to_members_and_child_teams_and_not_to_the_invited(speaker: httpx.Client) -> None:
    def role(login: str) -> str:
        found: str = speaker.get(f"/repos/acme/infra/collaborators/{login}/permission").json()["role_name"]
        return found

    assert {login: role(login) for login in ("joan", "mary", "kay")} == {
        "joan": "maintain",
        "mary": "maintain",
        "kay": "read",
    }


def test_an_app_without_members_read_cannot_ask(github: LocalGitHub, speaker: httpx.Client) -> None:
    app = github.create_app("Curious", owner="acme", permissions={"contents": "read"})
    with installed(github, github.install(app, "acme")) as curious:
        assert membership(curious, "grace") == 403
    with client(github, github.token("linus")) as outsider:
        assert membership(outsider, "grace") == 404
