"""Who may use the local GitHub, and for what."""

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App, Installation
from tests.ghapp.local_github.acme import PERMISSIONS, app_jwt, client, installed


def test_an_app_reads_itself_by_a_jwt_signed_with_its_key(github: LocalGitHub, app: App) -> None:
    with client(github, app_jwt(app)) as speaker:
        body = speaker.get("/app").json()
    assert (body["slug"], body["owner"]["login"], body["permissions"]) == (
        "planward",
        "acme",
        {"metadata": "read", **PERMISSIONS},
    )


def test_the_client_id_is_an_issuer_as_well(github: LocalGitHub, app: App) -> None:
    with client(github, app_jwt(app, issuer=app.client_id)) as speaker:
        assert speaker.get("/app").status_code == 200


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((-30, -1), "'Expiration time' claim ('exp') must be a numeric value"),
        ((-30, 700), "'Expiration time' claim ('exp') is too far in the future"),
        ((60, 300), "'Issued at' claim ('iat') must be an Integer"),
    ],
)
def test_a_jwt_outside_its_time_is_refused(github: LocalGitHub, app: App, times: tuple[int, int], message: str) -> None:
    with client(github, app_jwt(app, issued=times[0], expires=times[1])) as speaker:
        answer = speaker.get("/app")
    assert (answer.status_code, answer.json()["message"][: len(message)]) == (401, message)


def test_a_jwt_of_another_key_is_refused(github: LocalGitHub, app: App) -> None:
    other = github.create_app("Other", owner="acme", permissions={})
    with client(github, app_jwt(other, issuer=str(app.id))) as speaker:
        answer = speaker.get("/app")
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


def test_an_unknown_token_is_a_bad_credential(github: LocalGitHub) -> None:
    with client(github, "ghs_unknown") as speaker:
        answer = speaker.get("/repos/acme/infra")
    assert answer.status_code == 401
    assert answer.json() == {
        "message": "Bad credentials",
        "documentation_url": "https://docs.github.com/rest",
        "status": "401",
    }


def test_a_revoked_token_is_a_bad_credential(github: LocalGitHub, installation: Installation) -> None:
    with installed(github, installation) as speaker:
        assert speaker.delete("/installation/token").status_code == 204
        assert speaker.get("/installation/repositories").status_code == 401


def test_a_token_can_be_narrowed_but_not_widened(github: LocalGitHub, installation: Installation) -> None:
    with installed(github, installation, permissions={"contents": "read"}, repositories=["infra"]) as speaker:
        listed = speaker.get("/installation/repositories").json()
        created = speaker.post("/repos/acme/infra/check-runs", json={"name": "x", "head_sha": "0" * 40})
    assert [item["full_name"] for item in listed["repositories"]] == ["acme/infra"]
    assert (created.status_code, created.json()["message"]) == (403, "Resource not accessible by integration")
    with client(github, app_jwt(installation.app)) as speaker:
        path = f"/app/installations/{installation.id}/access_tokens"
        wider = speaker.post(path, json={"permissions": {"contents": "write"}})
        foreign = speaker.post(path, json={"repositories": ["elsewhere"]})
    assert (wider.status_code, wider.json()["message"]) == (
        422,
        "The permissions requested are not granted to this installation.",
    )
    assert foreign.status_code == 422


def test_a_suspended_installation_reaches_nothing(github: LocalGitHub, installation: Installation) -> None:
    with installed(github, installation) as speaker:
        github.suspend(installation, by="ada")
        answer = speaker.get("/repos/acme/infra")
    assert (answer.status_code, answer.json()["message"]) == (403, "This installation has been suspended")


def test_a_private_repository_is_404_for_strangers(github: LocalGitHub) -> None:
    github.create_repository("acme/secret", private=True)
    with github.rest("linus") as stranger, github.rest() as nobody, github.rest("grace") as member:
        answers = [speaker.get("/repos/acme/secret").status_code for speaker in (stranger, nobody, member)]
    assert answers == [404, 404, 200]


def test_an_unknown_path_is_githubs_404_and_is_remembered(github: LocalGitHub) -> None:
    with github.rest("ada") as speaker:
        answer = speaker.get("/repos/acme/infra/nonsense")
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert [request.path for request in github.unexpected] == ["/repos/acme/infra/nonsense"]


def test_an_unknown_api_version_is_refused(github: LocalGitHub) -> None:
    with client(github, None, version="2020-01-01") as speaker:
        assert speaker.get("/versions").status_code == 400
    with client(github, None) as speaker:
        assert speaker.get("/versions").json() == ["2022-11-28", "2026-03-10"]


def test_lists_come_in_pages(github: LocalGitHub) -> None:
    for number in range(5):
        github.commit("acme/infra", f"branch-{number}", {"x": str(number)})
    with github.rest("ada") as speaker:
        second = speaker.get("/repos/acme/infra/branches", params={"per_page": 2, "page": 2})
    assert [item["name"] for item in second.json()] == ["branch-2", "branch-3"]
    assert {name: link["url"][-6:] for name, link in second.links.items()} == {
        "prev": "page=1",
        "next": "page=3",
        "last": "page=3",
        "first": "page=1",
    }


def test_a_renamed_repository_redirects(github: LocalGitHub) -> None:
    github.rename_repository("acme/infra", "platform", by="ada")
    with github.rest("ada") as speaker:
        answer = speaker.get("/repos/acme/infra/branches")
        assert (answer.status_code, answer.headers["Location"]) == (301, answer.json()["url"])
        assert speaker.get(answer.headers["Location"]).json()[0]["name"] == "staging"


@pytest.mark.parametrize(
    ("role", "permission", "role_name"),
    [("triage", "read", "triage"), ("maintain", "write", "maintain"), ("releaser", "write", "releaser")],
)
def test_permission_folds_roles_and_role_name_keeps_them(
    github: LocalGitHub, role: str, permission: str, role_name: str
) -> None:
    github.create_custom_role("acme", "releaser", base_role="maintain")
    github.grant("acme/infra", "linus", role)
    with github.rest("ada") as speaker:
        body = speaker.get("/repos/acme/infra/collaborators/linus/permission").json()
    assert (body["permission"], body["role_name"]) == (permission, role_name)


def test_the_permission_of_a_bot_is_404(github: LocalGitHub, app: App) -> None:
    with github.rest("ada") as speaker:
        assert speaker.get("/repos/acme/infra/collaborators/planward[bot]/permission").status_code == 404


def test_team_membership_needs_members_read(github: LocalGitHub, installation: Installation) -> None:
    github.create_team("acme", "platform", members=["ada"])
    with installed(github, installation) as speaker:
        answers = [speaker.get(f"/orgs/acme/teams/platform/memberships/{login}") for login in ("ada", "grace")]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[0].json()["state"] == "active"
    with github.rest("linus") as stranger:
        assert stranger.get("/orgs/acme/teams/platform").status_code == 404


def test_a_request_whose_answer_is_lost_is_still_served(github: LocalGitHub) -> None:
    github.lose_answer("POST", r"/issues$")
    with github.rest("ada") as speaker:
        with pytest.raises(httpx.RemoteProtocolError):
            speaker.post("/repos/acme/infra/issues", json={"title": "Once"})
        assert [issue["title"] for issue in speaker.get("/repos/acme/infra/issues").json()] == ["Once"]


def test_a_fault_happens_once(github: LocalGitHub) -> None:
    github.fail("GET", r"^/user$", status=503)
    with github.rest("ada") as speaker:
        assert [speaker.get("/user").status_code for _ in range(2)] == [503, 200]
