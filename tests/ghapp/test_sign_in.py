"""Sign-in with GitHub, and what each person can see, over real sockets."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ghapp.values import RepositoryId
from ghapp.web.sign_in import own_path
from tests.databases import NewDatabase
from tests.ghapp.github_sign_in import CLIENT_ID, CLIENT_SECRET, SignInGitHub
from tests.ghapp.served import Served, listening, serving


@pytest.fixture(scope="module")
def shared_github() -> SignInGitHub:
    return SignInGitHub()


@pytest.fixture(scope="module")
def served(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory, shared_github: SignInGitHub
) -> Iterator[Served]:
    """One server for all tests. It remembers people by their tokens, and each test gets new tokens."""
    directory = tmp_path_factory.mktemp("served")
    with listening(shared_github.app()) as github_url:
        environ = {
            "PLANWARD_DATABASE_URL": new_database(directory),
            "PLANWARD_GITHUB_API_URL": f"{github_url}/api/v3",
            "PLANWARD_GITHUB_CLIENT_ID": CLIENT_ID,
            "PLANWARD_GITHUB_CLIENT_SECRET": CLIENT_SECRET,
        }
        with serving(directory, public=True, **environ) as served:
            served.repository()
            served.repository("acme/secret", id=8)
            served.complete(served.run("mine"))
            served.complete(served.run("theirs", repository_id=RepositoryId(8)))
            yield served


@pytest.fixture(autouse=True)
def github(shared_github: SignInGitHub) -> SignInGitHub:
    """GitHub as it is at the beginning of each test."""
    fresh = SignInGitHub(readable={"ada": {"acme/infra"}}, ids={"acme/infra": 7, "acme/secret": 8})
    for each in fields(SignInGitHub):
        setattr(shared_github, each.name, getattr(fresh, each.name))
    return shared_github


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    with served.client(follow_redirects=True) as client:
        yield client


def test_a_page_leads_to_github_and_back_to_itself(served: Served, browser: httpx.Client) -> None:
    answer = browser.get("/runs/mine?x=1")
    assert (answer.status_code, str(answer.url)) == (200, f"{served.url}/runs/mine?x=1")
    assert [urlsplit(str(each.url)).path for each in answer.history] == [
        "/runs/mine",
        "/login",
        "/login/oauth/authorize",
        "/login/callback",
    ]
    assert "ada" in answer.text


def test_a_person_sees_only_what_github_lets_them_read(browser: httpx.Client) -> None:
    text = browser.get("/").text
    assert "acme/infra" in text
    assert "acme/secret" not in text
    assert "/runs/theirs" not in text


@pytest.mark.parametrize(
    ("forbidden", "unknown"),
    [
        ("/runs/theirs", "/runs/none"),
        ("/runs/theirs/log", "/runs/none/log"),
        ("/runs/theirs/log?format=text", "/runs/none/log?format=text"),
        ("/acme/secret", "/acme/none"),
    ],
)
def test_forbidden_and_unknown_look_the_same(browser: httpx.Client, forbidden: str, unknown: str) -> None:
    browser.get("/")
    answers = [browser.get(path) for path in (forbidden, unknown)]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_a_repository_that_takes_over_a_name_does_not_show_the_former_ones_runs(
    browser: httpx.Client, github: SignInGitHub
) -> None:
    github.ids["acme/infra"] = 99
    assert browser.get("/runs/mine").status_code == 404


def test_a_repository_that_was_renamed_is_followed(browser: httpx.Client, github: SignInGitHub) -> None:
    github.moved["acme/infra"] = "7"
    assert browser.get("/runs/mine").status_code == 200


def test_githubs_answer_is_cached_for_a_minute(browser: httpx.Client, github: SignInGitHub) -> None:
    for _ in range(3):
        browser.get("/runs/mine")
    assert github.asked == ["acme/infra"]


def test_a_token_that_was_revoked_leads_back_to_sign_in(browser: httpx.Client, github: SignInGitHub) -> None:
    browser.get("/login?next=/healthz")
    github.tokens.clear()
    answer = browser.get("/runs/mine")
    assert answer.status_code == 200
    assert "/login/oauth/authorize" in [urlsplit(str(each.url)).path for each in answer.history]


def test_while_github_is_away_nobody_sees_anything(browser: httpx.Client, github: SignInGitHub) -> None:
    browser.get("/login?next=/healthz")
    github.away = True
    for path in ("/", "/runs/mine", "/acme/infra"):
        answer = browser.get(path)
        assert (answer.status_code, "GitHub does not answer" in answer.text) == (503, True)


def test_the_live_log_says_that_nobody_is_signed_in(served: Served) -> None:
    with served.client() as client:
        answer = client.get("/runs/mine/log")
    assert (answer.status_code, answer.text) == (401, "sign in first\n")


def test_cookies_are_sealed_and_kept_from_scripts_and_other_sites(
    served: Served, browser: httpx.Client, github: SignInGitHub
) -> None:
    answer = browser.get("/")
    cookies = [header for each in answer.history for header in each.headers.get_list("set-cookie")]
    session = next(each for each in cookies if each.startswith("planward-session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "Path=/" in session
    token = next(iter(github.tokens))
    assert token not in session
    assert browser.cookies.get("planward-sign-in") is None


def test_over_https_cookies_are_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    environ = {
        "PLANWARD_PUBLIC_URL": "https://planward.example.com",
        "PLANWARD_GITHUB_CLIENT_ID": CLIENT_ID,
        "PLANWARD_GITHUB_CLIENT_SECRET": CLIENT_SECRET,
    }
    with serving(tmp_path, public=False, **environ) as served, served.client() as client:
        answer = client.get("/login")
    location = urlsplit(answer.headers["Location"])
    query = parse_qs(location.query)
    assert f"{location.scheme}://{location.netloc}{location.path}" == "https://github.com/login/oauth/authorize"
    assert query["redirect_uri"] == ["https://planward.example.com/login/callback"]
    assert len(query["state"][0]) >= 32
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-planward-sign-in=")
    assert "Secure" in cookie


def test_a_callback_that_was_not_begun_in_this_browser_is_refused(served: Served, github: SignInGitHub) -> None:
    with served.client() as attacker:
        location = attacker.get("/login").headers["Location"]
    state = parse_qs(urlsplit(location).query)["state"][0]
    with served.client() as victim:
        victim.get("/login")
        for query in (f"?code=x&state={state}", "?code=x&state=", "?code=x", ""):
            answer = victim.get(f"/login/callback{query}")
            assert (answer.status_code, "did not start here" in answer.text) == (403, True)
        assert victim.cookies.get("planward-session") is None


def test_a_code_that_github_does_not_take_signs_nobody_in(served: Served) -> None:
    with served.client() as client:
        location = client.get("/login").headers["Location"]
        state = parse_qs(urlsplit(location).query)["state"][0]
        answer = client.get(f"/login/callback?code=stolen&state={state}")
        assert (answer.status_code, "GitHub refused the sign-in" in answer.text) == (403, True)
        assert client.cookies.get("planward-session") is None


def test_a_person_who_declines_at_github_is_informed(browser: httpx.Client, github: SignInGitHub) -> None:
    github.who = None
    answer = browser.get("/")
    assert (answer.status_code, "was declined there" in answer.text) == (403, True)


@pytest.mark.parametrize("cookie", ["nonsense", "A" * 5000, "AAAA", "%00", ""])
def test_a_cookie_that_planward_did_not_make_is_no_session(served: Served, cookie: str) -> None:
    with served.client(cookies={"planward-session": cookie}) as client:
        assert client.get("/").status_code == 303


def test_the_cookie_of_a_begun_sign_in_is_no_session(served: Served) -> None:
    with served.client() as client:
        client.get("/login")
        begun = client.cookies["planward-sign-in"]
    with served.client(cookies={"planward-session": begun}) as client:
        assert client.get("/").status_code == 303


def test_signing_out_ends_the_token_and_the_session(browser: httpx.Client, github: SignInGitHub) -> None:
    browser.get("/")
    assert len(github.tokens) == 1
    elsewhere = browser.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert (elsewhere.status_code, len(github.tokens)) == (403, 1)
    answer = browser.post("/logout")
    assert (answer.status_code, "Signed out" in answer.text) == (200, True)
    assert github.tokens == {}
    assert browser.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/runs/1?x=2", "/runs/1?x=2"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/ä", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_back_to_paths_of_ours_alone(asked: str, path: str) -> None:
    assert own_path(asked) == path


def test_without_sign_in_there_is_nothing_to_sign_in_to(tmp_path: Path) -> None:
    with serving(tmp_path) as served, served.client() as client:
        assert [client.get(path).status_code for path in ("/login", "/login/callback")] == [404, 404]
        assert client.post("/logout").status_code == 404
