"""The limits of a program, and what happens when it exceeds one."""

import asyncio
import os
import signal
from collections.abc import Collection
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ghapp.processes.cgroups import Group
from ghapp.processes.measuring import Measured, Measuring, is_measurable
from ghapp.processes.priority import Yielding

_CHILDREN_KILLED_AT = 1.25
KILLED_AT = 2
"""Multiples of the memory limit, for a program that keeps growing after it was interrupted.

Above the first, its largest process is killed, unless that is the program itself: if only a provider is killed,
Terraform can still write its state. Above the second, its largest process is killed in any case.
"""

TASKS_OF_A_PROCESS = 10
"""The kernel limits tasks, and each thread counts as one. Go programs have several, so ten are allowed per process."""
_DISK_CHECK_EVERY = 20

_measuring = Measuring()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a program; None means unlimited."""

    memory_bytes: int | None = None
    """The memory of all its processes together. Ignored if the platform cannot measure it."""
    processes: int | None = None
    """The number of processes at a time. Ignored if the platform cannot measure it."""
    processor_s: int | None = None
    """The processor time of all its processes, including finished ones. Ignored if the platform cannot measure it."""
    files_at_once: int | None = None
    """The number of open files of each of its processes. It applies only in a sandbox."""
    yields: bool = False
    """Whether other programs have priority for the processors, and survive if the machine runs out of memory."""
    disk_bytes: int | None = None
    """The disk space of all `directories` together."""
    directories: tuple[Path, ...] = ()
    output_bytes: int | None = None
    """The size of its standard output and standard error together, and of each of `files`. Each line that is passed on
    counts as 100 bytes more than its length."""
    read_whole_bytes: int | None = None
    """The limit of an output that is read into memory as a whole, if it is lower than `output_bytes`."""
    files: tuple[Path, ...] = ()
    interrupt_first: bool = False
    """Whether it gets SIGINT and time to end, since it holds a lock. Otherwise it is killed at once."""


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """The limit that ended a program, and how much it had used: bytes, or the number of processes, tasks or seconds.

    For `tasks`, `allowed_bytes` is the allowed number of processes.
    """

    limit: Literal["memory", "processes", "tasks", "processor", "disk", "output", "file", "read whole"]
    size_bytes: int
    allowed_bytes: int


class Guard:
    """Watches one running program; `exceeded` is done once it exceeds a limit."""

    def __init__(self, limits: Limits, group: Group | None = None) -> None:
        """The program is alone in the `group`, if it has one."""
        self.limits = limits
        self.group = group
        self.exceeded: asyncio.Future[Exceeded] = asyncio.get_running_loop().create_future()
        self._said_bytes = 0

    def found(self) -> Exceeded | None:
        """The limit that the program exceeded, or None."""
        return self.exceeded.result() if self.exceeded.done() else None

    def count_output(self, size_bytes: int) -> bool:
        """Count output. Returns False if that exceeds the limit."""
        self._said_bytes += size_bytes
        limit = self.limits.output_bytes
        if limit is None or self._said_bytes <= limit:
            return True
        self._exceed(Exceeded(limit="output", size_bytes=self._said_bytes, allowed_bytes=limit))
        return False

    def check_files(self) -> None:
        """Check the files that the program writes against their size limit."""
        limit = self.limits.output_bytes
        if limit is None:
            return
        for path in self.limits.files:
            with suppress(OSError):
                size_bytes = path.stat().st_size
                if size_bytes > limit:
                    self._exceed(Exceeded(limit="file", size_bytes=size_bytes, allowed_bytes=limit))

    def check_group(self) -> None:
        """Note the limits that the kernel enforced."""
        refused = None if self.group is None else self.group.refused()
        if refused == "memory" and self.group is not None and (most := self.limits.memory_bytes) is not None:
            size_bytes = max(self.group.peak_bytes(), most)
            self._exceed(Exceeded(limit="memory", size_bytes=size_bytes, allowed_bytes=most))
        elif refused == "pids" and (processes := self.limits.processes) is not None:
            tasks = TASKS_OF_A_PROCESS * processes
            self._exceed(Exceeded(limit="tasks", size_bytes=tasks, allowed_bytes=processes))

    async def watch(self, session: int, program: int, uid: int | None = None) -> None:
        """Watch the program of this session until cancelled, if there is anything to watch for.

        `program` is the pid of the program itself: the leader of the session, or in bubblewrap the first process of a
        pid namespace. All processes under `uid` belong to the program.
        """
        limits = self.limits
        counted = self._counts()
        written = limits.files and limits.output_bytes is not None
        if not counted and not written and limits.disk_bytes is None:
            return
        counting = _measuring.of(session, program, uid) if self.group is None else nullcontext(self.group)
        with counting as measured:
            look, yielding = 0, Yielding({session}) if limits.yields and not self._has("cpu") else None
            while not self.exceeded.done():
                await asyncio.sleep(Measuring.EVERY_S)
                self.check_files()
                await self._check_processes(measured, yielding)
                look += 1
                if look % _DISK_CHECK_EVERY == 0:
                    await self._check_disk()
            # The program was interrupted and has time to end. Meanwhile, kill its largest process if it keeps growing,
            # or all its child processes if there were too many.
            while self.exceeded.result().limit in ("memory", "processes", "tasks"):
                await asyncio.sleep(Measuring.EVERY_S)
                if self.exceeded.result().limit == "memory":
                    await self._kill_the_largest(program, measured)
                else:
                    await self._kill_all_but({program, session}, measured)

    def _counts(self) -> bool:
        limits = self.limits
        return any(each is not None for each in (limits.memory_bytes, limits.processes, limits.processor_s))

    def _has(self, controller: str) -> bool:
        return self.group is not None and self.group.has(controller)

    async def _check_processes(self, measured: Measured | Group, yielding: Yielding | None) -> None:
        limits = self.limits
        if not self._counts() or not is_measurable():
            return
        usage = await measured.usage(limits.memory_bytes)
        if yielding is not None:
            yielding.add((each.pid, each.session) for each in usage.processes)
        processor_s = int(usage.processor_s)
        if limits.processor_s is not None and processor_s > limits.processor_s:
            self._exceed(Exceeded(limit="processor", size_bytes=processor_s, allowed_bytes=limits.processor_s))
        number = len(usage.processes)
        if limits.processes is not None and number > limits.processes:
            self._exceed(Exceeded(limit="processes", size_bytes=number, allowed_bytes=limits.processes))
        if limits.memory_bytes is not None and usage.memory_bytes > limits.memory_bytes:
            self._exceed(Exceeded(limit="memory", size_bytes=usage.memory_bytes, allowed_bytes=limits.memory_bytes))
        self.check_group()

    async def _check_disk(self) -> None:
        limit = self.limits.disk_bytes
        if limit is None:
            return
        size_bytes = await asyncio.to_thread(_size_bytes, self.limits.directories)
        if size_bytes > limit:
            self._exceed(Exceeded(limit="disk", size_bytes=size_bytes, allowed_bytes=limit))

    async def _kill_all_but(self, spared: Collection[int], measured: Measured | Group) -> None:
        """Kill the program's child processes, which continue although it was interrupted."""
        for each in (await measured.usage(None)).processes:
            if each.pid not in spared:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(each.pid, signal.SIGKILL)

    async def _kill_the_largest(self, pid: int, measured: Measured | Group) -> None:
        """Kill the largest process if the program keeps growing although it was interrupted."""
        limit = self.limits.memory_bytes or 0
        usage = await measured.usage(int(_CHILDREN_KILLED_AT * limit))
        if usage.memory_bytes <= _CHILDREN_KILLED_AT * limit or not usage.processes:
            return
        largest = max(usage.processes, key=lambda each: each.size_bytes).pid
        if largest != pid or usage.memory_bytes > KILLED_AT * limit:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(largest, signal.SIGKILL)

    def _exceed(self, exceeded: Exceeded) -> None:
        if not self.exceeded.done():
            self.exceeded.set_result(exceeded)


def _size_bytes(directories: Collection[Path]) -> int:
    """The disk usage of the files in directories and below. Symlinks are not followed."""
    size_bytes = 0
    for directory in directories:
        for current, _, names in os.walk(directory):
            for name in names:
                with suppress(OSError):
                    size_bytes += os.lstat(os.path.join(current, name)).st_blocks * 512  # noqa: PTH118
    return size_bytes
