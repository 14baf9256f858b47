"""GitHub's limits: the effect of a refusal and of the remaining requests on every call of an installation."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ghapp.events import Person, RepositoryRef
from ghapp.github import (
    CheckRunDraft,
    Deferred,
    GitHubApp,
    GitHubError,
    GitHubRepository,
    GitHubUnavailable,
    PemKey,
    Role,
    or_deferred,
)
from ghapp.local_github import DOCUMENTED, LocalGitHub
from ghapp.values import CommitSha, InstallationId, RepositoryId
from tests.ghapp.github.scripted_github import APP_ID, INFRA, ScriptedWire, github_time

pytestmark = pytest.mark.anyio

ROLE = "GET /repos/acme/infra/collaborators/anna/permission"
PULLS = "GET /repos/acme/infra/pulls"
CHECK_RUN = "PATCH /repos/acme/infra/check-runs/9"
CHECK_RUNS = "POST /repos/acme/infra/check-runs"
COMMENTS = "POST /repos/acme/infra/issues/12/comments"
anna = Person(login="anna", id=7)
WRITE = {"permission": "write", "role_name": "write", "user": {"id": 7}}
LIMITED = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
HEAD = CommitSha("1" * 40)
PROGRESS = CheckRunDraft(
    name="planward/plan", head_sha=HEAD, external_id="run-1", status="in_progress", title="Planning", summary="Planning"
)
DONE = CheckRunDraft(
    name="planward/plan",
    head_sha=HEAD,
    external_id="run-1",
    status="completed",
    conclusion="success",
    title="No changes",
    summary="No changes",
)


def rate_limit(wire: ScriptedWire, remaining: int, *, reset_in_s: float = 600) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(wire.now + reset_in_s)),
        "X-RateLimit-Resource": "core",
    }


async def test_after_a_refusal_no_call_of_the_installation_is_made(
    app: GitHubApp, infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(CHECK_RUNS, 403, LIMITED, headers={"Retry-After": "30"})
    with pytest.raises(GitHubUnavailable) as refused:
        await infra.create_check_run(PROGRESS)
    assert (refused.value.retry_after_s, refused.value.may_have_happened) == (30, False)
    wire.now += 10
    same = await app.repository(InstallationId(5), RepositoryRef(id=RepositoryId(43), full_name="acme/other"))
    for repository in (infra, same):
        with pytest.raises(
            GitHubUnavailable, match=r"limits the rate of requests for the next 20 s, so Planward could not ask for"
        ):
            await repository.role_of(anna)
    # The App's own calls and those of another installation are counted separately.
    wire.expect("GET /app", body={"id": APP_ID, "slug": "planward", "name": "Planward"})
    await app.me()
    made = {"token": "ghs_other", "expires_at": github_time(wire.now + 3600)}
    wire.expect("POST /app/installations/6/access_tokens", 201, made)
    wire.expect(ROLE, body=WRITE)
    assert await (await app.repository(InstallationId(6), INFRA)).role_of(anna) is Role.WRITE
    wire.now += 20
    wire.expect(ROLE, body=WRITE)
    assert await infra.role_of(anna) is Role.WRITE
    assert wire.deferred == [("gate", "limited")] * 3


async def test_the_last_request_of_the_hour_is_made_and_no_other(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(ROLE, body=WRITE, headers=rate_limit(wire, 1))
    wire.expect(CHECK_RUN, body={"id": 9}, headers=rate_limit(wire, 0))
    await infra.role_of(anna)
    await infra.update_check_run(9, DONE)
    with pytest.raises(GitHubUnavailable) as refused:
        await infra.role_of(anna)
    assert str(refused.value) == (
        "GitHub accepts no more requests from this installation for the next 600 s, so Planward could not ask for a "
        "person's role"
    )
    assert (refused.value.retry_after_s, refused.value.may_have_happened) == (600, False)
    wire.now += 600
    wire.expect(ROLE, body=WRITE, headers=rate_limit(wire, 4999, reset_in_s=3600))
    await infra.role_of(anna)


async def test_the_rest_of_the_hour_is_reserved_for_gates(
    app: GitHubApp, infra: GitHubRepository, wire: ScriptedWire
) -> None:
    wire.expect(ROLE, body=WRITE, headers=rate_limit(wire, 500))
    await infra.role_of(anna)
    looks = await app.repository(InstallationId(5), INFRA, priority="cosmetic")
    later = Deferred(in_s=600)
    assert await or_deferred(infra.update_check_run(9, PROGRESS)) == later
    assert await or_deferred(infra.create_comment(12, "Applied", marker="m")) == later
    assert await or_deferred(infra.update_comment(9, "Applied", marker="m")) == later
    assert await or_deferred(infra.react(9, "+1")) == later
    assert await or_deferred(looks.open_pull_requests()) == later
    assert await or_deferred(infra.find_comment(12, "m")) == later
    assert wire.deferred == [("cosmetic", "reserved")] * 6
    wire.expect(CHECK_RUN, body={"id": 9}, headers=rate_limit(wire, 499))
    wire.expect(PULLS, body=[], headers=rate_limit(wire, 498))
    await infra.update_check_run(9, DONE)
    await infra.open_pull_requests()
    assert app.budget_left() == pytest.approx(498 / 5000)


@pytest.mark.parametrize("status", [401, 502])
async def test_the_rate_limit_of_anonymous_requests_is_ignored(
    infra: GitHubRepository, wire: ScriptedWire, status: int
) -> None:
    nobody_s = {**rate_limit(wire, 0), "X-RateLimit-Limit": "60"}
    for _ in range(6 if status == 401 else 3):
        wire.expect(ROLE, status, {"message": "Bad credentials"}, headers=nobody_s)
    with pytest.raises(GitHubError):
        await infra.role_of(anna)
    wire.expect(ROLE, body=WRITE)
    await infra.role_of(anna)


async def test_cosmetic_calls_do_not_wait_for_github(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(CHECK_RUN, 429, {"message": "Slow down"}, headers={"Retry-After": "1"})
    assert await or_deferred(infra.update_check_run(9, PROGRESS)) == Deferred(in_s=1)


async def test_a_gate_waits_where_the_wait_is_short(infra: GitHubRepository, wire: ScriptedWire) -> None:
    wire.expect(CHECK_RUN, 429, {"message": "Slow down"}, headers={"Retry-After": "2"})
    await or_deferred(infra.update_check_run(9, PROGRESS))
    wire.expect(ROLE, body=WRITE)
    before = wire.now
    await infra.role_of(anna)
    assert wire.now == before + 2


async def test_a_request_that_fails_otherwise_is_not_deferred(infra: GitHubRepository, wire: ScriptedWire) -> None:
    for _ in range(3):
        wire.expect(CHECK_RUN, 502)
    with pytest.raises(GitHubUnavailable):
        await or_deferred(infra.update_check_run(9, PROGRESS))


# Against the local GitHub, with the limits that GitHub documents


@dataclass
class Clock:
    """The clock of both sides; a pause of either side moves it."""

    now: float = 1_800_000_000.0

    async def pause(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Limited:
    github: LocalGitHub
    infra: GitHubRepository
    head: CommitSha
    clock: Clock
    ada: Person

    def refusals(self) -> list[str]:
        return [each.path for each in self.github.requests if each.status in (403, 429)]


@pytest.fixture
async def limited(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Limited]:
    clock = Clock()
    async with LocalGitHub(tmp_path, clock=lambda: datetime.fromtimestamp(clock.now, UTC), limits=DOCUMENTED) as github:
        github.create_user("ada")
        repository = github.create_repository("ada/infra", files={"main.tf": ""}, default_branch="staging")
        permissions = {"checks": "write", "deployments": "write", "contents": "read", "pull_requests": "write"}
        app = github.create_app("Planward", owner="ada", permissions=permissions, events=[])
        installation = github.install(app, "ada")
        head = CommitSha(github.commit("ada/infra", "topic", {"main.tf": "# one\n"}, by="ada"))
        async with GitHubApp(
            github.api_url, app.id, PemKey(app.private_key_pem), now=lambda: clock.now, pause=clock.pause
        ) as opened:
            ref = RepositoryRef(id=RepositoryId(repository.id), full_name="ada/infra")
            infra = await opened.repository(InstallationId(installation.id), ref)
            ada = Person(login="ada", id=github.world.account("ada").id)
            yield Limited(github, infra, head, clock, ada)


async def test_many_check_runs_are_made_at_the_pace_that_github_takes(limited: Limited) -> None:
    begun = limited.clock.now
    for number in range(90):
        draft = CheckRunDraft(
            name="planward/plan",
            head_sha=limited.head,
            external_id=f"run-{number}",
            status="queued",
            title="Waiting",
            summary="Waiting",
        )
        await limited.infra.create_check_run(draft)
    assert limited.refusals() == []
    assert limited.clock.now - begun == 60


async def test_many_calls_at_once_are_never_too_many(limited: Limited) -> None:
    """GitHub accepts 100 requests at once. A process makes at most 20, so that five processes fit."""
    limited.github.set_limits(replace(DOCUMENTED, at_once=20))
    await limited.infra.repository()
    limited.github.delay("GET", r"/permission$", 0.05, times=None)
    await asyncio.gather(*(limited.infra.role_of(limited.ada) for _ in range(40)))
    assert limited.refusals() == []
