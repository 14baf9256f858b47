"""Planward with faults: it ends itself at points of its own work. `run` is called in a process of its own.

All files are in the directory PLANWARD_TEST_FAULTS. Each point that a process reaches is written to the file `passed`.
If the regular expression in the file `kill` matches the point, the process acts once for this point as the file `how`
says, and first creates a file that has the point in its name. If `how` is a number, the process sends itself that
signal; if it is `worker`, the process kills itself; otherwise it asks the test to disturb GitHub, and continues.

Points are before and after each durable step, Terraform command, reading of secrets and write to GitHub, after each
message and after each enqueued job. For a durable step there is one more point, after its result is recorded.

If the process is the worker of a `serve`, SIGKILL kills both, and any other signal goes to `serve`, which then stops
its worker gracefully. With `worker`, only the worker is killed.
"""

import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from dbos import DBOS
from githubkit import GitHub

import ghapp.app
import ghapp.work
from ghapp import notify
from ghapp.durable import JobQueue
from ghapp.flows.notifications import send_chat
from ghapp.jobs import Job
from ghapp.processes import Exited, Programs
from ghapp.terraform import programs
from ghapp.timings import Timings
from ghapp.vault.session import VaultSession
from tests.forked import run_changed
from tests.seed import SERVE_PID

_COMMANDS = ("init", "plan", "show", "apply", "validate")


def run(arguments: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    """Run `planward` with these arguments; to be called in a process that was forked after all imports."""

    def change() -> None:
        from tests.warm import ask_engine

        setattr(programs, "_probe", ask_engine)  # noqa: B010
        _shorten()
        for watch in (_watch_steps, _watch_programs, _watch_secrets, _watch_github, _watch_chat, _watch_acceptor):
            watch()

    run_changed(arguments, environ, log, change)


def _shorten() -> None:
    """Have Planward wait for seconds instead of minutes."""
    after_redeliveries_s = float(_read("after redeliveries") or 60)
    timings = Timings(
        retry_s=0.5,
        notify_after_s=4.0,
        after_redeliveries_s=after_redeliveries_s,
        heartbeat_s=0.8,
        own_silence_s=5.0,
        keeper_silence_s=6.0,
        keeper_grace_s=2.0,
        takeover_margin_s=1.0,
        state_lock_s=3,
    )
    setattr(ghapp.work, "Timings", lambda: timings)  # noqa: B010


def reached(point: str) -> None:
    """Record that a point is reached, and begin the fault that the test asked for at this point, if any."""
    _append("passed", point)
    kill = _read("kill").strip()
    if kill and re.fullmatch(kill, point) and _first_at(point):
        how = _read("how")
        if how == "worker":
            os.kill(os.getpid(), signal.SIGKILL)
        elif how.isdecimal():
            number, serve = int(how), int(os.environ.get(SERVE_PID, "0"))
            if serve:
                os.kill(serve, number)
            if not serve or number == signal.SIGKILL:
                os.kill(os.getpid(), number)
        else:
            _disturb(f"{how}: {point}")


def _disturb(request: str) -> None:
    """Ask the test to disturb GitHub, and wait until it has done so."""
    with socket.create_connection(("127.0.0.1", int(_read("disturber"))), timeout=10) as connection:
        connection.sendall(f"{request}\n".encode())
        connection.recv(1)


def _first_at(point: str) -> bool:
    """Whether this process is the first to reach the point since the faults began.

    The file is also the record that the fault began here: another process may end this one at any moment.
    """
    name = f"fault {_read('round')} {quote(point, safe='')}"
    try:
        os.close(os.open(_directory() / name, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _directory() -> Path:
    return Path(os.environ["PLANWARD_TEST_FAULTS"])


def _read(name: str) -> str:
    path = _directory() / name
    return path.read_text() if path.exists() else ""


def _append(name: str, line: str) -> None:
    descriptor = os.open(_directory() / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def _watch_steps() -> None:
    undisturbed = DBOS.run_step_async

    async def run_step_async(options: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        point = f"step {options['name']}"

        async def watched() -> Any:
            reached(f"{point}: before")
            result = await work()
            reached(f"{point}: after")
            return result

        result = await undisturbed(options, watched)
        reached(f"{point}: recorded")
        return result

    setattr(DBOS, "run_step_async", run_step_async)  # noqa: B010 - a class method of the engine is replaced


def _watch_programs() -> None:
    undisturbed = Programs.run

    async def run(programs: Programs, argv: Sequence[str | PurePath], **options: Any) -> Exited:
        words = [str(word) for word in argv]
        command = next((word for word in words[1:] if word in _COMMANDS), None)
        if words[0] == "git" or command is None:
            return await undisturbed(programs, words, **options)
        point = f"terraform {command}{' without lock' if '-lock=false' in words else ''}"
        on_line = options.get("on_line")
        if on_line is not None:

            def watched(line: bytes) -> None:
                reached(f"{point}: during")
                on_line(line)

            options["on_line"] = watched
        reached(f"{point}: before")
        ended = await undisturbed(programs, words, **options)
        reached(f"{point}: after")
        return ended

    setattr(Programs, "run", run)  # noqa: B010


def _watch_secrets() -> None:
    undisturbed = VaultSession.read

    async def read(self: VaultSession, *arguments: Any) -> Any:
        reached("secrets: before")
        found = await undisturbed(self, *arguments)
        reached("secrets: after")
        return found

    setattr(VaultSession, "read", read)  # noqa: B010


def _watch_github() -> None:
    undisturbed = GitHub.arequest

    async def arequest(self: Any, method: str, url: str, *, json: Any = None, **options: Any) -> Any:
        body = json if isinstance(json, dict) else {}
        about = " ".join(str(body[key]) for key in ("name", "status", "conclusion", "state") if body.get(key))
        path = re.sub(r"/\d+", "/N", re.sub(r"^.*/repos/[^/]+/[^/]+", "", url))
        point = f"{method} {path} {about}".strip()
        if method == "GET" or "access_tokens" in path or path == "/installation/token":
            return await undisturbed(self, method, url, json=json, **options)
        reached(f"{point}: before")
        response = await undisturbed(self, method, url, json=json, **options)
        reached(f"{point}: after")
        return response

    setattr(GitHub, "arequest", arequest)  # noqa: B010


def _watch_chat() -> None:
    async def deliver(*arguments: Any) -> Any:
        # There is no point before a message: if Planward were killed there, the message would be lost. A chat cannot be
        # asked whether it has a message, so Planward never sends one twice.
        delivered = await notify.deliver(*arguments)
        reached("message: after")
        return delivered

    setattr(send_chat, "deliver", deliver)  # noqa: B010


def _watch_acceptor() -> None:
    undisturbed = JobQueue.enqueue

    async def enqueue(self: JobQueue, job: Job) -> bool:
        fresh = await undisturbed(self, job)
        reached(f"accepted {job.__struct_config__.tag!s}: after")
        return fresh

    setattr(JobQueue, "enqueue", enqueue)  # noqa: B010
