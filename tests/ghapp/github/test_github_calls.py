"""One call: its retries, the meaning of its failure, and its error text."""

from typing import Any

import httpx
import pytest

from ghapp.errors import JobError
from ghapp.events import Person
from ghapp.github import GitHubApp, GitHubError, GitHubRefused, GitHubRepository, GitHubUnavailable, PemKey, Role
from ghapp.github.errors import shorten
from ghapp.values import CommitSha, RunId
from tests.ghapp.github.scripted_github import API, APP_ID, IMPATIENT, ScriptedWire

pytestmark = pytest.mark.anyio

ROLE = "GET /repos/acme/infra/collaborators/anna/permission"
COMMENT = "POST /repos/acme/infra/issues/12/comments"
DEPLOYMENT = "POST /repos/acme/infra/deployments"
COMMENTS = "GET /repos/acme/infra/issues/12/comments"
anna = Person(login="anna", id=7)
WRITE = {"permission": "write", "role_name": "write", "user": {"id": 7}}


# Repeating


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_question_is_asked_again_after_a_failure_of_the_server(
    infra: GitHubRepository, wire: ScriptedWire, status: int
) -> None:
    wire.expect(ROLE, status, b"<html>Unicorn</html>")
    wire.expect(ROLE, status, {"message": "Server Error"})
    wire.expect(ROLE, body=WRITE)
    assert await infra.role_of(anna) is Role.WRITE


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.ConnectTimeout, httpx.ConnectError, httpx.ReadError])
async def test_a_question_is_asked_again_after_a_failure_of_the_network(
    infra: GitHubRepository, wire: ScriptedWire, failure: type[httpx.TransportError]
) -> None:
    wire.expect(ROLE, failure=failure)
    wire.expect(ROLE, body=WRITE)
    assert await infra.role_of(anna) is Role.WRITE


async def test_after_some_attempts_the_failure_of_github_is_reported(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    for _ in range(IMPATIENT.attempts):
        wire.expect(ROLE, failure=httpx.ReadTimeout)
    with pytest.raises(GitHubUnavailable) as failure:
        await infra.role_of(anna)
    assert str(failure.value) == "GitHub did not answer in time when Planward tried to ask for a person's role"


async def test_a_creation_whose_answer_was_lost_is_looked_for_before_it_is_made_again(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(COMMENT, 502, b"")
    wire.expect(COMMENTS, body=[])
    wire.expect(COMMENT, 201, {"id": 8})
    assert await infra.create_comment(12, "Hello", marker="m") == 8


async def test_a_creation_whose_answer_was_lost_is_found(infra: GitHubRepository, wire: ScriptedWire) -> None:
    found = {"id": 9, "body": "Hello\n\n<!-- planward: m -->", "user": {"type": "Bot"}}
    wire.expect(COMMENT, failure=httpx.ReadTimeout)
    wire.expect(COMMENTS, body=[found])
    assert await infra.create_comment(12, "Hello", marker="m") == 9


async def test_a_creation_that_stays_unclear_is_made_twice_at_most(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(COMMENT, 502, b"")
    wire.expect(COMMENTS, body=[])
    wire.expect(COMMENT, 502, b"")
    with pytest.raises(GitHubUnavailable):
        await infra.create_comment(12, "Hello", marker="m")


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_a_creation_that_never_left_is_simply_repeated(
    infra: GitHubRepository, wire: ScriptedWire, failure: type[httpx.TransportError]
) -> None:
    wire.expect(COMMENT, failure=failure)
    wire.expect(COMMENT, 201, {"id": 8})
    assert await infra.create_comment(12, "Hello", marker="m") == 8


# Limits


@pytest.mark.parametrize("status", [403, 429])
async def test_a_creation_too_waits_if_github_asks_for_a_short_wait(
    infra: GitHubRepository, wire: ScriptedWire, status: int
) -> None:
    wire.expect(DEPLOYMENT, status, {"message": "Slow down"}, headers={"Retry-After": "0"})
    wire.expect(DEPLOYMENT, 201, {"id": 8})
    made = await infra.create_deployment(
        sha=CommitSha("1" * 40), environment="staging", description="d", run=RunId("r"), production=False
    )
    assert made == 8


@pytest.mark.parametrize(
    ("status", "message", "headers", "retry_after_s"),
    [
        (403, "You have exceeded a secondary rate limit.", {"Retry-After": "3600"}, 3600),
        (429, "Too many requests", {}, 60),
        (403, "You have exceeded a secondary rate limit. Please wait a few minutes.", {}, 60),
        (403, "API rate limit exceeded for installation ID 5.", {"x-ratelimit-remaining": "0"}, 60),
    ],
)
async def test_a_long_wait_is_left_to_the_caller(
    infra: GitHubRepository,
    wire: ScriptedWire,
    status: int,
    message: str,
    headers: dict[str, str],
    retry_after_s: float,
) -> None:
    wire.expect(COMMENT, status, {"message": message}, headers=headers)
    with pytest.raises(GitHubUnavailable) as failure:
        await infra.create_comment(12, "Hello", marker="m")
    assert failure.value.retry_after_s == retry_after_s
    assert str(failure.value) == (
        f"GitHub limits the rate of requests for the next {retry_after_s} s, so Planward could not create a comment"
    )


async def test_a_retry_after_that_is_not_a_number_means_a_minute(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(ROLE, 429, {"message": "x"}, headers={"Retry-After": "Mon, 23 Nov 2026 23:00:00 GMT"})
    with pytest.raises(GitHubUnavailable) as failure:
        await infra.role_of(anna)
    assert failure.value.retry_after_s == 60


# Error texts


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            403,
            {"message": "Repository was archived so is read-only."},
            "GitHub refused (403) when Planward tried to ask for a person's role: Repository was archived so is "
            "read-only.",
        ),
        (
            422,
            {
                "message": "Validation Failed",
                "errors": [{"resource": "X", "field": "name", "code": "invalid"}, {"message": "too long"}, "odd"],
            },
            "GitHub refused (422) when Planward tried to ask for a person's role: Validation Failed; name invalid; "
            "too long; odd",
        ),
        (
            422,
            {"message": "Bad", "errors": {"no": "list"}},
            "GitHub refused (422) when Planward tried to ask for a person's role: Bad",
        ),
        (451, b"<html>", "GitHub refused (451) when Planward tried to ask for a person's role"),
        (
            400,
            {"message": "The API version is not supported."},
            "GitHub refused (400) when Planward tried to ask for a person's role: The API version is not supported.; "
            "upgrade this GitHub Enterprise Server to a release that supports this API version",
        ),
    ],
)
async def test_a_refusal_is_reported_in_githubs_own_words(
    infra: GitHubRepository, wire: ScriptedWire, status: int, body: Any, text: str
) -> None:
    wire.expect(ROLE, status, body)
    with pytest.raises(GitHubRefused) as refusal:
        await infra.role_of(anna)
    assert str(refusal.value) == text
    assert refusal.value.status == status
    assert isinstance(refusal.value, JobError)


@pytest.mark.parametrize(
    ("status", "message", "text"),
    [
        (
            403,
            "Resource not accessible by integration",
            "GitHub refused (403) when Planward tried to ask for a person's role: Resource not accessible by "
            "integration; accept the App's newest permissions in its installation's settings",
        ),
        (404, "Not Found", "GitHub refused (404) when Planward tried to ask for a person's role: Not Found"),
    ],
)
async def test_a_refusal_that_may_be_a_mistake_is_retried_with_another_token_and_counts_as_temporary(
    infra: GitHubRepository, wire: ScriptedWire, status: int, message: str, text: str
) -> None:
    for _ in range(IMPATIENT.attempts):
        for _ in range(2):
            wire.expect(ROLE, status, {"message": message})
        if status == 404:
            wire.expect("GET /repos/acme/infra", 404, {"message": message})
    with pytest.raises(GitHubUnavailable) as unavailable:
        await infra.role_of(anna)
    assert str(unavailable.value) == text
    tokens = [request.headers["Authorization"] for request in wire.requests if request.url.path.endswith("/permission")]
    assert len(set(tokens)) == IMPATIENT.attempts + 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_call_refused_by_mistake_is_made_with_another_token_and_once(
    infra: GitHubRepository, wire: ScriptedWire, status: int
) -> None:
    wire.expect("POST /repos/acme/infra/issues/12/comments", status, {"message": "Not this time"})
    wire.expect("POST /repos/acme/infra/issues/12/comments", 201, {"id": 1})
    assert await infra.create_comment(12, "Hello", marker="m") == 1
    assert [request.headers["Authorization"] for request in wire.requests] == ["Bearer ghs_1", "Bearer ghs_2"]


def test_githubs_words_are_shortened_to_one_line_without_tokens() -> None:
    words = "line one\r\nwith ghs_" + "a" * 40 + "\x00 and eyJ" + "b" * 30 + ".c.d " + "x" * 400
    short = shorten(words)
    assert short.startswith("line one with (token) and (token) xxx")
    assert len(short) == 300
    assert short.endswith("…")


async def test_no_error_text_of_the_network_reaches_people(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(IMPATIENT.attempts):
        wire.expect(ROLE, failure=httpx.ConnectError)
    with pytest.raises(GitHubError) as failure:
        await infra.role_of(anna)
    assert str(failure.value) == "GitHub could not be reached when Planward tried to ask for a person's role"
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


@pytest.mark.parametrize("body", [b"<html>Welcome to the proxy</html>", {"unexpected": 1}, [], b""])
async def test_an_answer_that_cannot_be_read_is_no_answer(
    infra: GitHubRepository, wire: ScriptedWire, body: Any
) -> None:
    for _ in range(IMPATIENT.attempts):
        wire.expect(ROLE, 200, body)
    with pytest.raises(GitHubUnavailable, match="could not be read"):
        await infra.role_of(anna)


# The destination of a request


async def test_every_call_names_its_version_and_is_counted(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(ROLE, 502, b"")
    wire.expect(ROLE, failure=httpx.ReadTimeout)
    wire.expect(ROLE, body=WRITE)
    await infra.role_of(anna)
    assert {request.headers["X-GitHub-Api-Version"] for request in wire.requests} == {"2022-11-28"}
    role = "/repos/{owner}/{repo}/collaborators/{login}/permission"
    assert wire.calls == [
        ("POST", "/app/installations/{installation_id}/access_tokens", 201),
        ("GET", role, 502),
        ("GET", role, 0),
        ("GET", role, 200),
    ]


async def test_names_are_written_so_that_they_stay_one_part_of_the_path(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect("GET /repos/acme/infra/collaborators/../../evil[bot]/permission", body={"permission": "read"})
    await infra.role_of(Person(login="../../evil[bot]", id=1, is_bot=True))
    assert wire.requests[0].url.raw_path == (
        b"/api/v3/repos/acme/infra/collaborators/..%2F..%2Fevil%5Bbot%5D/permission"
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_renamed_repository_gets_the_same_request(
    infra: GitHubRepository, wire: ScriptedWire, status: int
) -> None:
    place = f"{API}/repositories/42/issues/12/comments"
    wire.expect(COMMENT, status, {"message": "Moved Permanently"}, headers={"Location": place})
    wire.expect("POST /repositories/42/issues/12/comments", 201, {"id": 8})
    assert await infra.create_comment(12, "Hello", marker="m") == 8
    assert wire.sent(1) == wire.sent(0)


async def test_a_redirect_in_a_circle_ends(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(3 * IMPATIENT.attempts):
        wire.expect(ROLE, 302, headers={"Location": ROLE.removeprefix("GET ").replace("/repos", "/api/v3/repos", 1)})
    with pytest.raises(GitHubUnavailable, match="redirected Planward too often"):
        await infra.role_of(anna)


async def test_a_token_is_not_carried_to_another_host_by_a_redirect(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    for _ in range(IMPATIENT.attempts):
        wire.expect(ROLE, 302, headers={"Location": "https://evil.example.com/"})
    with pytest.raises(GitHubUnavailable, match="another host"):
        await infra.role_of(anna)


async def test_a_token_is_not_carried_to_another_host_by_a_list(infra: GitHubRepository, wire: ScriptedWire) -> None:
    pulls = "GET /repos/acme/infra/pulls"
    wire.expect(pulls, body=[], headers={"Link": '<https://evil.example.com/api/v3/pulls?page=2>; rel="next"'})
    with pytest.raises(GitHubUnavailable, match="another host"):
        await infra.open_pull_requests()


async def test_github_s_public_api_is_spoken_to_at_its_root(wire: ScriptedWire, pem: str) -> None:
    wire.expect("GET /app", body={"id": APP_ID, "slug": "planward", "name": "Planward"})
    transport = httpx.MockTransport(wire.answer)
    async with GitHubApp("https://api.github.com", APP_ID, PemKey(pem), transport=transport) as app:
        await app.me()
    assert str(wire.requests[0].url) == "https://api.github.com/app"
