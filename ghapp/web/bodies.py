"""Read the bodies of incoming deliveries, within limits on memory and time.

Anybody can send a body. If too many bytes are in memory, the largest unfinished body is dropped. That one is probably
not GitHub's: nearly all of GitHub's bodies are below 100 KB.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import Request


class BodyRefused(Exception):
    """The body was not read to its end."""


class TooLarge(BodyRefused):
    """The body is larger than any that GitHub sends."""


class TooSlow(BodyRefused):
    """The body did not arrive within the time limit."""


class NoRoom(BodyRefused):
    """Too many bytes of bodies are in memory, and this is the largest unfinished one."""


class Bodies:
    """Reads bodies of at most `largest_bytes` each, and `room_bytes` together, each within `deadline_s`."""

    def __init__(self, *, largest_bytes: int, room_bytes: int, deadline_s: float) -> None:
        self.largest_bytes = largest_bytes
        self._room_bytes = max(room_bytes, largest_bytes)
        self._deadline_s = deadline_s
        self._held: set[_Body] = set()

    @contextmanager
    def reading(self) -> Iterator["_Body"]:
        """Open a body for reading. It uses memory until the context ends."""
        body = _Body(self)
        self._held.add(body)
        try:
            yield body
        finally:
            self._held.discard(body)

    def held_bytes(self) -> int:
        """The number of bytes in memory."""
        return sum(len(body.content) for body in self._held)

    def make_room(self, body: "_Body", more_bytes: int) -> None:
        """Drop the largest unfinished bodies, perhaps `body` itself, until `body` can grow by `more_bytes`."""
        while not body.is_given_up and self.held_bytes() + more_bytes > self._room_bytes:
            coming = [each for each in self._held if not each.is_whole]
            max(coming, key=lambda each: len(each.content) + (more_bytes if each is body else 0)).give_up()


class _Body:
    def __init__(self, bodies: Bodies) -> None:
        self.content = bytearray()
        self.is_whole = False
        self.is_given_up = False
        self._bodies = bodies

    def give_up(self) -> None:
        self.is_given_up = True
        self.content = bytearray()

    async def read(self, request: Request) -> bytearray:
        """Read the whole body. Raises BodyRefused and ClientDisconnect."""
        declared = request.headers.get("Content-Length", "")
        if len(declared) > 20 or (declared.isdecimal() and int(declared) > self._bodies.largest_bytes):
            raise TooLarge
        try:
            async with asyncio.timeout(self._bodies._deadline_s):
                await self._read(request.stream())
        except TimeoutError:
            raise TooSlow from None
        return self.content

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            if len(self.content) + len(chunk) > self._bodies.largest_bytes:
                raise TooLarge
            self._bodies.make_room(self, len(chunk))
            if self.is_given_up:
                raise NoRoom
            self.content += chunk
        if self.is_given_up:
            raise NoRoom
        self.is_whole = True
