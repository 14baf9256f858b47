"""The hosts to which `notify` may send messages: a repository's config alone cannot make a host trusted."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from checks.authority.chat import Address, ChatHosts
from checks.plan import Counts
from ghapp.errors import SettingsError
from ghapp.flows.repository import refused_chats
from ghapp.notify import Applied, Delivered, NotSent, Refused, Sent, deliver
from ghapp.repository_config import read_config
from ghapp.settings import read_authority
from ghapp.values import CommitSha, EnvironmentName

APPLIED = Applied(
    repository="acme/infra",
    environment=EnvironmentName("staging"),
    run_url="https://planward.example.com/runs/r1",
    commit_sha=CommitSha("a" * 40),
    counts=Counts(add=1),
)
PUBLIC = "93.184.215.14"


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@contextmanager
def internal_service(answer: int = 200, location: str = "") -> Iterator[tuple[int, list[str]]]:
    """A service on loopback; returns its port and the `Host` of every request that reached it."""
    reached: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reached.append(self.headers["Host"])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(answer)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, reached
    finally:
        server.shutdown()
        server.server_close()


def send(url: str, *patterns: str, stands_for: str | None = None, **more: Any) -> Delivered:
    async def resolved(host: str, port: int) -> tuple[Address, ...]:
        return (ip_address(stands_for or ""),)

    if stands_for is not None:
        more["resolve"] = resolved
    return asyncio.run(deliver(APPLIED, url, ChatHosts.read(patterns), **more))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_is_posted_to_loopback_however_it_is_written(host: str, scheme: str) -> None:
    with internal_service() as (port, reached):
        result = send(f"{scheme}://{host}:{port}/hook", "http://*", "https://*")
    assert not isinstance(result, Sent)
    assert reached == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.1.2.3", "10.1.2.3 is a private address"),
        ("192.168.0.1", "192.168.0.1 is a private address"),
        ("[fd12::1]", "fd12::1 is a private address"),
        ("169.254.169.254", "169.254.169.254 is a link-local address"),
        ("[fe80::1]", "fe80::1 is a link-local address"),
        ("224.0.0.1", "224.0.0.1 is a multicast address"),
        ("100.100.100.200", "100.100.100.200 is a cloud's metadata service"),
        ("168.63.129.16", "168.63.129.16 is a cloud's metadata service"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1 is a loopback address"),
        ("[2002:7f00:1::]", "2002:7f00:1:: is a loopback address"),
        ("0.0.0.0", "0.0.0.0 is a private address"),
        ("240.0.0.1", "240.0.0.1 is a private address"),
    ],
)
def test_an_address_that_is_not_public_is_refused_and_named(address: str, said: str) -> None:
    result = send(f"https://{address}/hook")
    assert isinstance(result, Refused)
    assert result.reason.startswith(f"{said}, which is not allowed: ")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00:ec2::254"])
def test_a_public_name_of_an_address_that_is_not_public_is_refused(address: str) -> None:
    result = send("https://hooks.attacker.example/hook", stands_for=address)
    assert isinstance(result, Refused)
    assert "hooks.attacker.example is " in result.reason


def test_a_checked_host_name_is_not_resolved_again_for_the_connection() -> None:
    asked: list[str] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.host} {request.headers['Host']} {request.extensions['sni_hostname']}")
        return httpx.Response(200)

    sent = send("https://rebinding.example/hook", stands_for=PUBLIC, transport=httpx.MockTransport(wire))
    assert (sent, asked) == (Sent(), [f"{PUBLIC} rebinding.example rebinding.example"])


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async def both(host: str, port: int) -> tuple[Address, ...]:
        return ip_address(PUBLIC), ip_address("10.0.0.7")

    assert isinstance(asyncio.run(deliver(APPLIED, "https://a.example/x", ChatHosts(), resolve=both)), Refused)


def test_a_redirect_is_not_followed() -> None:
    with internal_service() as (inner, reached), internal_service(307, f"http://127.0.0.1:{inner}/") as (port, first):
        result = send(f"http://127.0.0.1:{port}/hook", "http://127.0.0.1")
    assert result == NotSent(reason="the chat answered 307", retryable=False)
    assert (len(first), reached) == (1, [])


def test_a_private_host_that_the_operator_names_in_full_is_allowed() -> None:
    with internal_service() as (port, reached):
        url = f"http://chat.internal:{port}/hook"
        assert send(url, "http://chat.internal", stands_for="127.0.0.1") == Sent()
        assert isinstance(send(url, "http://*.internal", stands_for="127.0.0.1"), Refused)
        assert isinstance(send(url, "https://chat.internal", stands_for="127.0.0.1"), Refused)
    assert reached == [f"chat.internal:{port}"]


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "100.100.100.200", "fe80::1"])
def test_a_metadata_service_is_refused_even_if_it_is_named(address: str) -> None:
    result = send("http://metadata.internal/x", "http://metadata.internal", stands_for=address)
    assert isinstance(result, Refused)
    assert result.reason.endswith("which is not allowed: no setting can allow it")


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/x", "json://hooks.example.com/x", "mailto://a:b@example.com", "slack://a/b/c"]
)
def test_without_a_setting_only_https_is_taken(url: str) -> None:
    result = send(url, stands_for=PUBLIC)
    assert isinstance(result, Refused)
    assert result.reason.endswith(
        "is not allowed: only public hosts over https are allowed; the operator can add it to PLANWARD_NOTIFY_HOSTS"
    )
    assert "/x" not in result.reason.replace("://", "")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_schemes_of_apprise_are_taken_only_where_the_setting_names_them() -> None:
    with internal_service() as (port, reached):
        url = f"json://127.0.0.1:{port}/hook"
        for patterns in ((), ("https://*",), ("slack://",), ("json://*",)):
            assert isinstance(send(url, *patterns), Refused)
        assert reached == []
        assert send(url, "json://127.0.0.1") == Sent()


def test_several_addresses_in_one_text_are_refused() -> None:
    with internal_service() as (port, reached):
        result = send(f"json://{PUBLIC}:9/a,json://127.0.0.1:{port}/b", "json://*", timeout_s=3)
    assert not isinstance(result, Sent)
    assert reached == []


def test_an_address_that_two_readers_read_differently_goes_nowhere() -> None:
    with internal_service() as (port, reached):
        for url in (f"https://{PUBLIC}\\@127.0.0.1:{port}/", f"https://127.0.0.1:{port}#@{PUBLIC}/", "https://[::1"):
            assert not isinstance(send(url, "https://*", timeout_s=3), Sent)
    assert reached == []


def test_a_pull_request_with_a_refused_address_shows_the_line_and_who_can_allow_it() -> None:
    content = (
        b"notify:\n"
        b"  - {url: 'https://hooks.slack.com/services/x', on: [failed]}\n"
        b"  - url: 'http://10.0.0.7/s3cr3t'\n"
        b"    on: [failed]\n"
        b"  - {url: 'vault:kv/{team}/chat#url', on: [failed]}\n"
    )
    config = read_config(content, branches=["staging"], repository_name="infra")
    problems = [(each.line, each.key, each.message) for each in refused_chats(config, ChatHosts())]
    assert problems == [
        (
            3,
            "notify[1].url",
            "http://10.0.0.7 is not allowed: only public hosts over https are allowed; "
            "the operator can add it to PLANWARD_NOTIFY_HOSTS",
        )
    ]
    assert list(refused_chats(config, ChatHosts.read(["hooks.slack.com", "http://10.0.0.7"]))) == []


@pytest.mark.parametrize("setting", ["https://", "not a host", "http:/x.example", "://x", "1x://y"])
def test_an_invalid_pattern_is_named(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"^PLANWARD_NOTIFY_HOSTS has '.*': write HOST or SCHEME://HOST"):
        read_authority({"PLANWARD_NOTIFY_HOSTS": f"hooks.slack.com, {setting}"})


def test_the_setting_names_hosts_and_schemes() -> None:
    chat = read_authority({"PLANWARD_NOTIFY_HOSTS": "hooks.slack.com, *.acme.example, http://10.0.0.7, mailto://"}).chat
    allowed = {
        "https://hooks.slack.com/services/x": True,
        "https://HOOKS.slack.com./services/x": True,
        "https://a.b.acme.example/x": True,
        "https://acme.example/x": False,
        "https://hooks.slack.com.attacker.example/x": False,
        "http://hooks.slack.com/x": False,
        "http://10.0.0.7:8065/x": True,
        "mailto://user:password@example.com": True,
        "slack://a/b/c": False,
    }
    assert {url: chat.refusal(url) is None for url in allowed} == allowed
