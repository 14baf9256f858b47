"""Processes without threads, from which the processes of a forked `serve` or of a forked worker are forked.

The workers of a `serve` are forked from its `Seed`. The readers of a worker (`ghapp.reading`) are forked from the
worker's fork server. `fork_readers_server` forks this server, too, so that it does not import the readers again.
"""

import contextlib
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver, util

from ghapp.cli import main

SERVE_PID = "TEST_SERVE_PID"
"""The variable with the process id of a worker's `serve`."""
_MOST_BYTES = 65_536


class Seed:
    """The process below `serve` from which its workers are forked; it ends with `serve`."""

    def __init__(self) -> None:
        """Fork the process; to be called while there is only one thread."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        serve = os.getpid()
        if os.fork() == 0:
            self._socket.close()
            _fork_workers(theirs, serve)
        theirs.close()

    def spawn(self, descriptors: Mapping[str, int]) -> "ForkedWorker":
        """Start a worker; it takes the place of `spawn_worker`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            message = json.dumps([*descriptors]).encode()
            socket.send_fds(self._socket, [message], [theirs.fileno(), *descriptors.values()])
        return ForkedWorker(ours)


class ForkedWorker:
    """A worker that was forked from the seed."""

    def __init__(self, reports: socket.socket) -> None:
        self._reports = reports
        self.pid = int(reports.recv(_MOST_BYTES))
        self._status: int | None = None

    def send_signal(self, number: int) -> None:
        """Send the worker a signal, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait until the worker has ended, and return its exit status."""
        if self._status is None:
            self._status = int(self._reports.recv(_MOST_BYTES))
        return self._status


def fork_readers_server() -> None:
    """Fork the fork server of this process's readers; to be called while there is only one thread."""
    undisturbed = util.spawnv_passfds
    setattr(util, "spawnv_passfds", _fork_instead)  # noqa: B010
    setattr(util, "abstract_sockets_supported", False)  # noqa: B010 - as `ghapp.reading` sets it
    try:
        forkserver.ensure_running()
    finally:
        setattr(util, "spawnv_passfds", undisturbed)  # noqa: B010


def _fork_instead(program: bytes, argv: Sequence[str], descriptors: Sequence[int]) -> int:
    """Run the code that a new interpreter would run, in a process that has only these descriptors."""
    pid = os.fork()
    if pid == 0:
        first = 3
        for each in (*sorted(descriptors), os.sysconf("SC_OPEN_MAX")):
            os.closerange(first, each)
            first = each + 1
        os._exit(_status_of(lambda: exec(argv[-1], {})))
    return pid


def _status_of(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _fork_workers(requests: socket.socket, serve: int) -> None:
    """Fork a worker for each message, until `serve` has ended."""
    while True:
        names, descriptors, _, _ = socket.recv_fds(requests, _MOST_BYTES, 8)
        if not names:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            _run_worker(socket.socket(fileno=descriptors[0]), json.loads(names), descriptors[1:], serve)
        for each in descriptors:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _run_worker(reports: socket.socket, names: Sequence[str], descriptors: Sequence[int], serve: int) -> None:
    """Fork the worker itself, wait for it, and report its process id and its exit status."""
    worker = os.fork()
    if worker == 0:
        reports.close()
        os.environ.update({SERVE_PID: str(serve), **dict(zip(names, map(str, descriptors), strict=True))})
        sys.argv = ["planward", "worker"]
        fork_readers_server()
        os._exit(_status_of(main))
    for each in descriptors:
        os.close(each)
    reports.send(str(worker).encode())
    _, status = os.waitpid(worker, 0)
    with contextlib.suppress(BrokenPipeError):  # `serve` was killed, too
        reports.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)
