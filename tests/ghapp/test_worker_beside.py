"""The worker of `serve`: it is restarted when it ends, given up if it keeps ending, and never outlives `serve`."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ghapp.worker_process.messages import Refused, Working, as_line, read_by_serve
from ghapp.worker_process.supervising import Patience, WorkerBeside, WorkerEnded

SECRET = "kept-apart-4c1d"
PATIENCE = Patience(first_pause_s=0.01, longest_pause_s=0.01, most_in_a_row=3)

WORKER = """
import asyncio, json, os, signal, sys
from ghapp.keys_apart import take_environment
from ghapp.worker_process.link import inherited_link

link = inherited_link()
environ = take_environment(["PLANWARD_SECRET"])
record = open(sys.argv[1], "a", buffering=1)

async def answer(subject):
    return [subject, environ["PLANWARD_SECRET"]]

async def work():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    link.working(wake=lambda queue: record.write(f"woken {queue}\\n"), answer=answer)
    record.write(f"works {os.getpid()}\\n")
    if sys.argv[2] == "ends":
        os._exit(3)
    await stop.wait()
    record.write("ended in order\\n")

link.wait_until_begun()
if sys.argv[2] == "refuses":
    link.refused("there is no git")
    sys.exit(1)
asyncio.run(work())
"""


class Workers:
    """Workers that only record their events."""

    def __init__(self, directory: Path, how: str = "works") -> None:
        self._record = directory / "record"
        self._record.touch()
        self._how = how

    def spawn(self, descriptors: Mapping[str, int]) -> "subprocess.Popen[bytes]":
        """Start a worker. It behaves as `how` says."""
        environ = {**os.environ, **{name: str(number) for name, number in descriptors.items()}}
        words = [sys.executable, "-c", textwrap.dedent(WORKER), str(self._record), self._how]
        return subprocess.Popen(words, env=environ, pass_fds=tuple(descriptors.values()))

    def beside(self) -> WorkerBeside:
        """The supervisor of a worker below this process."""
        return WorkerBeside({"PLANWARD_SECRET": SECRET}, spawn=self.spawn, patience=PATIENCE)

    @property
    def events(self) -> list[str]:
        """The recorded events."""
        return self._record.read_text().splitlines()

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers that have begun to work."""
        return [int(each.split()[1]) for each in self.events if each.startswith("works")]


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    while not condition():  # noqa: ASYNC110 - other processes bring it about
        await asyncio.sleep(0.01)


async def failing(beside: WorkerBeside, word: str) -> tuple[str, ...]:
    """Wait until the first message begins with these words."""
    while not (said := await beside.failing())[0].startswith(word):  # noqa: ASYNC110
        await asyncio.sleep(0)
    return said


def never() -> None:
    raise AssertionError("it is not given up")


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    return Workers(tmp_path)


def test_the_worker_is_woken_queried_and_ended_gracefully(workers: Workers) -> None:
    async def work() -> tuple[object, str]:
        beside = workers.beside()
        async with beside.running(never):
            beside.wake("plans")
            await until(lambda: "woken plans" in workers.events)
            return await beside.failing(), await beside.metrics()

    assert asyncio.run(work()) == (("failing", SECRET), f"metrics{SECRET}")
    assert workers.events[-1] == "ended in order"


def test_a_killed_worker_is_started_again_with_its_secrets(workers: Workers) -> None:
    async def work() -> tuple[object, object, int]:
        beside = workers.beside()
        async with beside.running(never):
            await until(lambda: workers.pids)
            os.kill(workers.pids[0], signal.SIGSTOP)
            os.kill(workers.pids[0], signal.SIGKILL)
            away = await failing(beside, "the worker is not running")
            await until(lambda: len(workers.pids) == 2)
            return away, await failing(beside, "failing"), beside.starts

    away, there, starts = asyncio.run(work())
    assert (there, starts) == (("failing", SECRET), 2)
    assert away == ("the worker is not running: it ended and will be restarted",)


def test_if_every_worker_ends_at_once_serve_gives_up_instead_of_answering_without_a_worker(tmp_path: Path) -> None:
    workers, given_up = Workers(tmp_path, "ends"), asyncio.Event()

    async def work() -> None:
        async with workers.beside().running(given_up.set):
            await given_up.wait()

    with pytest.raises(WorkerEnded, match="the worker ended 3 times: see the log"):
        asyncio.run(work())
    assert len(workers.pids) == 3


def test_workers_that_worked_for_long_before_they_ended_do_not_make_serve_give_up(tmp_path: Path) -> None:
    workers, given_up = Workers(tmp_path, "ends"), asyncio.Event()
    steady = replace(PATIENCE, steady_s=0, most_in_a_row=1)
    beside = WorkerBeside({"PLANWARD_SECRET": SECRET}, spawn=workers.spawn, patience=steady)

    async def work() -> None:
        async with beside.running(given_up.set):
            await until(lambda: len(workers.pids) == 3 or given_up.is_set())

    with contextlib.suppress(WorkerEnded):  # the last worker's exit status is an error, too
        asyncio.run(work())
    assert not given_up.is_set()


def test_if_the_first_worker_refuses_to_start_serve_does_not_start_and_says_why(tmp_path: Path) -> None:
    async def work() -> None:
        async with Workers(tmp_path, "refuses").beside().running(never):
            raise AssertionError("it begins")

    with pytest.raises(WorkerEnded, match="there is no git"):
        asyncio.run(work())


SERVE = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ghapp.log import configure_logging
from tests.ghapp.test_worker_beside import Workers, never

configure_logging()

async def serve():
    async with Workers(Path(sys.argv[2])).beside().running(never):
        print("begun", flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""


@contextlib.contextmanager
def served(workers_directory: Path) -> Iterator["subprocess.Popen[str]"]:
    root = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", textwrap.dedent(SERVE), root, str(workers_directory)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


def is_gone(pid: int) -> bool:
    """Whether a process has ended. A zombie counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc tells which processes there are")
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_the_worker_ends_with_its_serve_however_that_ends(workers: Workers, tmp_path: Path, stopped: bool) -> None:
    with served(tmp_path) as process:
        while not workers.pids:
            time.sleep(0.01)
        [worker] = workers.pids
        if stopped:
            os.kill(worker, signal.SIGSTOP)  # a stopped worker cannot end itself
        process.kill()
        process.wait()
        while not is_gone(worker):
            time.sleep(0.01)


def test_the_workers_secrets_are_neither_in_its_arguments_nor_in_its_environment(
    workers: Workers, tmp_path: Path
) -> None:
    with served(tmp_path):
        while not workers.pids:
            time.sleep(0.01)
        [worker] = workers.pids
        for name in ("cmdline", "environ"):
            shown = subprocess.run(["cat", f"/proc/{worker}/{name}"], capture_output=True).stdout
            assert SECRET.encode() not in shown


def test_messages_are_one_line_each() -> None:
    line = as_line(Refused("two\nlines"))
    assert line.count(b"\n") == 1
    assert read_by_serve(line) == Refused("two\nlines")
    assert json.loads(as_line(Working())) == {"type": "working"}
