"""The keeper: a small process beside Planward that ends the programs of a killed Planward.

Without it, after a `kill -9`, Planward's Terraform would keep writing a state while the next Planward process already
makes a plan from that state. So each process that runs programs has a keeper. Planward reports every program to it
through a pipe. When the pipe closes, Planward is dead. Then the keeper interrupts the programs once, waits, and kills
those that remain. The next process waits for their end: every program holds an inherited lock until it has ended. The
keeper also reads their output, since programs die in the middle of their work if nobody reads it.

A worker that shares its database also sends heartbeats. When they stop (the process hangs, or cannot reach the
database), its keeper ends the programs and the process, before others may take over its work.

This file is also a separate program (`python -I -S keeper.py`), so it uses only the standard library.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_POLL_S = 0.1


class Keeper:
    """The keeper of this process, as the process sees it."""

    def __init__(self, directory: Path, *, silence_s: float, grace_s: float) -> None:
        """Start it. A process that sends heartbeats may be silent for `silence_s`; an interrupted program has
        `grace_s` to end."""
        name = os.urandom(8).hex()
        self._programs_path = directory / f"{name}.programs"
        self.programs = _open_locked(self._programs_path, fcntl.LOCK_SH)
        # Renamed after it is locked: an unlocked file with this name belongs to a dead process.
        self._alive_path = directory / f"{name}.alive"
        making = directory / f"{name}.making"
        self._alive = _open_locked(making)
        making.rename(self._alive_path)
        self._line, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", __file__),
                *(str(self._programs_path), str(os.getpid()), str(silence_s), str(grace_s)),
            ],
            stdin=theirs.fileno(),
            start_new_session=True,
        )
        theirs.close()

    @contextlib.contextmanager
    def inherited(self) -> Iterator[int]:
        """The descriptor that a program has to inherit: a lock of its own, which is released only when it ends."""
        held = _open_locked(self._programs_path, fcntl.LOCK_SH)
        try:
            yield held
        finally:
            os.close(held)

    def begun(self, group: int, pid: int, outputs: Sequence[int]) -> None:
        """Report that a program was started: its group, and the process in it that can be interrupted.

        `outputs` are the reading ends of its pipes.
        """
        self._send("begun", group, outputs, pid)

    def interrupted(self, group: int) -> None:
        """Report that a program was sent SIGINT, so that the keeper does not send another one. On a second SIGINT,
        Terraform stops at once, and may lose its changes."""
        self._send("interrupted", group)

    def ended(self, group: int) -> None:
        """Report that a program and its group have ended."""
        self._send("ended", group)

    def beat(self) -> None:
        """Send a heartbeat. After the first one, the keeper expects more."""
        self._send("beat", os.getpid())

    def _send(self, word: str, group: int, outputs: Sequence[int] = (), pid: int = 0) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._line, [f"{word} {group} {pid}\n".encode()], list(outputs))

    def close(self) -> None:
        """End the keeper; programs that still run are ended."""
        os.close(self.programs)
        self._line.close()
        self._process.wait()
        os.close(self._alive)
        self._alive_path.unlink(missing_ok=True)
        self._programs_path.unlink(missing_ok=True)


@contextlib.contextmanager
def keeping(directory: Path, *, silence_s: float, grace_s: float) -> Iterator[Keeper]:
    """Start the keeper of this process; `directory` is shared with earlier processes."""
    keeper = Keeper(directory, silence_s=silence_s, grace_s=grace_s)
    try:
        yield keeper
    finally:
        keeper.close()


def wait_for_orphans(directory: Path, *, patience_s: float) -> tuple[str, ...]:
    """Wait until the programs of dead processes have ended. Returns the names of keepers whose programs have not."""
    end = time.monotonic() + patience_s
    left = []
    for alive in sorted(directory.glob("*.alive")):
        if not _lockable(alive):
            continue  # of a living process
        programs = alive.with_suffix(".programs")
        while not _lockable(programs) and time.monotonic() < end:
            time.sleep(_POLL_S)
        if not _lockable(programs):
            left.append(alive.stem)
        alive.unlink(missing_ok=True)
        programs.unlink(missing_ok=True)
    return tuple(left)


def _open_locked(path: Path, how: int = fcntl.LOCK_EX) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, how)
    return descriptor


def _lockable(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


# --- the keeper's own process ----------------------------------------------------------------------------------------


class _Keeping:
    def __init__(self, programs: Path, planward: int, silence_s: float, grace_s: float) -> None:
        self._programs = programs
        self._planward = planward
        self._silence_s = silence_s
        self._grace_s = grace_s
        self._line = socket.socket(fileno=0)
        self._groups: dict[int, int | None] = {}
        """The process to interrupt in each group; None if it was already interrupted."""
        self._outputs: set[int] = set()
        self._unread = b""
        self._silent_at: float | None = None

    def until_the_end(self) -> None:
        while self._listen(None if self._silent_at is None else self._silent_at - time.monotonic()):
            pass
        silent = self._silent_at is not None and time.monotonic() >= self._silent_at
        for pid in self._groups.values():
            if pid is not None:
                _signal(pid, signal.SIGINT)
        end = time.monotonic() + self._grace_s
        while time.monotonic() < end and not _lockable(self._programs):
            self._drain(_POLL_S)
        if silent:
            _signal(self._planward, signal.SIGKILL)
            # The pipe may hold reports of programs that were started while we waited.
            while self._listen(1.0):
                pass
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    def _listen(self, patience_s: float | None) -> bool:
        """Process messages. Returns False at the pipe's end, and after `patience_s` of silence."""
        readable, _, _ = select.select([self._line], [], [], None if patience_s is None else max(patience_s, 0))
        said, outputs, _, _ = socket.recv_fds(self._line, 65536, 64) if readable else (b"", [], 0, None)
        self._outputs.update(outputs)
        *lines, self._unread = (self._unread + said).split(b"\n")
        for line in lines:
            word, group, pid = line.split()
            self._process(word.decode(), int(group), int(pid))
        return bool(said)

    def _process(self, word: str, group: int, pid: int) -> None:
        match word:
            case "begun":
                self._groups[group] = pid
            case "interrupted":
                self._groups[group] = None
            case "ended":
                self._groups.pop(group, None)
                self._forget_closed()
            case "beat":
                self._silent_at = time.monotonic() + self._silence_s

    def _forget_closed(self) -> None:
        """Close the outputs of ended programs. The keeper need not read the rest of them: Planward does."""
        polling = select.poll()
        for output in self._outputs:
            polling.register(output, 0)
        for output, _ in polling.poll(0):
            os.close(output)
            self._outputs.discard(output)

    def _drain(self, patience_s: float) -> None:
        readable, _, _ = select.select(list(self._outputs), [], [], patience_s)
        for output in readable:
            if not os.read(output, 65536):
                os.close(output)
                self._outputs.discard(output)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    programs, planward, silence_s, grace_s = sys.argv[1:]
    _Keeping(Path(programs), int(planward), float(silence_s), float(grace_s)).until_the_end()


if __name__ == "__main__":
    _main()
