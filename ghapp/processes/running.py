"""One program from its start to its end."""

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ghapp.processes.bounds import NOT_BOUND, NOT_EXECUTABLE, bound, bounded, of_group
from ghapp.processes.bubblewrap import Status
from ghapp.processes.cgroups import GO, ControlGroups, Group, held_back
from ghapp.processes.child import Child
from ghapp.processes.keeper import Keeper
from ghapp.processes.limits import NO_LIMITS, Exceeded, Guard, Limits
from ghapp.processes.output import Output
from ghapp.processes.priority import yield_to_others
from ghapp.processes.sandbox import UNCONFINED, Confined
from ghapp.processes.signals import stop_ignoring

_DRAIN_S = 5.0
_DEADLINE_S = 5.0
"""How long a program may go on after SIGINT if there is no `Stop`."""
_BY_SIGNAL = 128
_CATCHES_POLL_S = 0.01
_CAUGHT = re.compile(rb"^SigCgt:\s*([0-9a-f]{1,32})$", re.MULTILINE)


class ProgramMissing(Exception):
    """The program is missing or cannot be executed. The message is its name as requested."""


class NotConfined(Exception):
    """The sandbox or the control group could not be set up, so the program was not started. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Asks a running program to end: SIGINT once `requested` is set, SIGKILL to its group `deadline_s` later."""

    requested: asyncio.Event = field(default_factory=asyncio.Event)
    deadline_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The end of a program. `exit_code` is negative for a signal, as in `subprocess`."""

    exit_code: int
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    interrupted: bool = False
    timed_out: bool = False
    exceeded: Exceeded | None = None
    took_s: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Runs programs, under a keeper if this process has one."""

    keeper: Keeper | None = None
    groups: ControlGroups | None = None
    """The control groups for the programs of root runs, if there are any."""

    async def run(
        self,
        argv: Sequence[str | Path],
        *,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        stdin: bytes = b"",
        timeout_s: float,
        limits: Limits = NO_LIMITS,
        stop: Stop | None = None,
        on_line: Callable[[bytes], None] | None = None,
        stdout_to: Path | None = None,
        confined: Confined = UNCONFINED,
    ) -> Exited:
        """Run a program to its end and return its output.

        With `on_line`, each line of its standard output and standard error is passed on as it arrives, without the line
        end, instead of being collected. With `stdout_to`, the standard output goes to that file, which is created with
        mode 0600.

        The program gets SIGINT after `timeout_s` seconds, when `stop` is requested, and when the calling task is
        cancelled. If it still runs `stop.deadline_s` seconds later (5 seconds if there is no `stop`), its whole group
        gets SIGKILL. If it exceeds one of the `limits`, its group gets SIGKILL at once. With `limits.interrupt_first`,
        it gets SIGINT instead, and its group gets SIGKILL only if it still runs after the time given above. Children
        that outlive the program are killed. If `stop` is already requested, nothing is started.

        `cwd` and `stdout_to` are paths on this host. Paths in `argv` and `environ` are those that the program sees,
        which may differ if it is `confined`. Raises ProgramMissing and NotConfined.
        """
        if stop is not None and stop.requested.is_set():
            return Exited(exit_code=-signal.SIGINT, interrupted=True)
        if stdout_to is not None:
            limits = replace(limits, files=(*limits.files, stdout_to))
        group = await self._group(limits) if confined is not UNCONFINED else None
        guard = Guard(limits, group)
        out = None if stdout_to else await Output.opened(guard, on_line)
        err = await Output.opened(guard, on_line)
        process: Child | None = None
        target = out.write_end if out else os.open(stdout_to or "", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        stop_ignoring()
        try:
            with (
                nullcontext() if self.keeper is None else self.keeper.inherited() as lock,
                confined.command([os.fspath(word) for word in argv], environ, cwd, kept=lock is not None) as command,
            ):
                words = command.argv if command.uid is None else bounded(command.argv, _per_process(limits, group))
                if group is not None:
                    _require_executable(words[0], command.environ)
                    words = held_back(words, has_input=bool(stdin))
                process = Child.started(
                    words,
                    has_input=bool(stdin) or group is not None,
                    stdout=target,
                    stderr=err.write_end,
                    environ=command.environ,
                    cwd=command.cwd,
                    uid=command.uid,
                    pass_fds=(*(() if lock is None else (lock,)), *command.pass_fds),
                )
                if group is not None:
                    await _enter(group, process)
                    stdin = GO + stdin
                status = await Status.opened(command)
        except BaseException as error:
            _close(out, err)
            if process is not None:
                process.close_input()
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            if group is not None:
                await asyncio.shield(group.end())
            if process is not None:
                await asyncio.shield(process.wait())
            missing = isinstance(error, FileNotFoundError | PermissionError)
            if not missing or (cwd is not None and not cwd.is_dir()):
                raise
            raise ProgramMissing(os.fspath(argv[0])) from error
        finally:
            os.close(target)
            os.close(err.write_end)
        running = _Running(process, stop, guard, out, err, self.keeper, status, confined, command.uid)
        try:
            ended = await running.to_its_end(stdin, timeout_s)
        finally:
            if self.keeper is not None:
                self.keeper.ended(process.pid)
            _close(out, err)
            if status is not None:
                status.close()
        if command.uid is not None and ended.exit_code == NOT_EXECUTABLE:
            raise ProgramMissing(os.fspath(argv[0])) from PermissionError(os.fspath(argv[0]))
        if command.uid is not None and ended.exit_code == NOT_BOUND:
            raise NotConfined(ended.stderr.decode(errors="replace").strip()[-500:])
        return ended

    async def _group(self, limits: Limits) -> Group | None:
        if self.groups is None:
            return None
        try:
            return await asyncio.to_thread(self.groups.make, of_group(limits))
        except OSError as error:
            raise NotConfined(f"its control group could not be created: {error.strerror}") from error


PROGRAMS_WITHOUT_KEEPER = Programs()
"""Runs programs without a keeper: nothing ends them if this process is killed."""


def _close(*outputs: Output | None) -> None:
    for output in outputs:
        if output is not None:
            output.close()


def _require_executable(program: str, environ: Mapping[str, str]) -> None:
    """Raise FileNotFoundError if a program is missing, and PermissionError if it may not be executed.

    `held_back` starts a shell first, and that succeeds even if the program cannot be started.
    """
    if shutil.which(program, path=environ.get("PATH", os.defpath)) is None:
        raise PermissionError(program) if os.path.exists(program) else FileNotFoundError(program)  # noqa: PTH110


def _per_process(limits: Limits, group: Group | None) -> Limits:
    """The limits to set for each process. The number of processes is left out if the control group limits it."""
    return replace(limits, processes=None) if group is not None and group.has("pids") else limits


async def _enter(group: Group, process: Child) -> None:
    """Move a program that waits for `GO` (see `held_back`) into its control group. Raises NotConfined."""
    try:
        await asyncio.to_thread(group.take_in, process.pid)
    except OSError as error:
        process.kill()
        await process.wait()
        raise NotConfined(f"it could not be moved into its control group: {error.strerror}") from error


class _Running:
    """One running program, from its start to its end."""

    def __init__(
        self,
        process: Child,
        stop: Stop | None,
        guard: Guard,
        out: Output | None,
        err: Output,
        keeper: Keeper | None,
        status: Status | None,
        confined: Confined,
        uid: int | None,
    ) -> None:
        self._keeper = keeper
        self._process = process
        self._program = process.pid
        """The pid of the program itself, which in bubblewrap is a child of the started process."""
        self._stop = stop
        self._guard = guard
        self._out = out
        self._err = err
        self._status = status
        self._confined = confined
        self._uid = uid

    async def to_its_end(self, stdin: bytes, timeout_s: float) -> Exited:
        process = self._process
        began = time.monotonic()
        outputs = [each.whole for each in (self._out, self._err) if each is not None]
        process.write(stdin)
        watching: asyncio.Future[None] | None = None
        interrupted = timed_out = False
        try:
            await self._begin()
            watching = asyncio.ensure_future(self._guard.watch(process.pid, self._program, self._uid))
            interrupted, timed_out = await self._wait(timeout_s)
            self._guard.check_files()
            if process.returncode:
                self._guard.check_group()
        except asyncio.CancelledError:
            await asyncio.shield(self._end())
            raise
        finally:
            self._kill_group()
            await asyncio.shield(self._confined.end_all())
            if self._guard.group is not None:
                await asyncio.shield(self._guard.group.end())
            process.close_input()
            if watching is not None:
                watching.cancel()
            # A child that left the group may hold the pipes open forever, so wait only a little for more output.
            if not all(each.done() for each in outputs):
                await asyncio.wait(outputs, timeout=_DRAIN_S)
            for each in outputs:
                each.cancel()
            await asyncio.gather(*outputs, *(() if watching is None else (watching,)), return_exceptions=True)
        exceeded = None if interrupted or timed_out else self._guard.found()
        if self._status is not None and process.returncode == 1 and not await self._status.has_run():
            raise NotConfined(_result(self._err).decode(errors="replace").strip()[-500:])
        return Exited(
            exit_code=self._exit_code(),
            stdout=_result(self._out),
            stderr=_result(self._err),
            interrupted=interrupted,
            timed_out=timed_out,
            exceeded=exceeded,
            took_s=time.monotonic() - began,
        )

    async def _begin(self) -> None:
        """Find the program's process, report it to the keeper, and let it begin."""
        outputs = [output.read_end for output in (self._out, self._err) if output]
        if self._keeper is not None:
            self._keeper.begun(self._process.pid, self._process.pid, outputs)
        if self._status is not None:
            self._program = await self._status.child_pid() or self._process.pid
            if self._keeper is not None:
                self._keeper.begun(self._process.pid, self._program, ())
        if self._guard.limits.yields:
            yield_to_others(self._process.pid, self._program)
        if self._status is not None:
            bound(self._program, _per_process(self._guard.limits, self._guard.group))
            self._status.let_begin()

    def _exit_code(self) -> int:
        code = self._process.returncode
        if code is None:
            return -signal.SIGKILL
        # If a signal ended the program, bubblewrap exits with 128 plus the signal's number.
        return _BY_SIGNAL - code if self._status is not None and code > _BY_SIGNAL else code

    async def _wait(self, timeout_s: float) -> tuple[bool, bool]:
        """Wait for the end of the program, or end it. Returns whether it was interrupted, and whether it timed out."""
        first: set[asyncio.Future[Any]] = {self._process.ended, self._guard.exceeded}
        asked = None if self._stop is None else asyncio.ensure_future(self._stop.requested.wait())
        if asked is not None:
            first.add(asked)
        try:
            await asyncio.wait(first, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if self._process.ended.done():
                return False, False
            interrupted, exceeded = asked is not None and asked.done(), self._guard.exceeded.done()
            if exceeded and not self._guard.limits.interrupt_first:
                self._kill_group()
                await self._process.wait()
            else:
                await self._end()
            return interrupted, not interrupted and not exceeded
        finally:
            if asked is not None:
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)

    async def _end(self) -> None:
        # SIGINT goes only to the program, since Terraform stops its providers itself. If the whole group got it, the
        # providers would end while Terraform still writes the state.
        if self._keeper is not None:
            self._keeper.interrupted(self._process.pid)
        try:
            async with asyncio.timeout(_DEADLINE_S if self._stop is None else self._stop.deadline_s):
                await self._wait_for_handler()
                with suppress(ProcessLookupError):
                    os.kill(self._program, signal.SIGINT)
                await self._process.wait()
        except TimeoutError:
            self._kill_group()
            await self._process.wait()

    async def _wait_for_handler(self) -> None:
        """Wait until the program has a handler for SIGINT.

        In bubblewrap, the program is the first process of a pid namespace. The kernel drops signals to such a process
        if it has no handler for them.
        """
        while self._program != self._process.pid and self._process.returncode is None:
            try:
                caught = _CAUGHT.search(await asyncio.to_thread(Path(f"/proc/{self._program}/status").read_bytes))
            except OSError:
                return
            if caught is None or int(caught[1], 16) & 1 << (signal.SIGINT - 1):
                return
            await asyncio.sleep(_CATCHES_POLL_S)

    def _kill_group(self) -> None:
        """Kill the process group, and everything in the control group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._guard.group is not None:
            self._guard.group.kill()


def _result(output: Output | None) -> bytes:
    return b"" if output is None or output.whole.cancelled() else output.whole.result()
