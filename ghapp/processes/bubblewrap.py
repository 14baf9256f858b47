"""The sandbox `bubblewrap`: each command in its own user, pid, ipc, uts, cgroup and mount namespaces.

The network is shared, since plans need it. The command is the first process of its pid namespace, so when it ends,
the kernel kills everything that it started. Signals go to the command and never to bubblewrap: if bubblewrap ended, the
command would be killed in the middle of its work. The command inherits its environment from bubblewrap. The environment
is never passed in bubblewrap's arguments, because others could read them.

https://github.com/containers/bubblewrap
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.processes.sandbox import Command, HostPaths, Reach, SandboxName
from ghapp.processes.system_calls import refusals

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_ETC = (
    "alternatives",
    "crypto-policies",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl",
)
"""Files for finding hosts, certificates and libraries. Each one takes 0.1 ms for every command."""
_KEYS = ("/etc/ssl/private", "/etc/pki/tls/private")
"""Where the machine's own keys are, inside directories that runs see."""
_CHECKOUTS = Path("/planward")
_PRIVATE = Path("/run/planward")
_TEMPORARY = Path("/tmp")  # noqa: S108 - the run's own
_UID = 1000
_SHARED_MEMORY_BYTES = 64_000_000
_PROBE_TIMEOUT_S = 20
_FILTER = refusals()


class BubblewrapFails(Exception):
    """bubblewrap cannot be used here. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap:
    """bubblewrap, with the options that work on this machine."""

    program: str
    host: HostPaths = field(default_factory=HostPaths)
    options: tuple[str, ...] = ()
    """Options that not every version of bubblewrap has."""
    name: SandboxName = "bubblewrap"
    protection: str = (
        "Terraform runs in bubblewrap: it sees its checkout, its own directory, this host's system files (read-only) "
        "and the network"
    )

    has_mounts: bool = True
    shares_caches: bool = True

    def keeps(self, file: Path) -> bool:
        """Whether the file still exists after the run: true only if the operator opened its directory for writing."""
        return any(file.is_relative_to(path) for path in self.host.writes)

    def confine(self, reach: Reach) -> ConfinedRun:
        """Confine one root run."""
        return ConfinedRun(bubblewrap=self, reach=reach)


def probe_bubblewrap(host: HostPaths) -> Bubblewrap:
    """Start a test command in bubblewrap, as in a root run. Raises BubblewrapFails."""
    program = shutil.which("bwrap")
    if program is None:
        raise BubblewrapFails("it is not installed")
    why = ""
    for options in (("--disable-userns",), ()):  # since 0.8
        found = Bubblewrap(program=program, host=host, options=options)
        try:
            with contextlib.ExitStack() as stack:
                refused = _pass_filter(stack)
                ended = subprocess.run(
                    [program, *found.options, *_namespaces(), *_system(), *refused.words, "--", "/usr/bin/env", "true"],
                    env={},
                    pass_fds=refused.descriptors,
                    capture_output=True,
                    timeout=_PROBE_TIMEOUT_S,
                    check=False,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise BubblewrapFails(f"it cannot be run ({type(error).__name__})") from error
        if ended.returncode == 0:
            return found
        why = ended.stderr.decode(errors="replace").strip().removeprefix("bwrap: ")[:200]
    raise BubblewrapFails(why or "it ended without saying why")


def _namespaces() -> list[str]:
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", str(_UID), "--gid", str(_UID), "--hostname", "planward", "--as-pid-1"),
    ]


def _system() -> list[str]:
    """Arguments that mount the host's system files read-only, and give the sandbox its own `/dev` and `/proc`."""
    words: list[str] = []
    for path in _SYSTEM:
        if os.path.islink(path):  # noqa: PTH114
            words += ["--symlink", os.readlink(path), path]  # noqa: PTH115
        else:
            words += ["--ro-bind-try", path, path]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in _KEYS:
        if os.path.isdir(path):  # noqa: PTH112
            words += ["--tmpfs", path, "--remount-ro", path]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    return [*words, "--remount-ro", "/dev"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfinedRun:
    """One root run in bubblewrap."""

    bubblewrap: Bubblewrap
    reach: Reach

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Do nothing: the directories stay where they are, and each command mounts them at the run's paths."""
        yield

    @contextlib.asynccontextmanager
    async def vacated(self) -> AsyncIterator[None]:
        """Do nothing: no other run waits for the path."""
        yield

    def host_path(self, path: Path) -> Path:
        """The same path."""
        return path

    async def end_all(self) -> None:
        """Do nothing: the kernel has already ended all processes."""

    def run_path(self, path: Path) -> Path:
        """The path by which the run sees a file of its checkout or private directory."""
        # As strings: comparing Path objects is slow, and each run calls this method fifty times.
        text = os.fspath(path)
        for outside, inside in self._own():
            begin = os.fspath(outside)
            if text == begin or text.startswith(f"{begin}/"):
                return Path(f"{inside}{text[len(begin) :]}")
        return path

    def give(self, file: Path) -> None:
        """Do nothing: outside the sandbox, the run's processes belong to Planward's own user."""

    def _own(self) -> tuple[tuple[Path, Path], ...]:
        return (
            (self.reach.private / "tmp", _TEMPORARY),
            (self.reach.private, _PRIVATE),
            (self.reach.checkout, _CHECKOUTS / self.reach.repository),
        )

    @contextlib.contextmanager
    def command(
        self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, kept: bool
    ) -> Iterator[Command]:
        """One program of the run."""
        with contextlib.ExitStack() as stack:
            status, status_end = _pipe(stack)
            go_end, go = _pipe(stack)
            passwd = _data(stack, f"planward:x:{_UID}:{_UID}::{_PRIVATE}/home:/bin/sh\n".encode())
            group = _data(stack, f"planward:x:{_UID}:\n".encode())
            refused = _pass_filter(stack)
            words = [
                *(self.bubblewrap.program, *self.bubblewrap.options, *_namespaces(), *_system()),
                *("--ro-bind-data", str(passwd), "/etc/passwd", "--ro-bind-data", str(group), "/etc/group"),
                *self._binds(),
                *refused.words,
                *("--remount-ro", "/", "--json-status-fd", str(status_end), "--block-fd", str(go_end)),
                # With a keeper, the command is not killed together with Planward: the keeper ends it gracefully.
                *(() if kept else ("--die-with-parent",)),
                *(() if cwd is None else ("--chdir", str(self.run_path(cwd)))),
                *("--", *argv),
            ]
            yield Command(
                argv=tuple(words),
                environ=environ,
                cwd=None,
                pass_fds=(status_end, go_end, passwd, group, *refused.descriptors),
                status=status,
                go=go,
            )

    def _binds(self) -> Iterator[str]:
        host, reach = self.bubblewrap.host, self.reach
        opened = dict.fromkeys((*host.reads, *reach.reads), "--ro-bind-try")
        opened |= dict.fromkeys(host.writes if reach.host_writes else (), "--bind-try")
        (reach.private / "tmp").mkdir(mode=0o700, exist_ok=True)
        for outside, inside in reversed(self._own()):
            yield from ("--bind", str(outside), str(inside))
        # A directory has to come after the directory that contains it, and one in /tmp after the run's own /tmp.
        for path in sorted(each for each in opened if not each.is_relative_to("/usr")):
            yield from (opened[path], str(path), str(path))


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    return ends


class _FilterArguments(NamedTuple):
    words: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()


def _pass_filter(stack: contextlib.ExitStack) -> _FilterArguments:
    """bubblewrap's arguments and descriptors for the filter of system calls."""
    if _FILTER is None:
        return _FilterArguments()
    held = _data(stack, _FILTER)
    return _FilterArguments(("--seccomp", str(held)), (held,))


def _data(stack: contextlib.ExitStack, content: bytes) -> int:
    held = os.memfd_create("planward")
    stack.callback(os.close, held)
    os.write(held, content)
    os.lseek(held, 0, os.SEEK_SET)
    return held


class _StatusMessages(msgspec.Struct):
    child_pid: int | None = msgspec.field(name="child-pid", default=None)
    exit_code: int | None = msgspec.field(name="exit-code", default=None)


class Status:
    """bubblewrap's messages about its command, and the signal that lets the command begin."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport, go: int) -> None:
        """Use `opened`."""
        self._reader = reader
        self._transport = transport
        self._go = go

    @classmethod
    async def opened(cls, command: Command) -> Status | None:
        """Read from copies of a command's pipes; None if the command has none."""
        if command.status is None or command.go is None:
            return None
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(command.status), "rb", buffering=0)
        )
        return cls(reader, transport, os.dup(command.go))

    async def child_pid(self) -> int | None:
        """The pid of the command, which has not begun yet; None if it could not be started."""
        return (await self._read_messages()).child_pid

    def let_begin(self) -> None:
        """Let the command begin."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b".")

    async def has_run(self) -> bool:
        """Whether the command was started at all. Call it only after bubblewrap has ended by itself."""
        return (await self._read_messages()).exit_code is not None

    async def _read_messages(self) -> _StatusMessages:
        try:
            return read_json(await self._reader.readline(), _StatusMessages)
        except UnreadableJson:
            return _StatusMessages()

    def close(self) -> None:
        """Stop reading."""
        self._transport.close()
        os.close(self._go)
