"""What a program may take, and what becomes of one that takes more."""

import asyncio
import os
import signal
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ghapp.processes.measuring import Measured, Measuring, is_measurable
from ghapp.processes.priority import Yielding

_CHILDREN_END = 1.25
_IT_ENDS = 2.0
"""Above these parts of its memory limit a program that was interrupted for it does not get its time: first what it
started is killed, since without a provider Terraform can still write its state, then itself."""

_LOOKS_AT_DISK = 20

_measuring = Measuring()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may take; None is as much as it likes."""

    memory_bytes: int | None = None
    """Of its processes together. Nothing where the platform does not tell."""
    processes: int | None = None
    """How many there may be at once. Nothing where the platform does not tell."""
    processor_s: int | None = None
    """Of its processes together, those that have ended too. Nothing where the platform does not tell."""
    files_at_once: int | None = None
    """How many each of its processes may have open, in a sandbox."""
    yields: bool = False
    """Whether the machine's other programs go first for the processors, and stay where it has no memory left."""
    disk_bytes: int | None = None
    """Of `directories` together."""
    directories: tuple[Path, ...] = ()
    output_bytes: int | None = None
    """Of its standard output and standard error; every line costs 100 bytes more than it has. Also of each of
    `files`."""
    read_whole_bytes: int | None = None
    """Of what it prints into a file that is read as a whole afterwards, where that is less than `output_bytes`."""
    files: tuple[Path, ...] = ()
    interrupt_first: bool = False
    """Whether it gets SIGINT and its time to end, since it holds a lock, or is killed at once."""


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """Which limit a program was ended at, and how much it had taken: processes and seconds as they are."""

    limit: Literal["memory", "processes", "processor", "disk", "output", "file", "read whole"]
    size_bytes: int
    allowed_bytes: int


class Guard:
    """Watches one program that runs; `exceeded` is done once it takes more than it may."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.exceeded: asyncio.Future[Exceeded] = asyncio.get_running_loop().create_future()
        self._said_bytes = 0

    def found(self) -> Exceeded | None:
        """The limit that it went over, if it did."""
        return self.exceeded.result() if self.exceeded.done() else None

    def say(self, size_bytes: int) -> bool:
        """Count what it says; False where that is more than it may say."""
        self._said_bytes += size_bytes
        limit = self.limits.output_bytes
        if limit is None or self._said_bytes <= limit:
            return True
        self._exceed(Exceeded(limit="output", size_bytes=self._said_bytes, allowed_bytes=limit))
        return False

    def check_files(self) -> None:
        """Compare what it writes with what it may write."""
        limit = self.limits.output_bytes
        if limit is None:
            return
        for path in self.limits.files:
            with suppress(OSError):
                size_bytes = path.stat().st_size
                if size_bytes > limit:
                    self._exceed(Exceeded(limit="file", size_bytes=size_bytes, allowed_bytes=limit))

    async def watch(self, session: int, program: int, uid: int | None = None) -> None:
        """Watch the program of this session until cancelled, if there is anything to watch for.

        `program` is its own process: the leader of the session, or in a sandbox the first of a pid namespace. All that
        runs under `uid` is the program's.
        """
        limits = self.limits
        counted = self._counts()
        written = limits.files and limits.output_bytes is not None
        if not counted and not written and limits.disk_bytes is None:
            return
        with _measuring.of(session, program, uid) as measured:
            look, yielding = 0, Yielding({session}) if limits.yields else None
            while not self.exceeded.done():
                await asyncio.sleep(Measuring.EVERY_S)
                self.check_files()
                await self._check_processes(measured, yielding)
                look += 1
                if look % _LOOKS_AT_DISK == 0:
                    await self._check_disk()
            # It was interrupted, and has its time.
            while self.exceeded.result().limit in ("memory", "processes"):
                await asyncio.sleep(Measuring.EVERY_S)
                if self.exceeded.result().limit == "memory":
                    await self._kill_the_largest(program, measured)
                else:
                    await self._kill_all_but({program, session}, measured)

    def _counts(self) -> bool:
        limits = self.limits
        return any(each is not None for each in (limits.memory_bytes, limits.processes, limits.processor_s))

    async def _check_processes(self, measured: Measured, yielding: Yielding | None) -> None:
        limits = self.limits
        if not self._counts() or not is_measurable():
            return
        found = await measured.processes(limits.memory_bytes)
        if yielding is not None:
            yielding.take_in((each.pid, each.session) for each in found)
        processor_s = int(measured.processor_s())
        if limits.processor_s is not None and processor_s > limits.processor_s:
            self._exceed(Exceeded(limit="processor", size_bytes=processor_s, allowed_bytes=limits.processor_s))
        if limits.processes is not None and len(found) > limits.processes:
            self._exceed(Exceeded(limit="processes", size_bytes=len(found), allowed_bytes=limits.processes))
        size_bytes = sum(each.size_bytes for each in found)
        if limits.memory_bytes is not None and size_bytes > limits.memory_bytes:
            self._exceed(Exceeded(limit="memory", size_bytes=size_bytes, allowed_bytes=limits.memory_bytes))

    async def _check_disk(self) -> None:
        limit = self.limits.disk_bytes
        if limit is None:
            return
        size_bytes = await asyncio.to_thread(_size_bytes, self.limits.directories)
        if size_bytes > limit:
            self._exceed(Exceeded(limit="disk", size_bytes=size_bytes, allowed_bytes=limit))

    async def _kill_all_but(self, spared: Collection[int], measured: Measured) -> None:
        """End what it started, which goes on although it was interrupted."""
        for each in await measured.processes(None):
            if each.pid not in spared:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(each.pid, signal.SIGKILL)

    async def _kill_the_largest(self, pid: int, measured: Measured) -> None:
        """End what goes on eating although it was interrupted."""
        limit = self.limits.memory_bytes or 0
        found = await measured.processes(int(_CHILDREN_END * limit))
        size_bytes = sum(each.size_bytes for each in found)
        if size_bytes <= _CHILDREN_END * limit:
            return
        largest = max(found, key=lambda each: each.size_bytes).pid
        if largest != pid or size_bytes > _IT_ENDS * limit:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(largest, signal.SIGKILL)

    def _exceed(self, exceeded: Exceeded) -> None:
        if not self.exceeded.done():
            self.exceeded.set_result(exceeded)


def _size_bytes(directories: Collection[Path]) -> int:
    """What is in directories, as far as it takes room of its own on the disk."""
    size_bytes = 0
    for directory in directories:
        for current, _, names in os.walk(directory):
            for name in names:
                with suppress(OSError):
                    size_bytes += os.lstat(os.path.join(current, name)).st_blocks * 512  # noqa: PTH118
    return size_bytes
