"""A proxy before PostgreSQL, which refuses, resets, delays and stalls connections, before and after a statement."""

import asyncio
import contextlib
import random

from tests.stories.faults.proxies import fates
from tests.stories.faults.proxies.fates import Fates
from tests.stories.faults.proxies.running import reset

_CHUNK = 65_536
_DELAY_S = 0.3
_STALL_S = 2.0
_CLOSING_S = 0.05
"""How long the proxy waits before it loses the answer to a statement: by then the server has carried it out."""


class TcpProxy:
    """Forwards connections to a Unix socket, unless the drawn fate prevents it."""

    def __init__(self, path: str, drawn: Fates) -> None:
        self._path = path
        self._drawn = drawn
        self._connections = 0

    def fate(self, connection: str, content: bytes) -> tuple[str | None, random.Random]:
        """The fate of a piece of content that the client sends on a connection."""
        return self._drawn.draw("database", connection, fates.STATEMENTS)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._connections += 1
        fate, chance = self._drawn.draw("database", "connection", fates.CONNECTIONS)
        if fate == fates.REFUSED_AT_ONCE:
            reset(writer)
            return
        if fate == fates.DELAYED:
            await asyncio.sleep(_DELAY_S * chance.random())
        there, back = await asyncio.open_unix_connection(self._path)
        answering = asyncio.create_task(_pass_on(there, writer))
        try:
            await self._ask(reader, back, answering, str(self._connections))
        except OSError:
            pass
        finally:
            answering.cancel()
            # The server always has to see that the client has gone. So close before the first await, at which this task
            # may be cancelled.
            back.close()
            reset(writer)
            await asyncio.gather(answering, return_exceptions=True)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        answering: "asyncio.Task[None]",
        connection: str,
    ) -> None:
        while content := await reader.read(_CHUNK):
            fate, chance = self.fate(connection, content)
            if fate == fates.RESET:
                return
            if fate == fates.LOST:
                answering.cancel()
                back.write(content)
                await back.drain()
                await asyncio.sleep(_CLOSING_S)
                return
            if fate is not None:
                await asyncio.sleep((_STALL_S if fate == fates.STALLED else _DELAY_S) * chance.random())
            back.write(content)
            await back.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(_CHUNK):
            writer.write(content)
            await writer.drain()
        writer.close()
