"""People sign in to an App, and the App acts for them with the permissions that both have."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App
from tests.ghapp.local_github.acme import client, propose

CALLBACK = "http://127.0.0.1:8000/login/callback"
VERIFIER = "a-verifier-of-forty-three-characters-or-more"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def signing_app(github: LocalGitHub) -> App:
    return github.create_app("Planward", owner="acme", permissions={"contents": "read"}, callback_urls=[CALLBACK])


def authorize(github: LocalGitHub, app: App, login: str, *, answer: str = "yes") -> dict[str, str]:
    """The parameters that the App's callback receives."""
    asked = {"client_id": app.client_id, "redirect_uri": CALLBACK, "state": "s1"}
    asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    with httpx.Client(base_url=github.url, trust_env=False, verify=False) as browser:
        browser.post("/-/viewer", data={"login": login, "back": "/"})
        page = browser.get("/login/oauth/authorize", params=asked)
        if page.status_code == 200:
            assert "Authorize Planward" in page.text
            page = browser.post("/login/oauth/authorize", data={**asked, "answer": answer})
    assert page.headers["Location"].startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(page.headers["Location"]).query).items()}


def exchange(github: LocalGitHub, app: App, code: str, **fields: str) -> dict[str, str]:
    form = {"client_id": app.client_id, "client_secret": app.client_secret, "code": code, "code_verifier": VERIFIER}
    answer = httpx.post(
        f"{github.url}/login/oauth/access_token",
        data={**form, "redirect_uri": CALLBACK, **fields},
        headers={"Accept": "application/json"},
        trust_env=False,
    )
    body: dict[str, str] = answer.json()
    return body


def test_a_code_is_exchanged_once_for_a_token_of_the_person(github: LocalGitHub, signing_app: App) -> None:
    back = authorize(github, signing_app, "grace")
    token = exchange(github, signing_app, back["code"])
    assert back["state"] == "s1"
    with client(github, token["access_token"]) as speaker:
        assert speaker.get("/user").json()["login"] == "grace"
    assert exchange(github, signing_app, back["code"])["error"] == "bad_verification_code"


def test_somebody_who_agreed_once_is_not_asked_again(github: LocalGitHub, signing_app: App) -> None:
    authorize(github, signing_app, "grace")
    assert authorize(github, signing_app, "grace", answer="no").keys() == {"code", "state"}


def test_a_person_may_decline_to_sign_in(github: LocalGitHub, signing_app: App) -> None:
    assert authorize(github, signing_app, "grace", answer="no")["error"] == "access_denied"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"code_verifier": "another"}, "bad_verification_code"),
        ({"client_secret": "another"}, "incorrect_client_credentials"),
        ({"redirect_uri": "http://127.0.0.1:8000/other"}, "redirect_uri_mismatch"),
    ],
)
def test_a_code_without_its_verifier_or_from_another_app_is_refused(
    github: LocalGitHub, signing_app: App, fields: dict[str, str], error: str
) -> None:
    assert exchange(github, signing_app, authorize(github, signing_app, "grace")["code"], **fields)["error"] == error


def test_a_callback_that_the_app_did_not_register_is_refused(github: LocalGitHub, signing_app: App) -> None:
    with httpx.Client(base_url=github.url, trust_env=False, verify=False) as browser:
        asked = {"client_id": signing_app.client_id, "redirect_uri": "https://example.org/", "answer": "yes"}
        assert browser.post("/login/oauth/authorize", data=asked).status_code == 422


def test_the_token_reaches_only_what_both_the_person_and_the_app_may_reach(
    github: LocalGitHub, signing_app: App
) -> None:
    github.create_repository("acme/secret", private=True)
    token = exchange(github, signing_app, authorize(github, signing_app, "grace")["code"])["access_token"]
    stranger = exchange(github, signing_app, authorize(github, signing_app, "linus")["code"])["access_token"]
    with client(github, token) as grace, client(github, stranger) as linus:
        before = grace.get("/repos/acme/secret").status_code
        github.install(signing_app, "acme", by="ada")
        after = [speaker.get("/repos/acme/secret").status_code for speaker in (grace, linus)]
        written = grace.post("/repos/acme/secret/issues", json={"title": "x"}).status_code
    assert (before, after, written) == (404, [200, 404], 403)


def test_a_comment_by_the_app_for_a_person_has_the_person_as_its_author_and_names_the_app(
    github: LocalGitHub, signing_app: App
) -> None:
    propose(github)
    token = exchange(github, signing_app, authorize(github, signing_app, "grace")["code"])["access_token"]
    with client(github, token) as grace:
        github.install(signing_app, "acme", by="ada")
        refused = grace.post("/repos/acme/infra/issues/1/comments", json={"body": "planward plan"}).status_code
        signing_app.permissions["issues"] = "write"
        github.accept_permissions(next(iter(github.world.installations.values())), by="ada")
        written = grace.post("/repos/acme/infra/issues/1/comments", json={"body": "planward plan"}).json()
    assert refused == 403
    assert (written["user"]["login"], written["user"]["type"]) == ("grace", "User")
    assert written["performed_via_github_app"]["slug"] == signing_app.slug


def test_the_app_ends_a_token(github: LocalGitHub, signing_app: App) -> None:
    token = exchange(github, signing_app, authorize(github, signing_app, "grace")["code"])["access_token"]
    path = f"{github.api_url}/applications/{signing_app.client_id}/token"
    credentials = (signing_app.client_id, signing_app.client_secret)
    with httpx.Client(auth=credentials, trust_env=False, verify=False) as speaker:
        checked = speaker.post(path, json={"access_token": token})
        ended = speaker.request("DELETE", path, json={"access_token": token})
        again = speaker.post(path, json={"access_token": token})
    assert (checked.json()["user"]["login"], ended.status_code, again.status_code) == ("grace", 204, 404)
    with client(github, token) as speaker:
        assert speaker.get("/user").status_code == 401


def test_a_refresh_token_gives_the_next_pair(github: LocalGitHub, signing_app: App) -> None:
    first = exchange(github, signing_app, authorize(github, signing_app, "grace")["code"])
    renewed = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = exchange(github, signing_app, "", **renewed)
    assert second["access_token"] != first["access_token"]
    assert exchange(github, signing_app, "", **renewed)["error"] == "bad_refresh_token"
