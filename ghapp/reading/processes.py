"""Read files in subprocesses, each within a time limit, so that no file can crash the server."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import util
from types import FrameType
from typing import Generic, TypeVar

from ghapp.errors import SettingsError

_BATCH = 64
_MOST_PROCESSES = 4
_GIVEN_UP_S = 60.0

LONGEST_S = 10.0
"""The time limit for one file."""

_LONGEST_SOCKET_BYTES = 107 if sys.platform == "linux" else 103
"""The longest path of a Unix socket: 108 bytes with the final zero on Linux, 104 on macOS and the BSDs.

https://man7.org/linux/man-pages/man7/unix.7.html
"""
_SOCKET = "/pymp-12345678/listener-12345678"
"""The path of the fork server's socket below TMPDIR."""

Input = TypeVar("Input")
Output = TypeVar("Output")


class Reader(Generic[Input, Output]):
    """A pool of processes that read inputs with one function. They are started for the first inputs, and kept.

    The inputs and results are pickled, and so is the function, which must be at the module's level.
    """

    def __init__(
        self, read: Callable[[Input], Output], *, file_limit_s: float = LONGEST_S, processes: int | None = None
    ) -> None:
        self._read = read
        self._file_limit_s = file_limit_s
        self._processes = processes or min(os.cpu_count() or 1, _MOST_PROCESSES)
        self._pool: ProcessPoolExecutor | None = None

    async def read(self, files: Sequence[Input]) -> list[Output | None]:
        """The results in order; None for an input that took too long or crashed its process."""
        batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
        done = await asyncio.gather(*(self._batch(batch) for batch in batches))
        return [each for batch in done for each in batch]

    def close(self) -> None:
        """Stop the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    async def _batch(self, batch: Sequence[Input]) -> list[Output | None]:
        pool = self._ensure_pool()
        try:
            reading = asyncio.wrap_future(pool.submit(_read_all, self._read, batch, self._file_limit_s))
            return await asyncio.wait_for(reading, _GIVEN_UP_S + self._file_limit_s * len(batch))
        except TimeoutError:
            # If a process is killed from outside while it writes its result, the pool waits forever for the rest.
            self._abandon(pool)
            return [None] * len(batch)
        except (BrokenProcessPool, ValueError):
            # One of the files crashed a process, and with it every running batch; halving finds that file. If the pool
            # starts a process at that moment, it passes closed descriptors, which raises ValueError.
            self._abandon(pool)
        if len(batch) == 1:
            return await self._read_in_own_pool(batch)
        middle = len(batch) // 2
        return [*await self._batch(batch[:middle]), *await self._batch(batch[middle:])]

    def _abandon(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)

    async def _read_in_own_pool(self, batch: Sequence[Input]) -> list[Output | None]:
        """Read one file in a pool of its own, since another batch may have broken the shared pool."""
        pool = _new_pool(1)
        try:
            return await asyncio.wrap_future(pool.submit(_read_all, self._read, batch, self._file_limit_s))
        except BrokenProcessPool:
            return [None]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ensure_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = _new_pool(self._processes)
        return self._pool


def require_short_temporary_directory() -> None:
    """Raises SettingsError if the path of TMPDIR is too long for the socket of the fork server."""
    directory = tempfile.gettempdir()
    longest = _LONGEST_SOCKET_BYTES - len(_SOCKET)
    if len(os.fsencode(directory)) > longest:
        raise SettingsError(
            f"the path of the temporary directory is longer than {longest} bytes, so Planward cannot create a socket "
            f"there: set TMPDIR to a directory with a shorter path than {directory}"
        )


def _new_pool(processes: int) -> ProcessPoolExecutor:
    require_short_temporary_directory()
    # Do not fork this process: it has threads, and a lock that one of them holds would stay locked in the child.
    # The fork server has no threads. It imports the readers once for all pools; otherwise, each process would spend
    # half a second on that. In Python 3.11.0, the fork server would listen on an abstract socket (CVE-2022-42919), to
    # which runs could connect, since they share this process's network.
    setattr(util, "abstract_sockets_supported", False)  # noqa: B010
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ghapp.reading"])
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare)


def _prepare() -> None:
    # Ctrl-C in a terminal is for the server, which stops its pool itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _give_up)
    # If its owner is killed, a pool would wait for work forever, since its processes hold both ends of the queue.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _TookTooLong(BaseException):
    """Not a subclass of Exception, which the parser libraries would catch."""


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise _TookTooLong


def _read_all(read: Callable[[Input], Output], files: Sequence[Input], file_limit_s: float) -> list[Output | None]:
    return [_read_one(read, each, file_limit_s) for each in files]


def _read_one(read: Callable[[Input], Output], file: Input, file_limit_s: float) -> Output | None:
    try:
        with _time_limit(file_limit_s):
            return read(file)
    except _TookTooLong:
        return None


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _TookTooLong after this time. If that does not help, kill the process after twice as much CPU time."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_VIRTUAL, 2 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
