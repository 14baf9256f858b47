"""An hour of a busy organisation in simulated time: its plans and merges, and a GitHub with the documented limits.

The requests are made by the App's own client with the App's own budget. A deferred request is retried when it is due.
"""

import asyncio
import itertools
import json
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ghapp.events import RepositoryRef
from ghapp.github import (
    CheckRunDraft,
    Deferred,
    DeploymentState,
    GitHubApp,
    GitHubRepository,
    GitHubUnavailable,
    PemKey,
    Priority,
    or_deferred,
)
from ghapp.values import CommitSha, InstallationId, RepositoryId, RunId
from tests.ghapp.github.scripted_github import API, APP_ID, github_time
from tests.ghapp.github.simulated_time import run_simulated

T = TypeVar("T")

_BEGIN = 1_800_000_000.0
_HOUR_S = 3600.0
_LIMIT = 12_500
"""The limit of requests an hour for a large installation.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"""
_CREATIONS_A_MINUTE, _POINTS_A_MINUTE, _NOTIFICATIONS_AN_HOUR = 80, 900, 500
_REPOSITORIES = 20
_BURSTS, _OF_A_BURST = 10, 40
"""The number of times that a base moves, and the number of open pull requests that are then planned again at once."""
_FAILED = 6
"""One in this many applies fails."""


@dataclass(kw_only=True)
class Hour:
    """The result. `succeeded` and `failed` are the seconds from each apply's end to its comment."""

    succeeded: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    plans: list[float] = field(default_factory=list)
    """The seconds that each plan waited for GitHub's limits and answers."""
    requests: int = 0
    refused: int = 0


def play(*, plans: int = 1200, merges: int = 60, seed: int = 1) -> Hour:
    """Play an hour, and go on until the last of its work is done."""
    return run_simulated(lambda: _Organisation(plans, merges, random.Random(seed)).hour())


class _Organisation:
    def __init__(self, plans: int, merges: int, chance: random.Random) -> None:
        self._plans = plans
        self._merges = merges
        self._chance = chance
        self._hour = Hour()
        self._wire = _LimitedGitHub(self._hour, chance)

    async def hour(self) -> Hour:
        key = generate_private_key(65537, 2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        transport = httpx.MockTransport(self._wire.answer)
        async with GitHubApp(API, APP_ID, PemKey(pem), transport=transport, now=_now) as app:
            bursts = self._chance.sample(range(int(_HOUR_S)), _BURSTS)
            at = [float(moment) for moment in bursts for _ in range(_OF_A_BURST)][: self._plans]
            at += [self._chance.uniform(0, _HOUR_S) for _ in range(self._plans - len(at))]
            tasks = [self._later(moment, self._plan, app, number) for number, moment in enumerate(at)]
            for number in range(self._merges):
                tasks.append(self._later(self._chance.uniform(0, _HOUR_S), self._merge, app, number))
            await asyncio.gather(*tasks)
        return self._hour

    async def _later(
        self, at: float, act: Callable[[GitHubRepository, int], Awaitable[None]], app: GitHubApp, number: int
    ) -> None:
        await asyncio.sleep(at)
        id = number % _REPOSITORIES
        repository = RepositoryRef(id=RepositoryId(id + 1), full_name=f"acme/infra{id}")
        await act(await app.repository(InstallationId(5), repository), number)

    async def _plan(self, github: GitHubRepository, number: int) -> None:
        waited = await self._check_run(github, f"plan {number}", self._chance.uniform(5, 60))
        self._hour.plans.append(waited)

    async def _check_run(self, github: GitHubRepository, about: str, works_s: float) -> float:
        """Play one check run from its creation to its completion. Returns the seconds that it waited for GitHub."""
        draft = CheckRunDraft(
            name="planward/plan",
            head_sha=CommitSha("a" * 40),
            external_id=about,
            status="in_progress",
            title="Planning",
            summary="",
        )
        began = _now()
        await _patiently(lambda: github.find_check_runs(draft.head_sha, draft.name))
        created = await _patiently(lambda: github.create_check_run(draft))
        waited = _now() - began
        for _ in range(2):
            await asyncio.sleep(works_s / 2)
            await or_deferred(github.update_check_run(created.resource.id, draft))
        done = CheckRunDraft(
            name=draft.name,
            head_sha=draft.head_sha,
            external_id=about,
            status="completed",
            conclusion="success",
            title="No changes",
            summary="",
        )
        began = _now()
        await _patiently(lambda: github.update_check_run(created.resource.id, done))
        return waited + _now() - began

    async def _merge(self, github: GitHubRepository, number: int) -> None:
        failed = number % _FAILED == 0
        deployment = await _patiently(
            lambda: github.create_deployment(
                sha=CommitSha("b" * 40), environment="staging", description="", run=RunId(str(number)), production=False
            )
        )
        states: tuple[DeploymentState, ...] = ("in_progress", "failure" if failed else "success")
        await _patiently(lambda: github.set_deployment_status(deployment, states[0]))
        await self._check_run(github, f"apply {number}", self._chance.uniform(10, 120))
        ended_at = _now()
        await _patiently(lambda: github.set_deployment_status(deployment, states[1]))
        priority: Priority = "gate" if failed else "cosmetic"
        while True:
            comment = github.create_comment(number + 1, "Applied", marker=f"m {number}", priority=priority)
            match await or_deferred(comment):
                case Deferred(in_s=in_s):
                    await asyncio.sleep(in_s)
                case _:
                    break
        (self._hour.failed if failed else self._hour.succeeded).append(_now() - ended_at)


async def _patiently(act: Callable[[], Awaitable[T]]) -> T:
    """Repeat the call until it succeeds. Like a deferred job, wait as long as GitHub asks before each repetition."""
    while True:
        try:
            return await act()
        except GitHubUnavailable as error:
            if error.retry_after_s is None:
                raise
            await asyncio.sleep(max(error.retry_after_s, 1.0))


class _LimitedGitHub:
    """Answers within a second, counts requests as GitHub documents it, and refuses those beyond the limits."""

    def __init__(self, hour: Hour, chance: random.Random) -> None:
        self._hour = hour
        self._chance = chance
        self._ids = itertools.count(1)
        self._points = _Used(_POINTS_A_MINUTE, 60.0)
        self._creations = _Used(_CREATIONS_A_MINUTE, 60.0)
        self._notifications = _Used(_NOTIFICATIONS_AN_HOUR, _HOUR_S)
        self._requests = _Used(_LIMIT, _HOUR_S)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/access_tokens"):
            token = f"ghs_{next(self._ids)}"
            return httpx.Response(201, json={"token": token, "expires_at": github_time(_now() + 3600)})
        if path.endswith("/installation/token"):
            return httpx.Response(204)
        creates = request.method == "POST"
        counts = [
            (self._requests, 1),
            (self._points, 1 if request.method == "GET" else 5),
            (self._creations, int(creates)),
            (self._notifications, int(creates and path.endswith("/comments"))),
        ]
        self._hour.requests += 1
        if not all(used.fits(more) for used, more in counts):
            self._hour.refused += 1
            refusal = {"message": "You have exceeded a secondary rate limit"}
            return httpx.Response(403, json=refusal, headers=self._left())
        for used, more in counts:
            used.add(more)
        await asyncio.sleep(self._chance.uniform(0.1, 0.6))
        return httpx.Response(201 if creates else 200, json=self._body(request), headers=self._left())

    def _left(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(_LIMIT),
            "X-RateLimit-Remaining": str(_LIMIT - self._requests.amount),
            "X-RateLimit-Reset": str(int(_BEGIN + _HOUR_S)),
        }

    def _body(self, request: httpx.Request) -> dict[str, Any]:
        number = re.search(r"/(\d+)$", request.url.path)
        content = json.loads(request.content or b"{}")
        return {"id": int(number[1]) if number else next(self._ids), "state": content.get("state"), "check_runs": []}


class _Used:
    """The use of one limit during its last period."""

    def __init__(self, most: int, period_s: float) -> None:
        self._most = most
        self._period_s = period_s
        self._moments: deque[tuple[float, int]] = deque()
        self.amount = 0

    def fits(self, more: int) -> bool:
        """Whether there is room for this much more."""
        while self._moments and self._moments[0][0] <= _now() - self._period_s:
            self.amount -= self._moments.popleft()[1]
        return more == 0 or self.amount + more <= self._most

    def add(self, more: int) -> None:
        """Use this much, now."""
        self._moments.append((_now(), more))
        self.amount += more


def _now() -> float:
    return _BEGIN + asyncio.get_running_loop().time()
