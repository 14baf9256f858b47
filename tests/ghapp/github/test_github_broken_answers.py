"""Answers that break in transit, on a real socket: no such call counts as done, and no object is created twice."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ghapp.events import Person
from ghapp.github import CheckRunDraft, GitHubApp, GitHubRepository, GitHubUnavailable, Patience, PemKey, Role
from ghapp.values import CommitSha, InstallationId, RunId
from tests.ghapp.github.scripted_github import APP_ID, INFRA

pytestmark = pytest.mark.anyio

anna = Person(login="anna", id=7)
WRITE = {"permission": "write", "role_name": "write", "user": {"id": 7}}
HEAD = CommitSha("1" * 40)
DRAFT = CheckRunDraft(
    name="planward/plan", head_sha=HEAD, external_id="run-1", status="queued", title="Waiting", summary="Waiting"
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
HASTY = Patience(
    attempts=3, total_s=15, wait_initial_s=0.0, wait_max_s=0.1, timeout_s=1.5, answer_s=2.0, connect_timeout_s=3
)

Break = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(text: str) -> Break:
    """Write something, and close the connection."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return write


async def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silence(writer: asyncio.StreamWriter) -> None:
    """Send nothing for longer than any client waits."""
    await asyncio.sleep(1.7)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte every now and then: no single wait is too long, but the answer never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(22):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


BREAKS: dict[str, Break] = {
    **{f"{status}": says(f"HTTP/1.1 {status} Broken\nContent-Length: 0\n\n") for status in (500, 502, 503, 504)},
    "502 with a page": says("HTTP/1.1 502 Bad Gateway\nContent-Length: 20\n\n<html>Unicorn</html>"),
    "closed": says(""),
    "reset": reset,
    "silence": silence,
    "drip": drip,
    "cut in the head": says("HTTP/1.1 200 OK\nContent-Le"),
    "cut in the body": says('HTTP/1.1 200 OK\nContent-Length: 100\n\n{"id": 9, "per'),
    "cut in a chunk": says('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n40\n{"id": 9, "per'),
    "cut JSON, as if whole": says('HTTP/1.1 200 OK\nContent-Length: 14\n\n{"id": 9, "per'),
    "no end was told": says('HTTP/1.1 200 OK\nConnection: close\n\n{"id": 9, "per'),
    "garbage for gzip": says("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 9\n\nnot gzip!"),
    "a proxy's page": says("HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 20\n\n<html>Welcome</html>"),
    "nothing in it": says("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    "no HTTP": says("SSH-2.0-OpenSSH_9.6\n"),
    "not modified, unasked": says("HTTP/1.1 304 Not Modified\n\n"),
}
some_breaks = pytest.mark.parametrize(
    "broken", [BREAKS["502"], BREAKS["reset"], BREAKS["cut in the body"]], ids=["502", "reset", "cut in the body"]
)
every_break = pytest.mark.parametrize("broken", BREAKS.values(), ids=list(BREAKS))


@dataclass
class Server:
    """Answers by method and path. The first time that a request in `breaks` comes, its answer breaks."""

    answers: dict[str, Any]
    breaks: dict[str, Break] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(size[1]) if size else 0)
            method, path = re.match(r"(\S+) /api/v3([^? ]*)", head).groups()  # type: ignore[union-attr]
            asked = f"{method} {path}"
            self.seen.append(asked)
            if asked in self.breaks:
                await self.breaks.pop(asked)(writer)
                return
            body = json.dumps(self.answers[asked]).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has given up
        finally:
            writer.close()


TOKEN = "POST /app/installations/5/access_tokens"
ROLE = "GET /repos/acme/infra/collaborators/anna/permission"
CHECK_RUNS = "POST /repos/acme/infra/check-runs"
CHECK_RUN = "PATCH /repos/acme/infra/check-runs/9"
LIST_CHECK_RUNS = f"GET /repos/acme/infra/commits/{HEAD}/check-runs"
DEPLOYMENTS = "POST /repos/acme/infra/deployments"
LIST_DEPLOYMENTS = "GET /repos/acme/infra/deployments"
STATUSES = "POST /repos/acme/infra/deployments/9/statuses"
LIST_STATUSES = "GET /repos/acme/infra/deployments/9/statuses"
COMMENTS = "POST /repos/acme/infra/issues/12/comments"
LIST_COMMENTS = "GET /repos/acme/infra/issues/12/comments"
COMMENT = "PATCH /repos/acme/infra/issues/comments/9"
REACTIONS = "POST /repos/acme/infra/issues/comments/9/reactions"
FOUND = {"id": 9, "name": "planward/plan", "head_sha": HEAD, "status": "queued", "conclusion": None}
ANSWERS = {
    TOKEN: {"token": "ghs_1", "expires_at": "2099-01-01T00:00:00Z"},
    ROLE: WRITE,
    CHECK_RUNS: {"id": 8},
    CHECK_RUN: {"id": 9},
    LIST_CHECK_RUNS: {"check_runs": [{**FOUND, "external_id": "run-1"}]},
    DEPLOYMENTS: {"id": 8},
    LIST_DEPLOYMENTS: [{"id": 9, "sha": HEAD, "environment": "staging", "payload": {"run": "run-1"}}],
    STATUSES: {"id": 8},
    LIST_STATUSES: [{"id": 9, "state": "success", "description": "applied"}],
    COMMENTS: {"id": 8},
    "DELETE /installation/token": None,
    LIST_COMMENTS: [{"id": 9, "body": "<!-- planward: m -->\n\nApplied", "user": {"type": "Bot"}}],
    COMMENT: {"id": 9},
    REACTIONS: {"id": 8},
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def line(pem: str, anyio_backend: str) -> AsyncIterator[tuple[Server, GitHubRepository]]:
    """A server, and a client of it for one repository, which has already fetched its token."""
    server = Server(ANSWERS)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/api/v3"
        async with GitHubApp(server.url, APP_ID, PemKey(pem), patience=HASTY, settle_s=0.0) as app:
            infra = await app.repository(InstallationId(5), INFRA)
            await infra.role_of(anna)
            yield server, infra


@pytest.fixture
def server(line: tuple[Server, GitHubRepository]) -> Server:
    line[0].seen.clear()
    return line[0]


@pytest.fixture
def infra(line: tuple[Server, GitHubRepository]) -> GitHubRepository:
    return line[1]


@every_break
async def test_a_question_is_asked_again(infra: GitHubRepository, server: Server, broken: Break) -> None:
    server.breaks[ROLE] = broken
    assert await infra.role_of(anna) is Role.WRITE
    assert server.seen == [ROLE, ROLE]


@every_break
async def test_a_check_run_that_was_made_is_found(infra: GitHubRepository, server: Server, broken: Break) -> None:
    server.breaks[CHECK_RUNS] = broken
    assert (await infra.create_check_run(DRAFT)).resource.id == 9
    assert server.seen == [CHECK_RUNS, LIST_CHECK_RUNS]


@every_break
async def test_a_conclusion_is_sent_until_github_accepts_it(
    infra: GitHubRepository, server: Server, broken: Break
) -> None:
    server.breaks[CHECK_RUN] = broken
    await infra.update_check_run(9, DONE)
    assert server.seen == [CHECK_RUN, CHECK_RUN]


@some_breaks
async def test_a_deployment_that_was_made_is_found(infra: GitHubRepository, server: Server, broken: Break) -> None:
    server.breaks[DEPLOYMENTS] = broken
    made = await infra.create_deployment(
        sha=HEAD, environment="staging", description="d", run=RunId("run-1"), production=False
    )
    assert (made, server.seen) == (9, [DEPLOYMENTS, LIST_DEPLOYMENTS])


@some_breaks
async def test_a_deployment_s_status_that_was_set_is_found(
    infra: GitHubRepository, server: Server, broken: Break
) -> None:
    server.breaks[STATUSES] = broken
    await infra.set_deployment_status(9, "success", description="applied")
    assert server.seen == [STATUSES, LIST_STATUSES]


@some_breaks
async def test_a_comment_that_was_made_is_found(infra: GitHubRepository, server: Server, broken: Break) -> None:
    server.breaks[COMMENTS] = broken
    assert await infra.create_comment(12, "Applied", marker="m") == 9
    assert server.seen == [COMMENTS, LIST_COMMENTS]


@some_breaks
async def test_a_comments_text_and_a_reaction_are_sent_again(
    infra: GitHubRepository, server: Server, broken: Break
) -> None:
    """A repeated reaction is harmless: GitHub keeps only one of each kind."""
    server.breaks |= {COMMENT: broken, REACTIONS: broken}
    await infra.update_comment(9, "Applied", marker="m")
    await infra.react(9, "+1")
    assert server.seen == [COMMENT, COMMENT, REACTIONS, REACTIONS]


async def test_an_object_that_cannot_be_found_either_is_reported(infra: GitHubRepository, server: Server) -> None:
    server.breaks |= {COMMENTS: BREAKS["cut in the body"]}
    server.answers = {**ANSWERS, LIST_COMMENTS: [], COMMENTS: []}
    with pytest.raises(GitHubUnavailable, match="could not be read when Planward tried to create a comment"):
        await infra.create_comment(12, "Applied", marker="m")
    assert server.seen == [COMMENTS, LIST_COMMENTS, COMMENTS]


@some_breaks
async def test_a_token_is_asked_for_again(server: Server, pem: str, broken: Break) -> None:
    server.breaks[TOKEN] = broken
    async with GitHubApp(server.url, APP_ID, PemKey(pem), patience=HASTY) as app:
        await (await app.repository(InstallationId(5), INFRA)).role_of(anna)
    assert server.seen[:3] == [TOKEN, TOKEN, ROLE]
