"""The memory and processor time of programs and their children, from Linux's `/proc`.

A program and its children are found by their session, even if they leave its process group; in a sandbox by their pid
namespace or uid, which no process can leave. With a control group, the kernel finds them (cgroups.py).

The sum of resident sizes counts shared memory several times. So if it exceeds a limit, the sum of the proportional
sizes is used instead. `RLIMIT_AS` would not help, since Go reserves far more addresses than it uses. `RLIMIT_CPU` would
not help either: it applies to each process alone.

https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

import asyncio
import contextlib
import functools
import os
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ghapp.processes.uid_pool import uid_of

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROPORTIONAL = re.compile(rb"^(?:Pss|SwapPss):\s*(\d+) kB$", re.MULTILINE)
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Sized:
    """A process, the memory that it uses, and its session."""

    pid: int
    size_bytes: int
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the processes of one program use."""

    processes: tuple[Sized, ...]
    memory_bytes: int
    processor_s: float
    """Includes finished processes."""


@functools.cache
def is_measurable() -> bool:
    """Whether this platform can measure programs."""
    return (_PROC / "self" / "stat").exists()


def machine_bytes() -> int:
    """The memory of this machine, or of the container that this process is in."""
    found = [os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES]
    for file in _cgroup_limits():
        with contextlib.suppress(OSError, ValueError):  # the limit may be "max"
            found.append(int(file.read_text()))
    return min(found)


def _cgroup_limits() -> Iterator[Path]:
    """The memory limits of this process's control group and of its parents, in both versions of cgroups."""
    try:
        groups = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (_CGROUPS / "memory", "memory.limit_in_bytes") if controllers else (_CGROUPS, "memory.max")
        here = PurePosixPath(path.lstrip("/"))
        for each in (here, *here.parents):
            yield top / each / name


class _ProcessorTime:
    """The processor time of one program's processes, in ticks.

    A finished process still counts, either in its parent, which has waited for it, or with its last measurement.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self._alive: dict[tuple[int, int], int] = {}
        self._gone = 0

    def record(self, found: Mapping[tuple[int, int], tuple[int, int]]) -> None:
        """Record, by pid and start time, the processor time of each process itself and of its finished children."""
        self._gone += sum(own for each, own in self._alive.items() if each not in found)
        self._alive = {each: own for each, (own, _) in found.items()}
        seen = self._gone + sum(self._alive.values())
        waited_for = sum(own + of_children for own, of_children in found.values())
        self.ticks = max(self.ticks, seen, waited_for)


class Measuring:
    """Measures all programs together, in its own thread, for any number of callers."""

    EVERY_S = 0.25

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="measuring")
        self._sessions: dict[int, str | int | None] = {}
        """The measured sessions, each with the pid namespace or the uid of its program, if the program has its own."""
        self._times: dict[int, _ProcessorTime] = {}
        self._others: set[int] = set()
        self._measured: dict[int, tuple[Sized, ...]] = {}
        self._measuring: asyncio.Future[None] | None = None
        self._at = float("-inf")

    @contextlib.contextmanager
    def of(self, session: int, program: int, uid: int | None) -> Iterator["Measured"]:
        """Measure a program, which is found by its session, and by its `uid` or pid namespace if it has its own."""
        self._sessions[session] = uid if uid is not None else _namespace(program) if program != session else None
        self._times[session] = _ProcessorTime()
        try:
            yield Measured(self, session)
        finally:
            del self._sessions[session], self._times[session]

    async def measure(self, pid: int) -> tuple[Sized, ...]:
        """The program's processes with their resident sizes, at most a quarter of a second old."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._at >= self.EVERY_S or self._measuring is None:
            self._at = loop.time()
            sessions, times = dict(self._sessions), dict(self._times)
            self._measuring = loop.run_in_executor(self._thread, self._measure, sessions, times)
        await asyncio.shield(self._measuring)
        return self._measured.get(pid, ())

    def processor_s(self, pid: int) -> float:
        """The processor time of the program's processes at the last measurement."""
        return self._times[pid].ticks / _TICKS_PER_S

    async def measure_exactly(self, processes: Collection[Sized]) -> tuple[Sized, ...]:
        """The same processes with their proportional sizes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, proportional, processes)

    def _measure(self, sessions: Mapping[int, str | int | None], times: Mapping[int, _ProcessorTime]) -> None:
        listed = {int(name) for name in os.listdir(_PROC) if name.isdigit()}  # noqa: PTH208 - a Path each is slow
        # A process cannot join another session, so most of the machine's processes are examined only once.
        self._others &= listed
        found: dict[int, list[Sized]] = {session: [] for session in sessions}
        taken: dict[int, dict[tuple[int, int], tuple[int, int]]] = {session: {} for session in sessions}
        own = {each: session for session, each in sessions.items() if each is not None}
        has_uids = any(isinstance(each, int) for each in own)
        for pid in (listed - self._others) | (listed & sessions.keys()):
            with contextlib.suppress(OSError, ValueError, IndexError):
                words = _stat(pid)
                of = session = int(words[3])
                if of not in sessions and own:
                    of = own.get(_namespace(pid) or "", own.get((has_uids and uid_of(pid)) or 0, of))
                if of in sessions:
                    found[of].append(Sized(pid, int(words[21]) * _PAGE_BYTES, session))
                    itself, waited_for = int(words[11]) + int(words[12]), int(words[13]) + int(words[14])
                    taken[of][pid, int(words[19])] = itself, waited_for
                else:
                    self._others.add(pid)
        for of, time in times.items():
            time.record(taken[of])
        self._measured = {session: tuple(processes) for session, processes in found.items()}


class Measured:
    """One program that is measured."""

    def __init__(self, measuring: Measuring, pid: int) -> None:
        self._measuring = measuring
        self._pid = pid

    async def usage(self, above_bytes: int | None) -> Usage:
        """What the program's processes use. The memory is measured exactly only if it is more than `above_bytes`."""
        found = await self._measuring.measure(self._pid)
        if above_bytes is not None and total_bytes(found) > above_bytes:
            found = await self._measuring.measure_exactly(found)
        processor_s = self._measuring.processor_s(self._pid)
        return Usage(processes=found, memory_bytes=total_bytes(found), processor_s=processor_s)


def sized(pid: int) -> Sized | None:
    """A process with its resident size; None if it is gone."""
    try:
        words = _stat(pid)
        return Sized(pid, int(words[21]) * _PAGE_BYTES, int(words[3]))
    except (OSError, ValueError, IndexError):
        return None


def total_bytes(processes: Collection[Sized]) -> int:
    """The memory of all of them."""
    return sum(each.size_bytes for each in processes)


def proportional(processes: Collection[Sized]) -> tuple[Sized, ...]:
    """The same processes with their proportional sizes: shared memory counts once."""
    return tuple(_proportional(each) for each in processes)


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the third one, the process's state."""
    return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()


def _namespace(pid: int) -> str | None:
    try:
        return os.readlink(_PROC / str(pid) / "ns" / "pid")  # noqa: PTH115 - many of them
    except OSError:
        return None


def _proportional(process: Sized) -> Sized:
    try:
        said = (_PROC / str(process.pid) / "smaps_rollup").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return replace(process, size_bytes=0)  # the process has ended in the meantime
    except OSError:
        return process
    found = _PROPORTIONAL.findall(said)
    return replace(process, size_bytes=1024 * sum(int(each) for each in found)) if found else process
