"""The worker's end of the connection: wakes its queues, answers questions, and ends the worker with `serve`."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ghapp.worker_process.messages import (
    SERVE_FD,
    Answer,
    Begin,
    Question,
    Refused,
    Subject,
    ToWorker,
    Wake,
    Working,
    as_line,
    read_by_worker,
)

_PR_SET_PDEATHSIG = 1

Answering = Callable[[Subject], Awaitable[Sequence[str]]]


class ServeLink:
    """The connection to the `serve` that started this worker.

    If it breaks, this process kills itself: the next `serve` starts its own worker, and with SQLite there can be only
    one.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Listen from now on, in a thread that no job can block."""
        self._connection = connection
        self._sending = threading.Lock()
        self._begun = threading.Event()
        self._wake: Callable[[str], None] | None = None
        self._answering: tuple[asyncio.AbstractEventLoop, Answering] | None = None
        _end_with_parent()
        threading.Thread(target=self._listen, name="serve", daemon=True).start()

    def wait_until_begun(self) -> None:
        """Wait until `serve` has brought the database up to date."""
        self._begun.wait()

    def working(self, *, wake: Callable[[str], None], answer: Answering) -> None:
        """Tell `serve` that the worker takes jobs. Call it on the event loop.

        `wake` is called in another thread, with the queue of each job that `serve` enqueues. `answer` runs on the loop.
        """
        self._answering = asyncio.get_running_loop(), answer
        self._wake = wake
        self._send(Working())

    def refused(self, reason: str) -> None:
        """Tell `serve` why the worker cannot start."""
        self._send(Refused(reason))

    def _send(self, message: msgspec.Struct) -> None:
        with self._sending, contextlib.suppress(OSError):  # `_listen` ends the process if the connection is broken
            self._connection.sendall(as_line(message))

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._connection.makefile("rb") as lines:
            for line in lines:
                self._process(read_by_worker(line))
        os.kill(os.getpid(), signal.SIGKILL)

    def _process(self, message: ToWorker) -> None:
        match message:
            case Begin():
                self._begun.set()
            case Wake(queue=queue):
                if self._wake is not None:
                    self._wake(queue)
            case Question():
                if self._answering is not None:
                    loop, answer = self._answering
                    with contextlib.suppress(RuntimeError):  # the event loop may have ended
                        asyncio.run_coroutine_threadsafe(self._answer(message, answer), loop)

    async def _answer(self, question: Question, answer: Answering) -> None:
        said = Answer(question.number, tuple(await answer(question.subject)))
        await asyncio.to_thread(self._send, said)


def inherited_link() -> ServeLink | None:
    """Return the connection to `serve`, or None if no `serve` started this worker."""
    descriptor = os.environ.pop(SERVE_FD, None)
    if descriptor is None:
        return None
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    return ServeLink(connection)


def _end_with_parent() -> None:
    """Have Linux kill this process when `serve` ends, even if this process is stopped or blocked.

    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
