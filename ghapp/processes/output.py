"""A program's output: read as it arrives, passed on line by line, and kept only up to its limit."""

import asyncio
import os
from collections.abc import Callable

from ghapp.processes.limits import Guard

_LONGEST_LINE_BYTES = 4 * 1024 * 1024
_CUT = " … the rest of this line is left out: it is longer than 4 MB".encode()
_BYTES_PER_LINE = 100


class Output(asyncio.Protocol):
    """A pipe for a program's output: read here as it arrives, and by the keeper if this process dies."""

    def __init__(self, guard: Guard, on_line: Callable[[bytes], None] | None, read_end: int, write_end: int) -> None:
        """Use `opened`."""
        self.read_end = read_end
        self.write_end = write_end
        self.whole: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """The whole output, or nothing if its lines were passed on. It is done at the output's end."""
        self._guard = guard
        self._lines = None if on_line is None else _Lines(on_line)
        self._kept: list[bytes] = []
        self._transport: asyncio.BaseTransport | None = None

    @classmethod
    async def opened(cls, guard: Guard, on_line: Callable[[bytes], None] | None) -> "Output":
        """Create a pipe; the writing end is for the program.

        With `on_line`, lines are passed on; otherwise the output is collected. Output above the limit is dropped.
        """
        read_end, write_end = os.pipe()
        _, output = await asyncio.get_running_loop().connect_read_pipe(
            lambda: cls(guard, on_line, read_end, write_end), os.fdopen(read_end, "rb", buffering=0)
        )
        return output

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep or pass on the next output."""
        if self.whole.done():
            return
        try:
            if self._lines is None:
                if self._guard.count_output(len(data)):
                    self._kept.append(data)
            elif self._guard.count_output(len(data) + data.count(b"\n") * _BYTES_PER_LINE):
                self._lines.feed(data)
        except Exception as error:
            self.whole.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the output."""
        if self.whole.done():
            return
        if exc is not None:
            self.whole.set_exception(exc)
            return
        try:
            if self._lines is not None:
                self._lines.end()
        except Exception as error:
            self.whole.set_exception(error)
        else:
            self.whole.set_result(b"".join(self._kept))

    def close(self) -> None:
        """Stop reading."""
        self.whole.cancel()
        if self._transport is not None:
            self._transport.close()


class _Lines:
    """Splits output into lines, and cuts a line that is too long."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Add the next output."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._add(line)
            self._pass_on()
        self._add(rest)

    def end(self) -> None:
        """Pass on a last line without a line end."""
        if self._size_bytes:
            self._pass_on()

    def _add(self, part: bytes) -> None:
        room = _LONGEST_LINE_BYTES - self._size_bytes
        self._size_bytes += len(part)
        if room > 0:
            self._parts.append(part[:room])

    def _pass_on(self) -> None:
        cut = [_CUT] if self._size_bytes > _LONGEST_LINE_BYTES else []
        line = b"".join([*self._parts, *cut])
        self._parts, self._size_bytes = [], 0
        self._on_line(line)
