"""Limits of a program: if it exceeds one it is ended, and the result names the limit."""

import asyncio
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exceeded, Exited, Limits, Stop
from ghapp.processes.measuring import machine_bytes

MB = 1_000_000

EATS = "eaten = []\nfor _ in range(400):\n    eaten.append(bytearray(5_000_000)); time.sleep(0.02)\ntime.sleep(600)\n"
"""Takes 250 MB of memory a second, up to 2 GB."""


def run(script: str, limits: Limits, **options: Any) -> Exited:
    """Run a Python script that may use `os, signal, subprocess, sys, time`."""
    text = "import os, signal, subprocess, sys, time\n" + textwrap.dedent(script)
    words = [sys.executable, "-I", "-S", "-c", text]
    return asyncio.run(PROGRAMS_WITHOUT_KEEPER.run(words, environ={}, timeout_s=60, limits=limits, **options))


class TestMemory:
    def test_a_program_that_takes_more_is_killed_at_once(self) -> None:
        ended = run(EATS, Limits(memory_bytes=100 * MB))
        assert (ended.exit_code, ended.timed_out, ended.interrupted) == (-9, False, False)
        assert ended.exceeded is not None
        assert ended.exceeded.limit == "memory"
        assert 100 * MB < ended.exceeded.size_bytes < 1000 * MB

    def test_memory_of_child_processes_counts(self) -> None:
        script = f"subprocess.Popen([sys.executable, '-c', {'import time' + chr(10) + EATS!r}]).wait()"
        ended = run(script, Limits(memory_bytes=100 * MB))
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "memory")

    def test_memory_that_processes_share_counts_once(self) -> None:
        script = """\
            shared = bytearray(b"x" * 80_000_000)
            for _ in range(5):
                if not os.fork():
                    time.sleep(1); os._exit(0)
            for _ in range(5):
                os.wait()
            """
        ended = run(script, Limits(memory_bytes=200 * MB))
        assert (ended.exit_code, ended.exceeded) == (0, None)

    def test_a_program_that_holds_a_lock_is_interrupted_and_has_time_to_end(self) -> None:
        script = """\
            try:
                held = bytearray(b"x") * 130_000_000
                while True:
                    time.sleep(0.1)  # a signal that arrives just before a sleep does not end it
            except KeyboardInterrupt:
                print("state written"); sys.exit(1)
            """
        ended = run(script, Limits(memory_bytes=100 * MB, interrupt_first=True), stop=Stop(deadline_s=50))
        assert (ended.exit_code, ended.stdout) == (1, b"state written\n")
        assert (ended.exceeded and ended.exceeded.limit, ended.interrupted) == ("memory", False)

    def test_a_program_that_keeps_taking_memory_is_killed_at_twice_the_limit(self) -> None:
        script = f"signal.signal(signal.SIGINT, signal.SIG_IGN)\n{EATS}"
        ended = run(script, Limits(memory_bytes=100 * MB, interrupt_first=True), stop=Stop(deadline_s=50))
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "memory")

    def test_a_child_that_keeps_taking_memory_is_killed_before_the_program_that_holds_the_lock(self) -> None:
        eats = f"import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{EATS}"
        script = f"""\
            signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
            child = subprocess.Popen([sys.executable, "-c", {eats!r}])
            print(child.wait(), "state written"); sys.exit(1)
            """
        ended = run(script, Limits(memory_bytes=100 * MB, interrupt_first=True), stop=Stop(deadline_s=50))
        assert (ended.exit_code, ended.stdout) == (1, b"interrupted\n-9 state written\n")

    def test_the_memory_of_the_machine_is_known(self) -> None:
        assert 100 * MB < machine_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class TestOutput:
    def test_a_program_that_prints_without_end_is_killed(self) -> None:
        lines: list[bytes] = []
        script = "while True: print('x' * 900)"
        ended = run(script, Limits(output_bytes=10 * MB), on_line=lines.append)
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "output")
        assert 9000 < len(lines) <= 10_000

    def test_many_short_lines_cost_as_much_as_long_ones(self) -> None:
        lines: list[bytes] = []
        ended = run("while True: print()", Limits(output_bytes=10 * MB), on_line=lines.append)
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "output")
        assert len(lines) <= 100_000

    def test_no_more_output_than_the_limit_is_collected(self) -> None:
        ended = run("while True: sys.stderr.write('x' * 1000)", Limits(output_bytes=10 * MB))
        assert ended.exceeded is not None
        assert 9 * MB < len(ended.stderr) <= 10 * MB < ended.exceeded.size_bytes

    def test_a_line_that_does_not_end_is_cut_and_the_next_one_is_whole(self) -> None:
        lines: list[bytes] = []
        ended = run("print('x' * 9_000_000); print('next')", Limits(output_bytes=20 * MB), on_line=lines.append)
        assert (ended.exit_code, ended.exceeded, len(lines)) == (0, None, 2)
        assert lines[0].removeprefix(b"x" * 4 * 1024 * 1024).decode() == (
            " … the rest of this line is left out: it is longer than 4 MB"
        )
        assert lines[1] == b"next"

    def test_a_program_that_holds_a_lock_may_print_more_until_it_ends(self) -> None:
        script = """\
            try:
                while True: print("x" * 900)
            except KeyboardInterrupt:
                for _ in range(20_000): print("x" * 900)
                sys.exit(1)
            """
        ended = run(script, Limits(output_bytes=10 * MB, interrupt_first=True), on_line=lambda _: None)
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (1, "output")

    @pytest.mark.parametrize("pause", ["time.sleep(600)", "pass"], ids=["while it is written", "when it is written"])
    def test_a_file_that_grows_too_large_counts(self, tmp_path: Path, pause: str) -> None:
        ended = run(
            f"sys.stdout.write('x' * 3_000_000); sys.stdout.flush(); {pause}",
            Limits(output_bytes=2 * MB),
            stdout_to=tmp_path / "plan.json",
        )
        assert ended.exceeded == Exceeded(limit="file", size_bytes=3_000_000, allowed_bytes=2_000_000)
