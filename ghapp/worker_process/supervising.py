"""The supervision by `serve`: start the worker, restart it if it ends, and end it."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from ghapp.errors import PlanwardError
from ghapp.keys_apart import handing_over
from ghapp.log import log
from ghapp.worker_process.messages import (
    SERVE_FD,
    Answer,
    Begin,
    Question,
    Refused,
    Subject,
    Wake,
    Working,
    as_line,
    read_by_serve,
)

_LONGEST_LINE = 4 * 1024 * 1024
_MOST_UNSENT = 64 * 1024
"""The most bytes that may wait for a worker that does not read. Beyond that, messages are dropped, which costs little:
the worker also polls its queues by itself."""


class WorkerEnded(PlanwardError):
    """The worker does not run. The message tells the operator why."""


class Process(Protocol):
    """A process, like `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """The process id."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal."""

    def wait(self) -> int:
        """Wait until it has ended. Returns its exit status, negative for a signal."""


Spawn = Callable[[Mapping[str, int]], Process]
"""Starts a worker that inherits these descriptors. Each key is the name of the environment variable that tells the
worker the descriptor's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long `serve` waits for its worker, in seconds, and how often it restarts it."""

    first_pause_s: float = 0.5
    """The pause before the first restart. It doubles with each further one."""
    longest_pause_s: float = 30.0
    steady_s: float = 60.0
    """Once a worker has worked for this long, restarts are counted from zero again."""
    most_in_a_row: int = 10
    """`serve` ends if this many workers in a row have ended sooner than `steady_s`, or could not start."""
    answer_s: float = 4.0


def spawn_worker(descriptors: Mapping[str, int]) -> Process:
    """Start `planward worker` with the same interpreter and module as this process.

    It runs in its own session: Ctrl-C in a terminal reaches only `serve`, which then ends the worker gracefully.
    """
    arguments = len(sys.argv) - 1
    words = [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - arguments], "worker"]
    environ = {**os.environ, **{name: str(number) for name, number in descriptors.items()}}
    inherited = tuple(descriptors.values())
    return subprocess.Popen(words, env=environ, stdin=subprocess.DEVNULL, pass_fds=inherited, start_new_session=True)


class WorkerBeside:
    """The worker process of this `serve`."""

    def __init__(
        self, secrets: Mapping[str, str], *, spawn: Spawn = spawn_worker, patience: Patience = Patience()
    ) -> None:
        """Start the worker at once, so that both processes import their modules in parallel.

        The worker takes jobs only during `running`.

        It gets the `secrets` through a file in memory, since this process's environment does not contain them.
        """
        self._secrets = secrets
        self._spawn = spawn
        self._patience = patience
        self._started = self._start()
        self._at_work: _Worker | None = None
        self._lost = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.starts = 1
        """How many workers this process has started."""

    @contextlib.asynccontextmanager
    async def running(self, give_up: Callable[[], None]) -> AsyncIterator[None]:
        """Let the worker work until the context ends, then end it gracefully.

        If workers keep ending, `give_up` is called once. Raises WorkerEnded at once if the first worker does not
        start. Raises it at the end of the context if workers ended again and again, or if the last one had an error.
        """
        self._loop = asyncio.get_running_loop()
        watching: asyncio.Task[None] | None = None
        try:
            await self._begin()
            watching = asyncio.create_task(self._watch_until_given_up(give_up))
            yield
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            status = await self._end()
        if self._lost:
            raise WorkerEnded(f"the worker ended {self.starts} times: see the log")
        if status not in (0, None):
            raise WorkerEnded(f"the worker ended with an error: {_describe_exit(status)}")

    def wake(self, queue: str) -> None:
        """Have the worker poll a queue now. Can be called from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the event loop may have ended
                self._loop.call_soon_threadsafe(self._wake, queue)

    async def failing(self) -> tuple[str, ...]:
        """Return what is missing: the worker itself, or the services that it needs and that do not answer."""
        if self._at_work is None:
            return ("the worker is not running: it ended and will be restarted",)
        try:
            return await self._at_work.ask("failing", within_s=self._patience.answer_s)
        except (TimeoutError, WorkerEnded):
            return ("the worker does not answer",)

    async def metrics(self) -> str:
        """Return the worker's metrics as text for Prometheus; empty if it does not answer."""
        if self._at_work is None:
            return ""
        try:
            return "".join(await self._at_work.ask("metrics", within_s=self._patience.answer_s))
        except (TimeoutError, WorkerEnded):
            return ""

    def _wake(self, queue: str) -> None:
        if self._at_work is not None:
            self._at_work.wake(queue)

    def _start(self) -> "_Worker":
        ours, theirs = socket.socketpair()
        try:
            with handing_over(self._secrets) as secrets:
                process = self._spawn({SERVE_FD: theirs.fileno(), **secrets})
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Worker(process, ours)

    async def _begin(self) -> None:
        await self._started.begin()
        self._at_work = self._started
        log.info("worker_works", pid=self._started.pid)

    async def _watch_until_given_up(self, give_up: Callable[[], None]) -> None:
        try:
            await self._watch()
            log.error("worker_given_up", starts=self.starts)
        except Exception:
            log.exception("worker_not_watched")
        self._lost = True
        give_up()

    async def _watch(self) -> None:
        """Restart the worker whenever it ends, until too many in a row have ended."""
        ended = in_a_row = 0  # since the last steady worker: with it, and without it
        while in_a_row < self._patience.most_in_a_row:
            if self._at_work is None:
                await asyncio.sleep(
                    min(self._patience.first_pause_s * 2.0 ** (ended - 1), self._patience.longest_pause_s)
                )
                if not await self._start_again():
                    ended, in_a_row = ended + 1, in_a_row + 1
                    continue
            status = await self._started.ended()
            self._at_work = None
            worked_s = self._started.worked_s()
            ended, in_a_row = (1, 0) if worked_s >= self._patience.steady_s else (ended + 1, in_a_row + 1)
            log.error("worker_ended", how=_describe_exit(status), worked_s=round(worked_s), in_a_row=in_a_row)

    async def _start_again(self) -> bool:
        try:
            self._started = self._start()
            self.starts += 1
            await self._begin()
        except (OSError, WorkerEnded) as error:
            log.error("worker_not_started", reason=str(error))
            await self._started.kill()
            return False
        return True

    async def _end(self) -> int | None:
        """End the worker gracefully. Returns its exit status, None if it had already ended."""
        self._at_work = None
        return await self._started.end()


class _Worker:
    """One worker process, from start to end."""

    def __init__(self, process: Process, connection: socket.socket) -> None:
        self.pid = process.pid
        self._process = process
        self._connection = connection
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[int] | None = None
        self._working: asyncio.Future[None] | None = None
        self._works_since: float | None = None
        self._works_until = 0.0
        self._is_gone = False
        self._numbers = itertools.count()
        self._questions: dict[int, asyncio.Future[tuple[str, ...]]] = {}

    async def begin(self) -> None:
        """Let the worker begin, and wait until it takes jobs. Raises WorkerEnded if it ends before that."""
        listening = await self._listen()
        assert self._writer is not None
        assert self._working is not None
        self._send(Begin())
        both: list[asyncio.Future[Any]] = [listening, self._working]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not self._working.done():
            raise WorkerEnded(f"the worker ended while it started ({_describe_exit(listening.result())}): see the log")
        await self._working

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit status."""
        return await asyncio.shield(await self._listen())

    async def end(self) -> int | None:
        """End the worker gracefully, and return its exit status; None if it had already ended."""
        listening = await self._listen()
        if listening.done():
            return None
        self._process.send_signal(signal.SIGTERM)
        status = await listening
        # A worker that takes no jobs yet does not handle SIGTERM, but has nothing to finish either.
        return 0 if status == -signal.SIGTERM and self._works_since is None else status

    async def kill(self) -> None:
        """Kill it."""
        self._process.send_signal(signal.SIGKILL)
        await self.ended()

    def worked_s(self) -> float:
        """For how many seconds the worker has worked."""
        return 0.0 if self._works_since is None else self._works_until - self._works_since

    def wake(self, queue: str) -> None:
        """Tell the worker that a job was enqueued."""
        self._send(Wake(queue))

    async def ask(self, subject: Subject, *, within_s: float) -> tuple[str, ...]:
        """Ask the worker. Raises TimeoutError, and WorkerEnded if it ends before it answers."""
        if self._is_gone:
            raise WorkerEnded("the worker ended")
        number = next(self._numbers)
        answer: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        try:
            self._send(Question(number, subject))
            async with asyncio.timeout(within_s):
                return await answer
        finally:
            del self._questions[number]

    def _send(self, message: msgspec.Struct) -> None:
        assert self._writer is not None
        if not self._writer.is_closing() and self._writer.transport.get_write_buffer_size() < _MOST_UNSENT:
            self._writer.write(as_line(message))

    async def _listen(self) -> "asyncio.Task[int]":
        if self._listening is None:
            reader, self._writer = await asyncio.open_connection(sock=self._connection, limit=_LONGEST_LINE)
            self._working = asyncio.get_running_loop().create_future()
            self._listening = asyncio.create_task(self._until_its_end(reader, self._writer, self._working))
        return self._listening

    async def _until_its_end(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, working: "asyncio.Future[None]"
    ) -> int:
        try:
            while line := await reader.readline():
                match read_by_serve(line):
                    case Working():
                        self._works_since = time.monotonic()
                        working.set_result(None)
                    case Refused(reason=reason):
                        working.set_exception(WorkerEnded(reason))
                    case Answer(number=number, said=said):
                        if (asked := self._questions.get(number)) is not None and not asked.done():
                            asked.set_result(said)
        except (OSError, ValueError, RecursionError, asyncio.InvalidStateError) as error:
            # The connection is broken, or this is not a message from a worker.
            log.error("worker_not_understood", error=type(error).__name__)
            self._process.send_signal(signal.SIGKILL)
        self._is_gone = True
        self._works_until = time.monotonic()
        for asked in self._questions.values():
            if not asked.done():
                asked.set_exception(WorkerEnded("the worker ended"))
        status = await asyncio.to_thread(self._process.wait)
        writer.close()
        return status


def _describe_exit(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {-status}"
