"""The local GitHub's rate limits: github.com's documented ones, by a clock that the test moves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ghapp.local_github import Limits, LocalGitHub

START = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


class Clock:
    def __init__(self) -> None:
        self.now = START

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(tmp_path: Path, clock: Clock) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path, clock=lambda: clock.now) as local:
        for login in ("ada", "grace"):
            local.create_user(login)
        local.create_repository("ada/infra", files={"main.tf": ""}, default_branch="staging")
        local.commit("ada/infra", "topic", {"main.tf": "# one\n"}, by="ada")
        yield local


@pytest.fixture
def ada(github: LocalGitHub) -> Iterator[httpx.Client]:
    with github.rest("ada") as speaker:
        yield speaker


def open_pull_request(ada: httpx.Client) -> int:
    answer = ada.post("/repos/ada/infra/pulls", json={"title": "t", "head": "topic", "base": "staging"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def test_the_hour_begins_with_the_first_request_and_its_end_resets_the_count(
    github: LocalGitHub, ada: httpx.Client, clock: Clock
) -> None:
    github.set_limits(Limits(requests_an_hour=2))
    told = []
    for pause_s in (0, 1800, 0, 1799, 1):
        clock.pass_by(pause_s)
        answer = ada.get("/user")
        told.append((answer.status_code, answer.headers["X-RateLimit-Remaining"]))
    assert told == [(200, "1"), (200, "0"), (403, "0"), (403, "0"), (200, "1")]
    assert answer.headers["X-RateLimit-Reset"] == str(int((START + timedelta(hours=2)).timestamp()))
    assert answer.headers["X-RateLimit-Limit"] == "2"


def test_a_request_over_the_limit_is_refused_and_other_credentials_are_not(
    github: LocalGitHub, ada: httpx.Client
) -> None:
    github.set_limits(Limits(requests_an_hour=1))
    ada.get("/user")
    answer = ada.get("/user")
    assert (answer.status_code, answer.json()["message"]) == (403, "API rate limit exceeded for ada.")
    assert "Retry-After" not in answer.headers
    assert ada.get("/rate_limit").json()["rate"]["remaining"] == 0
    with github.rest("grace") as grace:
        assert grace.get("/user").status_code == 200


def test_a_conditional_request_is_answered_304_and_is_free(github: LocalGitHub, ada: httpx.Client) -> None:
    first = ada.get("/repos/ada/infra")
    again = ada.get("/repos/ada/infra", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]


def test_an_etag_is_good_for_the_token_that_got_it(github: LocalGitHub, ada: httpx.Client) -> None:
    tag = ada.get("/repos/ada/infra").headers["ETag"]
    with github.rest("grace") as grace:
        assert grace.get("/repos/ada/infra", headers={"If-None-Match": tag}).status_code == 200


def test_without_rate_limits_there_are_no_headers_about_them_as_on_enterprise_server(
    github: LocalGitHub, ada: httpx.Client
) -> None:
    github.set_limits(Limits(requests_an_hour=None))
    assert not [name for name in ada.get("/user").headers if name.startswith("x-ratelimit")]
    answer = ada.get("/rate_limit")
    assert (answer.status_code, answer.json()["message"]) == (404, "Rate limiting is not enabled.")


def test_points_are_counted_by_the_minute_one_for_a_read_five_for_a_write(
    github: LocalGitHub, ada: httpx.Client, clock: Clock
) -> None:
    number = open_pull_request(ada)
    clock.pass_by(60)
    github.set_limits(Limits(points_a_minute=12, retry_after_s=30))
    path = f"/repos/ada/infra/pulls/{number}"
    assert [ada.patch(path, json={"title": title}).status_code for title in "ab"] == [200, 200]
    assert [ada.get("/user").status_code for _ in range(2)] == [200, 200]
    refused = ada.get("/user")
    assert (refused.status_code, refused.json()["message"]) == (403, SECONDARY)
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Limit"]) == ("30", "15000")
    clock.pass_by(29)
    assert ada.get("/user").headers["Retry-After"] == "1"
    clock.pass_by(31)
    assert ada.get("/user").status_code == 200


@pytest.mark.parametrize(
    ("limits", "pause_s"), [(Limits(creations_a_minute=2), 60), (Limits(creations_an_hour=2), 3600)]
)
def test_requests_that_create_content_have_a_limit_of_their_own(
    github: LocalGitHub, ada: httpx.Client, clock: Clock, limits: Limits, pause_s: float
) -> None:
    number = open_pull_request(ada)
    clock.pass_by(3600)
    github.set_limits(limits)

    def comment() -> int:
        return ada.post(f"/repos/ada/infra/issues/{number}/comments", json={"body": "x"}).status_code

    assert [comment(), comment(), comment()] == [201, 201, 403]
    clock.pass_by(pause_s)
    assert ada.get("/user").status_code == 200
    assert [comment(), comment(), comment()] == [201, 201, 403]


def test_too_many_at_once_are_refused(github: LocalGitHub, ada: httpx.Client) -> None:
    github.set_limits(Limits(at_once=3))
    github.delay("GET", "/user$", 0.3, times=None)
    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(lambda _: ada.get("/user").status_code, range(5)))
    assert statuses.count(403) >= 1
    assert statuses.count(200) <= 3
