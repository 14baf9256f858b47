"""Running and ending programs: lines, signals, time limits."""

import asyncio
import contextlib
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ghapp import processes
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER
from ghapp.processes.bubblewrap import Status
from ghapp.processes.child import Child


class TestProcesses:
    def test_lines_come_as_they_are_said_and_may_be_long(self) -> None:
        lines: list[bytes] = []
        script = "print('x' * 300_000); print('end', end='')"

        ended = asyncio.run(
            PROGRAMS_WITHOUT_KEEPER.run([sys.executable, "-c", script], environ={}, timeout_s=60, on_line=lines.append)
        )

        assert (ended.exit_code, [len(line) for line in lines]) == (0, [300_000, 3])

    def test_a_program_that_ignores_sigint_is_killed_with_its_children(self, tmp_path: Path) -> None:
        script = (
            "import signal, subprocess, sys, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nchild = "
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\nprint(child.pid, "
            "flush=True)\ntime.sleep(600)\n"
        )
        said: list[bytes] = []
        stop = processes.Stop(deadline_s=0.2)

        async def stopped() -> processes.Exited:
            running = asyncio.ensure_future(
                PROGRAMS_WITHOUT_KEEPER.run(
                    [sys.executable, "-c", script], environ={}, timeout_s=60, stop=stop, on_line=said.append
                )
            )
            while not said:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            stop.requested.set()
            return await running

        ended = asyncio.run(stopped())

        assert (ended.exit_code, ended.interrupted, ended.timed_out) == (-9, True, False)
        assert not _is_running(int(said[0]))

    def test_a_program_over_its_time_limit_gets_sigint_first(self) -> None:
        script = "import time\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('released')\n"

        ended = asyncio.run(PROGRAMS_WITHOUT_KEEPER.run([sys.executable, "-c", script], environ={}, timeout_s=0.5))

        assert (ended.stdout, ended.timed_out, ended.interrupted) == (b"released\n", True, False)

    def test_a_program_is_awaited_where_the_system_has_no_pidfd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(_pid: int) -> int:
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(os, "pidfd_open", refused, raising=False)
        script = "import sys, time; time.sleep(0.1); print(sys.stdin.read()); sys.exit(3)"

        ended = asyncio.run(
            PROGRAMS_WITHOUT_KEEPER.run([sys.executable, "-c", script], environ={}, timeout_s=60, stdin=b"fed")
        )

        assert (ended.exit_code, ended.stdout) == (3, b"fed\n")

    @pytest.mark.parametrize("has_pidfd", [True, False])
    def test_the_pid_of_an_ended_program_is_not_killed(self, has_pidfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        if not has_pidfd:
            monkeypatch.delattr(os, "pidfd_open", raising=False)

        async def kill_after_the_end() -> int:
            child = _started(sys.executable, "-c", "")
            _wait_for_end(child.pid)  # a thread may have reaped it; the event loop has not been told yet
            monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
            child.kill()
            return await child.wait()

        killed: list[tuple[int, ...]] = []
        assert asyncio.run(kill_after_the_end()) == 0
        assert killed == []

    def test_a_program_that_cannot_be_watched_is_killed_with_its_children(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = tmp_path / "begun"

        async def refused(_command: object) -> None:
            await asyncio.to_thread(_wait_for_file, begun)
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(Status, "opened", refused)
        script = (
            "import pathlib, subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "pathlib.Path(sys.argv[1] + '.new').write_text(str(child.pid))\n"
            "pathlib.Path(sys.argv[1] + '.new').rename(sys.argv[1])\n"
            "time.sleep(600)"
        )
        with pytest.raises(OSError, match="Too many open files"):
            asyncio.run(
                PROGRAMS_WITHOUT_KEEPER.run([sys.executable, "-c", script, str(begun)], environ={}, timeout_s=60)
            )

        assert not _is_running(int(begun.read_text()))

    def test_a_program_that_reads_no_input_does_not_wait_to_be_fed(self) -> None:
        ended = asyncio.run(
            PROGRAMS_WITHOUT_KEEPER.run(
                [sys.executable, "-c", "print('read nothing')"], environ={}, timeout_s=60, stdin=b"x" * 10_000_000
            )
        )

        assert (ended.exit_code, ended.stdout) == (0, b"read nothing\n")


def _started(*argv: str) -> Child:
    return Child.started(
        argv,
        has_input=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        environ={},
        cwd=None,
        uid=None,
        pass_fds=(),
    )


def _wait_for_end(pid: int) -> None:
    """Wait until a child process has ended and, if a thread waits for it, has been reaped."""
    with contextlib.suppress(ChildProcessError):  # it is reaped already
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    time.sleep(0.2)


def _wait_for_file(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.01)
    return True
