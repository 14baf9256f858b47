"""Conditional requests: a cached answer counts only after GitHub has confirmed it, whatever its age."""

import pytest

from ghapp.events import Person
from ghapp.github import GitHubApp, GitHubRepository, GitHubUnavailable, Role
from ghapp.github.response_cache import CachedResponse, ResponseCache
from ghapp.values import InstallationId
from tests.ghapp.github.scripted_github import API, INFRA, ScriptedWire

pytestmark = pytest.mark.anyio

ROLE = "GET /repos/acme/infra/collaborators/anna/permission"
PULLS = "GET /repos/acme/infra/pulls"
anna = Person(login="anna", id=7)
WRITE = {"permission": "write", "role_name": "write", "user": {"id": 7}}
READ = {"permission": "read", "role_name": "read", "user": {"id": 7}}


def pull(number: int) -> dict[str, object]:
    side = {"sha": "1" * 40, "ref": "topic"}
    return {"number": number, "title": "t", "html_url": "u", "state": "open", "head": side, "base": side}


def tags(wire: ScriptedWire) -> list[str | None]:
    return [request.headers.get("If-None-Match") for request in wire.requests]


async def test_an_unchanged_answer_is_not_sent_again(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(ROLE, body=WRITE, headers={"ETag": 'W/"1"'})
    wire.expect(ROLE, 304)
    wire.expect(ROLE, body=READ, headers={"ETag": 'W/"2"'})
    wire.expect(ROLE, 304)
    assert [await infra.role_of(anna) for _ in range(4)] == [Role.WRITE, Role.WRITE, Role.READ, Role.READ]
    assert tags(wire) == [None, 'W/"1"', 'W/"1"', 'W/"2"']


async def test_an_unchanged_page_still_leads_to_the_next_page(infra: GitHubRepository, wire: ScriptedWire) -> None:
    following = f'<{API}/repos/acme/infra/pulls?page=2>; rel="next"'
    wire.expect(PULLS, body=[pull(1)], headers={"ETag": '"1"', "Link": following})
    wire.expect(PULLS, body=[pull(2)], headers={"ETag": '"2"'})
    first = await infra.open_pull_requests()
    wire.expect(PULLS, 304)
    wire.expect(PULLS, body=[pull(3)], headers={"ETag": '"3"'})
    second = await infra.open_pull_requests()
    assert [[each.number for each in seen] for seen in (first, second)] == [[1, 2], [1, 3]]
    assert tags(wire) == [None, None, '"1"', '"2"']


async def test_an_answer_for_one_token_is_not_used_for_another(app: GitHubApp, wire: ScriptedWire) -> None:
    wire.expect(ROLE, body=WRITE, headers={"ETag": '"1"'})
    await (await app.repository(InstallationId(5), INFRA)).role_of(anna)
    wire.now += 3590  # the token is about to expire and is replaced
    wire.expect(ROLE, body=READ, headers={"ETag": '"2"'})
    assert await (await app.repository(InstallationId(5), INFRA)).role_of(anna) is Role.READ
    assert tags(wire) == [None, None]


async def test_an_answer_belongs_to_the_token_that_replaced_a_refused_one(
    infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(ROLE, 401, {"message": "Bad credentials"})
    wire.expect(ROLE, body=WRITE, headers={"ETag": '"1"'})
    wire.expect(ROLE, 304)
    assert [await infra.role_of(anna) for _ in range(2)] == [Role.WRITE, Role.WRITE]
    assert tags(wire) == [None, None, '"1"']


async def test_an_answer_without_a_tag_is_not_kept(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(2):
        wire.expect(ROLE, body=READ)
        assert await infra.role_of(anna) == Role.READ
    assert tags(wire) == [None, None]


async def test_an_answer_of_404_is_not_cached(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(2):
        wire.expect_missing(ROLE)
        assert await infra.role_of(anna) == Role.NONE
    assert tags(wire) == [None] * 6


async def test_a_refusal_is_not_hidden_by_a_cached_answer(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(ROLE, body=WRITE, headers={"ETag": '"1"'})
    await infra.role_of(anna)
    wire.refuse(ROLE, 403, "Resource not accessible by integration")
    with pytest.raises(GitHubUnavailable):
        await infra.role_of(anna)


# The cache


def kept(size: int) -> CachedResponse:
    return CachedResponse(tag='"1"', content=b"x" * size, following=None)


def test_the_least_recently_used_answer_is_dropped_first() -> None:
    answers = ResponseCache(most_bytes=10_000)
    for url in ("/1", "/2"):
        answers.keep("token", url, int, kept(4000))
    assert answers.find("token", "/1", int) is not None
    answers.keep("token", "/3", int, kept(4000))
    assert [answers.find("token", url, int) is not None for url in ("/1", "/2", "/3")] == [True, False, True]


def test_an_answer_larger_than_the_cache_is_not_kept() -> None:
    answers = ResponseCache(most_bytes=1000)
    answers.keep("token", "/1", int, kept(1001))
    assert answers.find("token", "/1", int) is None
    for _ in range(10):
        answers.keep("token", "/1", int, kept(400))
    assert answers.find("token", "/1", int) is not None


def test_one_address_read_in_two_ways_is_two_answers() -> None:
    answers = ResponseCache()
    answers.keep("token", "/1", list[int], kept(1))
    assert answers.find("token", "/1", list[str]) is None
    assert answers.find("other", "/1", list[int]) is None
