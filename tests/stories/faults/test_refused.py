"""Tokens that expire early, and refusals that are not final: 401, 403 and 404 at every kind of call, also from git."""

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ghapp.local_github import LocalGitHub
from tests.openbao import OpenBao
from tests.stories.faults.hasty import HastyLine
from tests.stories.line import Line, running_line
from tests.stories.waiting import eventually

_MESSAGES = {401: "Bad credentials", 403: "Resource not accessible by integration", 404: "Not Found"}
_LAST_WORD = "GET /app/installations/N"
"""The request with which Planward asks whether an installation exists. Its answer is final, so it is not refused."""
_KINDS = {
    "GET /repos/REPOSITORY/collaborators/NAME/permission",
    "POST /repos/REPOSITORY/check-runs",
    "PATCH /repos/REPOSITORY/check-runs/N",
    "POST /repos/REPOSITORY/deployments",
    "POST /repos/REPOSITORY/deployments/N/statuses",
    "POST /repos/REPOSITORY/issues/N/comments",
    "GET git info/refs",
    "POST git git-upload-pack",
}
"""Kinds of calls that the stories must have made, so that the test is not empty."""


class Refusing:
    """Refuses the first requests of each kind by the App; requests by people pass."""

    def __init__(self, github: LocalGitHub, inner: Any) -> None:
        self._github = github
        self._inner = inner
        self.begin(0, 0)

    def begin(self, status: int, times: int) -> None:
        """Refuse each kind `times` times from now on with this status; 0: revoke all tokens before the request."""
        self._status = status
        self._left: Counter[str] = Counter()
        self._times = times
        self.refused: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Request(scope))
        inner: ASGIApp = self._inner if refusal is None else refusal
        await inner(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        tokens = self._github.world.installation_tokens
        token = _token(request)
        is_app = token.startswith("eyJ")
        if not is_app and not token.startswith("ghs_"):
            return None
        kind = _kind(request)
        if kind == _LAST_WORD or self.refused[kind] >= self._times or (is_app and not self._status):
            return None
        self.refused[kind] += 1
        if self._status:
            return JSONResponse({"message": _MESSAGES[self._status]}, self._status)
        with self._github.world.lock:
            tokens.clear()
        return None


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return base64.b64decode(token).decode().partition(":")[2] if scheme == "Basic" else token


def _kind(request: Request) -> str:
    path = request.url.path
    if ".git/" in path:
        return f"{request.method} git {path.partition('.git/')[2]}"
    path = re.sub(r"/[0-9a-f]{40}\b", "/SHA", path.removeprefix("/api/v3"))
    path = re.sub(
        r"^/repos/[^/]+/[^/]+", "/repos/REPOSITORY", re.sub(r"/collaborators/[^/]+", "/collaborators/NAME", path)
    )
    return f"{request.method} {re.sub(r'/[0-9]+', '/N', path)}"


@pytest.fixture(scope="module")
def refusing() -> list[Refusing]:
    """The refusing servers, for the API and for git, once `refused_line` runs."""
    return []


@pytest.fixture(scope="module")
def refused_line(refusing: list[Refusing], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line whose GitHub refuses requests."""

    @contextmanager
    def between(github: LocalGitHub, bao: OpenBao) -> Iterator[Mapping[str, str]]:
        refusing.extend((Refusing(github, github._api), Refusing(github, github._git)))
        setattr(github, "_api", refusing[0])  # noqa: B010
        setattr(github, "_git", refusing[1])  # noqa: B010
        yield {}

    with running_line(tmp_path_factory.mktemp("refused"), between, line_type=HastyLine) as line:
        yield line


@pytest.mark.by_default("tokens revoked", "404 for long")
@pytest.mark.parametrize(
    ("status", "times"),
    [(0, 1), (401, 1), (403, 1), (404, 1), (403, 9), (404, 9)],
    ids=["tokens revoked", "401 once", "403 once", "404 once", "403 for long", "404 for long"],
)
def test_a_refusal_of_each_kind_of_call_does_not_change_what_github_shows_in_the_end(
    refused_line: Line, refusing: list[Refusing], status: int, times: int
) -> None:
    story = refused_line.story()
    refused_line.until_idle()
    before = refused_line.logs.mark()
    for each in refusing:
        each.begin(status, times)
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    eventually(lambda: story.comments(number), "the pull request has its comment")
    story.quiet()
    refused = refusing[0].refused + refusing[1].refused
    assert refused.keys() >= _KINDS, "each kind of call was refused"
    assert [len(story.check_runs(sha, name)) for sha, name in _shown(story.head(number), merged)] == [1, 1]
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.comments(number)) == 1
    assert story.state("network", "staging").keys() == {"terraform_data.net"}
    assert (times > 1) == (refused_line.events("job_deferred", before) != [])
    for event in ("job_refused", "job_failed", "job_without_installation", "run_not_shown"):
        assert refused_line.events(event) == []


def _shown(head: str, merged: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (head, "planward/plan"), (merged, "planward/apply (staging)")
