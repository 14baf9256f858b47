"""The texts of chat messages, and their delivery to a chat that accepts them, refuses them or does not answer."""

import asyncio
import json
import logging
import re
import socket
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.authority.chat import Address, ChatHosts
from checks.plan import Counts
from ghapp.notify import (
    Applied,
    Delivered,
    EnvironmentResult,
    Failed,
    Message,
    NotSent,
    PromotionDecided,
    PullRequestLink,
    Refused,
    Sent,
    Waiting,
    deliver,
)
from ghapp.values import CommitSha, EnvironmentName

URL = "https://hooks.slack.com/services/T00/B00/s3cr3t"
RUN = "https://planward.example.com/runs/r1"
SHA = CommitSha("1a2b3c4d5e" + "0" * 30)
STAGING = EnvironmentName("staging")
PULL_REQUEST = PullRequestLink(number=12, title="More disks", url="https://github.com/acme/infra/pull/12")

APPLIED = Applied(
    repository="acme/infra",
    environment=STAGING,
    run_url=RUN,
    commit_sha=SHA,
    counts=Counts(add=3, change=1),
    pull_requests=(PULL_REQUEST,),
)


LOOPBACK = ChatHosts.read(["http://127.0.0.1", "json://127.0.0.1"])


async def somewhere_public(host: str, port: int) -> tuple[Address, ...]:
    return (ip_address("93.184.215.14"),)


class Chat:
    """A chat as a transport of httpx: it keeps the requests and gives the answers that the test sets."""

    def __init__(self, status: int = 200, content: bytes = b"ok", headers: dict[str, str] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = httpx.Response(status, content=content, headers=headers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer

    def send(self, message: Message, url: str = URL) -> Delivered:
        return asyncio.run(
            deliver(message, url, ChatHosts(), transport=httpx.MockTransport(self), resolve=somewhere_public)
        )

    def text(self, message: Message) -> str:
        """The only section that was posted, in Slack's markup."""
        assert self.send(message) == Sent()
        payload = json.loads(self.requests[-1].content)
        (block,) = payload["blocks"]
        assert payload["text"] == block["text"]["text"]
        return str(block["text"]["text"])


# The words


def test_an_apply_that_succeeded() -> None:
    assert Chat().text(APPLIED) == (
        "*Applied to staging: 3 added, 1 changed*\n"
        "<https://github.com/acme/infra/pull/12|#12 More disks>\n"
        "acme/infra at 1a2b3c4d5e · <https://planward.example.com/runs/r1|run>"
    )


def test_an_apply_that_failed() -> None:
    failed = Failed(
        repository="acme/infra",
        environment=STAGING,
        run_url=RUN,
        commit_sha=SHA,
        cause="network: creating aws_vpc.main failed: VpcLimitExceeded",
    )
    assert Chat().text(failed) == (
        "*Apply to staging failed*\n"
        "network: creating aws_vpc.main failed: VpcLimitExceeded\n"
        "acme/infra at 1a2b3c4d5e · <https://planward.example.com/runs/r1|run>"
    )


def test_a_message_about_a_run_that_waits_for_a_person() -> None:
    waiting = Waiting(
        repository="acme/infra",
        environment=EnvironmentName("production"),
        run_url=RUN,
        commit_sha=SHA,
        operation="apply",
        cause="no merged pull request explains this push by anna",
        counts=Counts(destroy=1),
    )
    assert Chat().text(waiting) == (
        "*The apply in production waits for a person (1 to destroy)*\n"
        "no merged pull request explains this push by anna\n"
        "acme/infra at 1a2b3c4d5e · <https://planward.example.com/runs/r1|run>"
    )


def promotion(*, may_merge: bool, **change: Any) -> PromotionDecided:
    return PromotionDecided(
        repository="acme/infra",
        environment=EnvironmentName("production"),
        run_url=RUN,
        commit_sha=SHA,
        pull_request=PULL_REQUEST,
        may_merge=may_merge,
        before=EnvironmentResult(
            environment=STAGING, outcome="applied", commit_sha=SHA, counts=Counts(add=3), run_url=RUN
        ),
        **change,
    )


def test_a_promotion_comes_with_the_result_of_the_environment_before() -> None:
    assert Chat().text(promotion(may_merge=True, counts=Counts(add=3))) == (
        "*The promotion to production may be merged*\n"
        "<https://github.com/acme/infra/pull/12|#12 More disks>\n"
        "staging: applied at 1a2b3c4d5e, 3 added · <https://planward.example.com/runs/r1|run>\n"
        "production would get: 3 to add\n"
        "acme/infra at 1a2b3c4d5e · <https://planward.example.com/runs/r1|run>"
    )


def test_a_promotion_that_is_refused_says_why() -> None:
    refused = promotion(may_merge=False, cause="staging has not applied this tree: wait for its apply")
    refused = msgspec.structs.replace(
        refused, before=EnvironmentResult(environment=STAGING, outcome="never brought up to date")
    )
    assert Chat().text(refused) == (
        "*The promotion to production may not be merged yet*\n"
        "<https://github.com/acme/infra/pull/12|#12 More disks>\n"
        "staging: never brought up to date\n"
        "staging has not applied this tree: wait for its apply\n"
        "acme/infra at 1a2b3c4d5e · <https://planward.example.com/runs/r1|run>"
    )


@pytest.mark.parametrize("message", [APPLIED, promotion(may_merge=True)])
def test_a_message_can_be_kept_until_it_is_delivered(message: Message) -> None:
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message


# Slack's markup


def with_title(title: str, url: str = PULL_REQUEST.url) -> Applied:
    link = PullRequestLink(number=12, title=title, url=url)
    return msgspec.structs.replace(APPLIED, pull_requests=(link,))


def test_peoples_text_cannot_become_markup() -> None:
    title = "<!channel> & <https://evil.example.com|click>\n*now*"
    assert Chat().text(with_title(title)).split("\n")[1] == (
        "<https://github.com/acme/infra/pull/12|"
        "#12 &lt;!channel&gt; &amp; &lt;https://evil.example.com¦click&gt; *now*>"
    )


def test_an_address_cannot_end_its_link() -> None:
    url = "https://github.com/a?b=1&c=2|x>y z"
    assert Chat().text(with_title("t", url)).split("\n")[1] == "<https://github.com/a?b=1&amp;c=2%7Cx%3Ey%20z|#12 t>"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "mailto:a@example.com", "", "https://x/" + "y" * 1000])
def test_a_text_that_is_not_an_address_is_not_a_link(url: str) -> None:
    assert Chat().text(with_title("t", url)).split("\n")[1] == "#12 t"


def test_a_headline_s_asterisk_does_not_end_the_bold_text() -> None:
    message = msgspec.structs.replace(APPLIED, environment=EnvironmentName("a*b"))
    assert Chat().text(message).startswith("*Applied to a∗b: ")


@pytest.mark.parametrize("character", ["x", "&", "<", "é"])
def test_a_long_message_stays_within_slack_s_limits(character: str) -> None:
    failed = Failed(
        repository="acme/infra",
        environment=STAGING,
        run_url=RUN,
        commit_sha=SHA,
        cause=character * 50_000,
        pull_requests=(msgspec.structs.replace(PULL_REQUEST, title=character * 5_000),) * 400,
    )
    chat = Chat()
    assert chat.send(failed) == Sent()
    payload = json.loads(chat.requests[0].content)
    sections = [block["text"]["text"] for block in payload["blocks"]]
    assert 1 < len(sections) <= 50
    assert all(0 < len(section) <= 3000 for section in sections)
    assert len(payload["text"]) <= 4000
    assert not any(section.endswith(("&am", "&amp", "&l", "&lt")) for section in sections)
    assert "…" in sections[0]


@given(title=st.text(), cause=st.text(max_size=5000), url=st.text())
def test_no_text_can_break_slack_s_markup(title: str, cause: str, url: str) -> None:
    failed = Failed(
        repository="acme/infra",
        environment=STAGING,
        run_url=RUN,
        commit_sha=SHA,
        cause=cause,
        pull_requests=(PullRequestLink(number=12, title=title, url="https://h/" + url),),
    )
    chat = Chat()
    assert chat.send(failed) == Sent()
    for block in json.loads(chat.requests[0].content)["blocks"]:
        text = block["text"]["text"]
        assert 0 < len(text) <= 3000
        links = re.findall(r"<[^<>|]*\|[^<>|]*>", text)
        assert text.count("<") == text.count(">") == len(links)


def test_links_are_not_unfolded() -> None:
    chat = Chat()
    chat.send(APPLIED)
    payload = json.loads(chat.requests[0].content)
    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)
    assert chat.requests[0].headers["Content-Type"] == "application/json"


# The delivery


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_chat_that_accepts_a_message(status: int) -> None:
    assert Chat(status, b"").send(APPLIED) == Sent()


@pytest.mark.parametrize(
    ("status", "content", "headers", "result"),
    [
        (404, b"no_service", {}, NotSent(reason="the chat answered 404: no_service", retryable=False)),
        (400, b"invalid_blocks\n", {}, NotSent(reason="the chat answered 400: invalid_blocks", retryable=False)),
        (403, URL.encode(), {}, NotSent(reason="the chat answered 403", retryable=False)),
        (302, b"", {"Location": "https://x"}, NotSent(reason="the chat answered 302", retryable=False)),
        (503, b"<html>", {}, NotSent(reason="the chat answered 503", retryable=True)),
        (
            429,
            b"rate_limited",
            {"Retry-After": "30"},
            NotSent(reason="the chat answered 429: rate_limited", retryable=True, retry_after_s=30),
        ),
        (
            429,
            b"",
            {"Retry-After": "Mon, 23 Nov 2026 23:00:00 GMT"},
            NotSent(reason="the chat answered 429", retryable=True),
        ),
    ],
)
def test_a_chat_that_refuses_a_message(status: int, content: bytes, headers: dict[str, str], result: Delivered) -> None:
    assert Chat(status, content, headers).send(APPLIED) == result


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout, httpx.ProxyError])
def test_a_chat_that_cannot_be_reached_may_be_reachable_later(failure: Callable[[str], httpx.HTTPError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise failure(f"could not reach {request.url}")

    result = asyncio.run(
        deliver(APPLIED, URL, ChatHosts(), transport=httpx.MockTransport(fail), resolve=somewhere_public)
    )
    assert isinstance(result, NotSent)
    assert result.retryable
    assert "s3cr3t" not in result.reason


def test_a_chat_that_never_answers_is_given_up() -> None:
    async def wait(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    result = asyncio.run(
        deliver(
            APPLIED, URL, ChatHosts(), transport=httpx.MockTransport(wait), resolve=somewhere_public, timeout_s=0.01
        )
    )
    assert result == NotSent(reason="the chat did not answer within 0.01 s", retryable=True)


@pytest.mark.parametrize("url", ["https://[", "https://", "http://:x/", "https://a\x00b/", "https://exa mple/\n"])
def test_an_address_that_cannot_be_read_is_a_result_too(url: str) -> None:
    result = asyncio.run(deliver(APPLIED, url, ChatHosts.read(["http://*", "https://*"])))
    assert isinstance(result, NotSent | Refused)


# A real socket, and what is logged


async def answer_once(status_line: bytes, deliver_to: Callable[[str], Coroutine[Any, Any, Delivered]]) -> Delivered:
    """The result of a delivery to a server on loopback that gives every request the same answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 " + status_line + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await deliver_to(f"127.0.0.1:{port}")


apprise_s_own_warning = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@apprise_s_own_warning
@pytest.mark.parametrize("scheme", ["http", "json"])
def test_neither_slack_s_form_nor_apprise_logs_the_address(
    scheme: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    caplog.set_level(logging.DEBUG)
    sent = asyncio.run(
        answer_once(b"200 OK", lambda host: deliver(APPLIED, f"{scheme}://user:hunter2@{host}/s3cr3t", LOOPBACK))
    )
    refused = asyncio.run(
        answer_once(b"500 No", lambda host: deliver(APPLIED, f"{scheme}://u:hunter2@{host}/s3cr3t", LOOPBACK))
    )
    assert sent == Sent()
    assert isinstance(refused, NotSent)
    assert refused.retryable
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert not [line for line in ours if "s3cr3t" in line or "hunter2" in line]


def test_a_chat_that_is_down_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    result = asyncio.run(deliver(APPLIED, f"http://127.0.0.1:{port}/s3cr3t", LOOPBACK))
    assert result == NotSent(reason="the chat could not be reached (ConnectError)", retryable=True)


@apprise_s_own_warning
@pytest.mark.parametrize("url", ["nosuch://x/s3cr3t", "slack://too-short"])
def test_an_address_that_apprise_does_not_know(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    result = asyncio.run(deliver(APPLIED, url, ChatHosts.read(["nosuch://", "slack://"])))
    assert result == NotSent(reason="apprise does not support this kind of address", retryable=False)
    assert "s3cr3t" not in caplog.text
