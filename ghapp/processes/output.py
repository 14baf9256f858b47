"""A program's output: read as it arrives, passed on line by line, and kept only up to its limit."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from ghapp.processes.limits import Guard

_CHUNK_BYTES = 64 * 1024
_LONGEST_LINE_BYTES = 4 * 1024 * 1024
_CUT = " … the rest of this line is left out: it is longer than 4 MB".encode()
_BYTES_PER_LINE = 100


@dataclass(frozen=True, slots=True)
class Output:
    """A pipe for a program's output: read here, and by the keeper if this process dies."""

    reader: asyncio.StreamReader
    transport: asyncio.BaseTransport
    read_end: int
    write_end: int

    @classmethod
    async def opened(cls) -> "Output":
        """Create a pipe; the writing end is for the program."""
        read_end, write_end = os.pipe()
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
        )
        return cls(reader, transport, read_end, write_end)

    def close(self) -> None:
        """Close the reading end."""
        self.transport.close()


async def read(output: Output, guard: Guard, on_line: Callable[[bytes], None] | None) -> bytes:
    """Read to the end: pass lines on, or collect them. Output above the guard's limit is dropped."""
    if on_line is None:
        return await _collect(output, guard)
    lines = _Lines(on_line)
    while chunk := await output.reader.read(_CHUNK_BYTES):
        # Read in chunks, since StreamReader.readline refuses lines above its limit and plans have long ones.
        if guard.count_output(len(chunk) + chunk.count(b"\n") * _BYTES_PER_LINE):
            lines.feed(chunk)
    lines.end()
    return b""


async def _collect(output: Output, guard: Guard) -> bytes:
    kept: list[bytes] = []
    while chunk := await output.reader.read(_CHUNK_BYTES):
        if guard.count_output(len(chunk)):
            kept.append(chunk)
    return b"".join(kept)


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
