"""Running and ending programs: lines, signals, time limits."""

import asyncio
import errno
import os
import sys
import time
from pathlib import Path

import pytest

from ghapp import processes
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER


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

    def test_a_program_that_reads_no_input_does_not_wait_to_be_fed(self) -> None:
        ended = asyncio.run(
            PROGRAMS_WITHOUT_KEEPER.run(
                [sys.executable, "-c", "print('read nothing')"], environ={}, timeout_s=60, stdin=b"x" * 10_000_000
            )
        )

        assert (ended.exit_code, ended.stdout) == (0, b"read nothing\n")


def _is_running(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.01)
    return True
