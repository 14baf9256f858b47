"""Planward ignores some signals if `nohup`, or `&` in a script, started it. The programs that it runs ignore none."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PLANWARD = """
import asyncio, os, signal, sys
from ghapp import processes
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER


async def work():
    stop, lines = processes.Stop(deadline_s=20), []

    def hear(line):
        lines.append(line.decode())
        stop.requested.set()

    environ = {"PATH": os.environ["PATH"]}
    ended = await PROGRAMS_WITHOUT_KEEPER.run([sys.argv[1]], environ=environ, timeout_s=60, stop=stop, on_line=hear)
    print(ended.exit_code, *lines)
    status = await PROGRAMS_WITHOUT_KEEPER.run(["cat", "/proc/self/status"], environ=environ, timeout_s=60)
    print(*(line for line in status.stdout.decode().splitlines() if line.startswith("SigIgn")))
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGHUP)
    print("goes on")


asyncio.run(work())
"""


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    """A script like the wrappers of some engines: it ends gracefully when it is interrupted."""
    script = tmp_path / "wrapper"
    script.write_text("#!/bin/sh\ntrap 'echo ended in order; exit 7' INT\necho begun\nsleep 120 &\nwait\n")
    script.chmod(0o755)
    return script


def test_a_wrapper_script_is_interrupted_although_planward_was_started_with_signals_ignored(wrapper: Path) -> None:
    ignoring = ["sh", "-c", 'trap "" INT HUP QUIT TERM USR1; exec "$@"', "sh"]
    program = [sys.executable, "-c", textwrap.dedent(PLANWARD), str(wrapper)]
    ended = subprocess.run([*ignoring, *program], capture_output=True, text=True, timeout=120)
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == ["7 begun ended in order", "SigIgn:\t0000000000000000", "goes on"]
