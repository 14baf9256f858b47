"""Control groups (cgroup v2): if one is delegated to Planward, each command of a root run has a group of its own in it.

The kernel measures a command together with everything that it started, can kill all of it at once, and enforces the
limits of the delegated controllers (cpu, memory, pids). In a sandbox no process can leave its group.

    DELEGATED/        the systemd unit's group (`Delegate=`), or the container's if that is writable
      planward/       Planward's own processes; DELEGATED cannot have any, since it has subgroups with controllers
      runs-NAME/      the commands of one worker, which holds a lock on it
        1/ 2/ …       one command each

https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import asyncio
import contextlib
import errno
import fcntl
import itertools
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from ghapp.log import log
from ghapp.processes.delegated_group import OWN, NoControlGroups, find_delegated
from ghapp.processes.measuring import Usage, proportional, sized, total_bytes

_RUNS = "runs-"
_CONTROLLERS = ("cpu", "memory", "pids")
_WEIGHT = 33
"""The processor weight of all commands of a worker together. Planward's own group has 100. So the commands together get
a third of the processor time that Planward gets, as with a nice value of 5 (priority.py)."""
_ATTEMPTS = 20
_KILL_S = 10.0
_POLL_S = 0.005


def examine_control_groups() -> str:
    """Say in one line how the commands of root runs are limited on this machine. Changes nothing."""
    try:
        return _describe(_available(find_delegated()))
    except NoControlGroups as error:
        return _describe_unused(error)


def open_control_groups() -> tuple["ControlGroups | None", str]:
    """Prepare the delegated control group, if there is one. Also says in one line how the commands are limited."""
    try:
        groups = ControlGroups.opened(find_delegated())
    except NoControlGroups as error:
        return None, _describe_unused(error)
    except OSError as error:
        return None, _describe_unused(f"its control group cannot be used ({error.strerror})")
    return groups, groups.protection


def _describe_unused(reason: object) -> str:
    return f"Planward measures each command, without control groups: {reason}"


def _describe(controllers: Collection[str]) -> str:
    return f"each command has a control group of its own ({', '.join(sorted(controllers)) or 'without controllers'})"


def _available(group: Path) -> tuple[str, ...]:
    there = (group / "cgroup.controllers").read_text().split()
    return tuple(each for each in _CONTROLLERS if each in there)


class ControlGroups:
    """The control groups of one worker's commands."""

    def __init__(self, runs: Path, lock: int, controllers: Collection[str]) -> None:
        """Use `opened`."""
        self._runs = runs
        self._lock = lock
        self._controllers = frozenset(controllers)
        self._numbering = itertools.count(1)

    @classmethod
    def opened(cls, delegated: Path) -> Self:
        """Remove the groups of workers that were killed, and prepare the delegated group. Raises OSError.

        Moves all of its processes to a group below it, since all of them are Planward's.
        """
        own = delegated / OWN
        own.mkdir(mode=0o700, exist_ok=True)
        with _held(own):  # otherwise, a worker that starts now could remove the new group before it is locked
            for left in delegated.glob(f"{_RUNS}*"):
                _remove_left(left)
            runs = delegated / f"{_RUNS}{os.urandom(4).hex()}"
            runs.mkdir(mode=0o700)
            lock = _locked(runs)
        controllers = _available(delegated)
        _move_processes(delegated, own)
        for group in (delegated, runs):
            controllers = tuple(each for each in controllers if _enable(group, each, own))
        if "cpu" in controllers:
            (runs / "cpu.weight").write_text(str(_WEIGHT))
        return cls(runs, lock, controllers)

    @property
    def protection(self) -> str:
        """The limits that the groups enforce, in one line for people, like `Sandbox.protection`."""
        return _describe(self._controllers)

    def make(self, bounds: Mapping[str, str]) -> "Group":
        """Create the group of one command. Raises OSError.

        `bounds` are the contents of its files, by name; files of controllers that the group lacks are left out.
        """
        path = self._runs / str(next(self._numbering))
        path.mkdir(mode=0o700)
        group = Group(path, self._controllers)
        try:
            for name, content in bounds.items():
                if group.has(name.partition(".")[0]):
                    # A machine without swap does not have this file.
                    with contextlib.suppress(OSError) if name == "memory.swap.max" else contextlib.nullcontext():
                        (path / name).write_text(content)
        except OSError:
            path.rmdir()
            raise
        return group

    def close(self) -> None:
        """Remove the worker's groups, whose commands have ended."""
        _end(self._runs)
        os.close(self._lock)


class Group:
    """The control group of one command."""

    def __init__(self, path: Path, controllers: Collection[str]) -> None:
        """Use `ControlGroups.make`."""
        self.path = path
        self._controllers = controllers

    def has(self, controller: str) -> bool:
        """Whether the group has this controller, so that the kernel enforces its limits."""
        return controller in self._controllers

    def take_in(self, pid: int) -> None:
        """Move a process into this group. What it starts from now on is in the group, too. Raises OSError."""
        (self.path / "cgroup.procs").write_text(str(pid))

    async def usage(self, above_bytes: int | None) -> Usage:
        """What its processes use.

        Without the memory controller, the memory is estimated. If the estimate is more than `above_bytes`, the memory
        is measured more exactly.
        """
        return await asyncio.to_thread(self._usage, above_bytes)

    def _usage(self, above_bytes: int | None) -> Usage:
        processes = tuple(found for pid in _pids(self.path) if (found := sized(pid)) is not None)
        if self.has("memory"):
            memory_bytes = self._memory_bytes()
        else:
            if above_bytes is not None and total_bytes(processes) > above_bytes:
                processes = proportional(processes)
            memory_bytes = total_bytes(processes)
        processor_s = _numbers(self.path / "cpu.stat").get("usage_usec", 0) / 1_000_000
        return Usage(processes=processes, memory_bytes=memory_bytes, processor_s=processor_s)

    def _memory_bytes(self) -> int:
        """The group's memory, without what the kernel can take back at any time, such as copies of files on a disk."""
        kept = _numbers(self.path / "memory.stat")
        reclaimable = kept.get("file", 0) - kept.get("shmem", 0) + kept.get("slab_reclaimable", 0)
        return max(_number(self.path / "memory.current") - reclaimable, 0)

    def refused(self) -> Literal["memory", "pids"] | None:
        """The limit that made the kernel kill a process of this group or refuse to start one; None if there is none."""
        events = _numbers(self.path / "memory.events") if self.has("memory") else {}
        # `oom_kill` alone also counts processes that were killed because the machine had no memory left.
        if events.get("oom", 0) and events.get("oom_kill", 0):
            return "memory"
        if self.has("pids") and _numbers(self.path / "pids.events").get("max", 0):
            # Older kernels also count refusals at the limit of a group further up. So check this group's own peak.
            most = _number(self.path / "pids.max")
            return "pids" if _number(self.path / "pids.peak", most) >= most else None
        return None

    def peak_bytes(self) -> int:
        """The most memory that it used at a time; 0 if the kernel does not report this (before 5.19)."""
        return _number(self.path / "memory.peak")

    def kill(self) -> None:
        """Kill all of its processes at once."""
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")

    async def end(self) -> None:
        """Kill what is left in it, and remove it. If that fails, the next worker does it."""
        if not await asyncio.to_thread(_end, self.path):
            log.error("control_group_not_removed", group=str(self.path))


def held_back(argv: Sequence[str], *, has_input: bool) -> list[str]:
    """Wrap a program in a shell that waits for a line on its standard input, and then starts the program.

    Move the shell into its group before you send the line (`GO`). With `has_input`, the rest of the standard input is
    the program's; otherwise the program has none.
    """
    no_input = "" if has_input else " </dev/null"
    return ["/bin/sh", "-c", f'read -r planward_go && exec "$@"{no_input}', "sh", *argv]


GO = b"\n"
"""The line for which a shell of `held_back` waits."""


def _move_processes(source: Path, target: Path) -> None:
    for _ in range(_ATTEMPTS):  # again for processes that start meanwhile
        found = _pids(source)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(OSError):  # it has ended, or is outside this container
                (target / "cgroup.procs").write_text(str(pid))


def _enable(group: Path, controller: str, own: Path) -> bool:
    """Pass a controller on to the groups below; False if the kernel refuses."""
    for _ in range(_ATTEMPTS):
        try:
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as error:
            if error.errno != errno.EBUSY:
                return False
            _move_processes(group, own)
        else:
            return True
    return False


def _remove_left(runs: Path) -> None:
    """Kill the commands of a worker and remove its groups, unless the worker is alive."""
    try:
        lock = _locked(runs)
    except (BlockingIOError, FileNotFoundError):
        return
    try:
        if not _end(runs):
            log.error("control_group_not_removed", group=str(runs))
    finally:
        os.close(lock)


def _end(group: Path) -> bool:
    """Kill all processes of a group and of the groups below it, and remove these groups. False if some remain."""
    with contextlib.suppress(OSError):  # gone
        (group / "cgroup.kill").write_text("1")
    end = time.monotonic() + _KILL_S
    while _numbers(group / "cgroup.events").get("populated", 0) and time.monotonic() < end:
        time.sleep(_POLL_S)
    try:
        for current, _, _ in os.walk(group, topdown=False):
            os.rmdir(current)  # noqa: PTH106 - creating a Path for each takes time
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Wait for the lock of a directory, and hold it during the context."""
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _locked(directory: Path) -> int:
    """Lock a directory, and return the lock's descriptor. Raises BlockingIOError if another process has locked it."""
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    return lock


def _pids(group: Path) -> list[int]:
    try:
        # 0 stands for a process outside this pid namespace.
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split() if pid != "0"]
    except OSError:
        return []


def _number(file: Path, otherwise: int = 0) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max" is no number
        return otherwise


def _numbers(file: Path) -> Mapping[str, int]:
    """The numbers of a file that has a name and a number on each line; empty if the file is gone."""
    try:
        return {name: int(number) for name, number in (line.split() for line in file.read_text().splitlines())}
    except OSError:
        return {}
