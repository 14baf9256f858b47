"""A proxy before an HTTP server. It can refuse a request, or carry it out and lose the answer."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import h11

from tests.stories.faults.proxies import fates
from tests.stories.faults.proxies.fates import Fates
from tests.stories.faults.proxies.running import reset

_UNCARRIED = frozenset({fates.REFUSED, fates.RESET, fates.HANGS, fates.LIMITED, fates.DENIED})
_HANGS_S = 4.0
"""Longer than Planward waits in these stories. Git would wait for a minute, but its connection is reset after this."""
_SLOW_S = 0.8
_CHUNK = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, as it came."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> bytes:
        """A header's value, empty if there is none; names are in lower case."""
        return next((value for key, value in self.headers if key == name), b"")


Of = Callable[[Exchange], tuple[str, Mapping[str, float]] | None]
"""Gives the place of a request and the rate of each fate there; None if nothing ever happens to this request."""


class HttpProxy:
    """Forwards requests to a server on loopback, each on a connection of its own, unless the drawn fate prevents it."""

    def __init__(self, address: str, drawn: Fates, of: Of) -> None:
        self._port = int(address.rpartition(":")[2])
        self._drawn = drawn
        self._of = of
        self.seen: list[tuple[Exchange, str | None]] = []
        """The requests that have a place, each with its fate."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which carries one request."""
        try:
            exchange = await _read(reader, writer)
            if exchange is None:
                return
            place = self._of(exchange)
            if place is None:
                await self._carry(exchange, writer)
                return
            name = f"{exchange.method} {exchange.target.partition('?')[0]}"
            fate, chance = self._drawn.draw(place[0], name, place[1])
            self.seen.append((exchange, fate))
            await self._meet(exchange, writer, fate, chance, place[0])
        except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError):
            pass  # the client or the server has closed its connection
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _meet(
        self, exchange: Exchange, writer: asyncio.StreamWriter, fate: str | None, chance: random.Random, place: str
    ) -> None:
        if fate is None:
            await self._carry(exchange, writer)
            return
        answer = b"" if fate in _UNCARRIED else await self._carried_out(exchange)
        match fate:
            case fates.REFUSED:
                await _say(writer, _page(chance.choice((500, 502, 503))))
            case fates.FAILED_AFTERWARDS:
                await _say(writer, _page(chance.choice((502, 504))))
            case fates.LIMITED:
                await _say(writer, _limit(place, chance))
            case fates.DENIED:
                await _say(writer, _denial(chance))
            case fates.HANGS | fates.SILENT:
                await asyncio.sleep(_HANGS_S)
                reset(writer)
            case fates.CUT:
                head, _, body = answer.partition(b"\r\n\r\n")
                await _say(writer, head + b"\r\n\r\n" + body[: len(body) // 2] if body else answer[: len(answer) // 2])
            case fates.SLOW:
                await asyncio.sleep(_SLOW_S * chance.random())
                await _say(writer, answer)
            case _:
                reset(writer)

    async def _carry(self, exchange: Exchange, writer: asyncio.StreamWriter) -> None:
        async with self._asked(exchange) as reader:
            while piece := await reader.read(_CHUNK):
                await _say(writer, piece)

    async def _carried_out(self, exchange: Exchange) -> bytes:
        async with self._asked(exchange) as reader:
            return await reader.read()

    @contextlib.asynccontextmanager
    async def _asked(self, exchange: Exchange) -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            drop = (b"connection", b"content-length", b"transfer-encoding", b"expect")
            headers = [pair for pair in exchange.headers if pair[0] not in drop]
            headers += [(b"connection", b"close"), (b"content-length", str(len(exchange.body)).encode())]
            lines = [f"{exchange.method} {exchange.target} HTTP/1.1".encode()]
            lines += [name + b": " + value for name, value in headers]
            await _say(writer, b"\r\n".join(lines) + b"\r\n\r\n" + exchange.body)
            yield reader
        finally:
            writer.close()


async def _say(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
    """Read one request whole; None if none came."""
    wire = h11.Connection(h11.SERVER, max_incomplete_event_size=_CHUNK)
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            if wire.they_are_waiting_for_100_continue:
                await _say(writer, b"HTTP/1.1 100 Continue\r\n\r\n")
            piece = await reader.read(_CHUNK)
            if not piece and request is None:
                return None
            wire.receive_data(piece)
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return Exchange(
                method=request.method.decode(),
                target=request.target.decode(),
                headers=tuple((bytes(name), bytes(value)) for name, value in request.headers),
                body=bytes(body),
            )
        else:
            return None


def _page(status: int) -> bytes:
    """The answer of a load balancer in the server's place."""
    return _response(status, b"text/html", b"<html><body><h1>Server Error</h1></body></html>")


def _denial(chance: random.Random) -> bytes:
    """GitHub's answers to a revoked token, which it also gives by mistake now and then."""
    status, words = chance.choice(
        ((401, "Bad credentials"), (403, "Resource not accessible by integration"), (404, "Not Found"))
    )
    return _response(status, b"application/json", f'{{"message":"{words}"}}'.encode())


def _limit(place: str, chance: random.Random) -> bytes:
    """The answer of Vault's quota, GitHub's primary limit, or its secondary limit (as 403 or as 429)."""
    after = {b"Retry-After": b"1"}
    if place == "vault":
        return _response(429, b"application/json", b'{"errors":["request path is rate limited"]}', after)
    kind = chance.choice(("primary", "secondary", "too many"))
    if kind == "primary":
        # GitHub gives whole seconds, rounded down.
        reset_at = str(int(time.time()) + 2).encode()
        used_up = {b"X-RateLimit-Limit": b"5000", b"X-RateLimit-Remaining": b"0", b"X-RateLimit-Reset": reset_at}
        return _response(403, b"application/json", b'{"message":"API rate limit exceeded for installation"}', used_up)
    words = b'{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
    return _response(403 if kind == "secondary" else 429, b"application/json", words, after)


def _response(status: int, media_type: bytes, body: bytes, headers: Mapping[bytes, bytes] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever".encode(), b"Connection: close", b"Content-Type: " + media_type]
    lines += [name + b": " + value for name, value in (headers or {}).items()]
    lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
