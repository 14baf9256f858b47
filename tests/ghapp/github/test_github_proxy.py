"""Connections go through the proxy that the environment names, or directly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ghapp.github import GitHubApp, Patience, PemKey

pytestmark = pytest.mark.anyio

ANSWER = b'{"id": 3, "slug": "planward", "name": "Planward"}'
ONCE = Patience(attempts=1)


@asynccontextmanager
async def listening(seen: list[str]) -> AsyncIterator[str]:
    """A server on loopback that notes each request's first line and answers as `GET /app` would."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.split(b"\r\n")[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(ANSWER), ANSWER))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_calls_go_through_the_proxy(pem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    async with listening(seen) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        async with GitHubApp("http://github.invalid/api/v3", 3, PemKey(pem), patience=ONCE) as app:
            await app.me()
    assert seen == ["GET http://github.invalid/api/v3/app HTTP/1.1"]


async def test_calls_to_a_host_that_is_excepted_go_straight(pem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    async with listening(seen) as github:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with GitHubApp(f"{github}/api/v3", 3, PemKey(pem), patience=ONCE) as app:
            await app.me()
    assert seen == ["GET /api/v3/app HTTP/1.1"]
