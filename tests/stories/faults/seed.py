"""The workers of a `serve` with faults are forked as well: from a process that it forked before it had threads."""

import contextlib
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

from ghapp.cli import main

SERVE_PID = "PLANWARD_TEST_SERVE_PID"
"""The variable that tells a worker the number of its `serve`."""
_MOST_BYTES = 65_536


class Seed:
    """The process below `serve` from which its workers are forked; it ends with `serve`."""

    def __init__(self) -> None:
        """Fork it; to be called while there is one thread."""
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        serve = os.getpid()
        if os.fork() == 0:
            self._line.close()
            _grow(theirs, serve)
        theirs.close()

    def spawn(self, descriptors: Mapping[str, int]) -> "Grown":
        """Start a worker, as `spawn_worker` does."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._line, [json.dumps([*descriptors]).encode()], [theirs.fileno(), *descriptors.values()])
        return Grown(ours)


class Grown:
    """A worker that was forked from the seed."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.pid = int(line.recv(_MOST_BYTES))
        self._status: int | None = None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self._status is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end."""
        if self._status is None:
            self._status = int(self._line.recv(_MOST_BYTES))
        return self._status


def _status_of(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _grow(line: socket.socket, serve: int) -> None:
    """Fork a worker for each message, until `serve` has ended."""
    while True:
        names, descriptors, _, _ = socket.recv_fds(line, _MOST_BYTES, 8)
        if not names:
            os._exit(0)
        if os.fork() == 0:
            line.close()
            _tell_end_of_worker(socket.socket(fileno=descriptors[0]), json.loads(names), descriptors[1:], serve)
        for each in descriptors:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _tell_end_of_worker(line: socket.socket, names: Sequence[str], descriptors: Sequence[int], serve: int) -> None:
    """Fork the worker itself, so that each has somebody who waits for it."""
    worker = os.fork()
    if worker == 0:
        line.close()
        os.environ.update({SERVE_PID: str(serve), **dict(zip(names, map(str, descriptors), strict=True))})
        sys.argv = ["planward", "worker"]
        os._exit(_status_of(main))
    for each in descriptors:
        os.close(each)
    line.send(str(worker).encode())
    _, status = os.waitpid(worker, 0)
    line.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)
