"""Planward processes that are forked with everything imported: a start takes a tenth of the usual time."""

import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_forking = multiprocessing.get_context("forkserver")
_LATE = (
    "alembic.command",
    "anyio._backends._asyncio",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "httpcore",
    "psycopg",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""Modules that the libraries import only when they need them: each process would have to import them itself."""
_WORKERS = ("tests.stories.faults.serve", "tests.ghapp.durable_worker", "tests.ghapp.shares_worker")
_COMMANDS = (
    "ghapp.cli.serving",
    "ghapp.app",
    "ghapp.work",
    "ghapp.cli.setup",
    "ghapp.setup",
    "tests.seed",
    "tests.warm",
)
_forking.set_forkserver_preload(["pytest", *_WORKERS, *_COMMANDS, *_LATE])


class Forked:
    """One such process, with methods of `subprocess.Popen`. It ends when `target` returns."""

    def __init__(self, target: Callable[..., object], *arguments: Any) -> None:
        self._process = _forking.Process(target=target, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"{self.pid} did not end within {timeout} s")
        return code


class ForkedPlanward(Forked):
    """`planward` with these arguments and only this environment. Its output can be read from `stdout` and `stderr`.

    Without `cwd`, it writes to the standard output of the tests, and `stdout` is empty.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], *, cwd: Path | None = None) -> None:
        out_reader, out_writer = _forking.Pipe(duplex=False)
        reader, writer = _forking.Pipe(duplex=False)
        with out_reader, out_writer, reader, writer:
            super().__init__(_run_planward, arguments, environ, cwd, out_writer, writer)
            self.stdout = os.fdopen(os.dup(out_reader.fileno()), encoding="utf-8")
            self.stderr = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")

    def close(self) -> None:
        """Close `stdout` and `stderr`."""
        self.stdout.close()
        self.stderr.close()


def run_logged(arguments: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    """Run `planward` in this process, which was forked, and append what it says to a log file."""
    run_changed(arguments, environ, log, lambda: None)


def run_changed(arguments: Sequence[str], environ: Mapping[str, str], log: str, change: Callable[[], None]) -> None:
    """Like `run_logged`, but first call `change`, which may replace parts of Planward."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    _run(arguments, environ, change)


def _run_planward(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path | None,
    stdout: "Connection[Any, Any]",
    stderr: "Connection[Any, Any]",
) -> None:
    if cwd is not None:
        os.chdir(cwd)
        os.dup2(stdout.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    stdout.close()
    stderr.close()
    _run(arguments, environ)


def _run(arguments: Sequence[str], environ: Mapping[str, str], change: Callable[[], None] = lambda: None) -> None:
    """Run `planward` with this environment alone. The worker of a `serve` is forked, too."""
    from ghapp.cli import main, serving
    from ghapp.worker_process.supervising import WorkerBeside
    from tests.seed import Seed, fork_readers_server

    os.environ.clear()
    os.environ.update(environ)
    # Forked processes would otherwise all draw the same random numbers.
    random.seed()
    change()
    if arguments[0] == "serve" and "--no-worker" not in arguments:
        setattr(serving, "WorkerBeside", partial(WorkerBeside, spawn=Seed().spawn))  # noqa: B010
    elif arguments[0] == "worker":
        fork_readers_server()
    sys.argv = ["planward", *arguments]
    # If the fork server was started with a secret in its environment, `planward serve` restarts itself like this.
    sys.orig_argv = [sys.executable, "-m", "ghapp", *arguments]
    main()
