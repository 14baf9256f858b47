"""A proxy before PostgreSQL: connections are refused, reset, delayed and stalled, before and after a statement."""

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
"""How long the answer to a statement has to be lost: the server has carried it out by then."""


class TcpProxy:
    """Passes connections on to a socket in the file system, or does what chance has drawn."""

    def __init__(self, path: str, drawn: Fates) -> None:
        self._path = path
        self._drawn = drawn
        self._connections = 0

    def fate(self, connection: str, said: bytes) -> tuple[str | None, random.Random]:
        """What happens to what is said on a connection."""
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
            # The server sees a client that is gone, whatever became of it; closed before anything is awaited, where
            # this task may be cancelled.
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
        while said := await reader.read(_CHUNK):
            fate, chance = self.fate(connection, said)
            if fate == fates.RESET:
                return
            if fate == fates.LOST:
                answering.cancel()
                back.write(said)
                await back.drain()
                await asyncio.sleep(_CLOSING_S)
                return
            if fate is not None:
                await asyncio.sleep((_STALL_S if fate == fates.STALLED else _DELAY_S) * chance.random())
            back.write(said)
            await back.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while said := await reader.read(_CHUNK):
            writer.write(said)
            await writer.drain()
        writer.close()
