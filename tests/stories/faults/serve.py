"""`planward` with faults: it ends itself at points of its own work. `python -m tests.stories.faults.serve serve …`

Every point that is reached is written to the file `passed` in the directory PLANWARD_TEST_FAULTS. At one that the
regular expression in the file `kill` matches, the process sends itself the signal in the file `signal`, once for each
point; `killed` says at which. Points are before and after each durable step (a new one is a point by itself), each
Terraform command, and each write to GitHub, and after each job that was accepted.
"""

import os
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

from dbos import DBOS
from githubkit import GitHub

from ghapp import processes
from ghapp.cli import main
from ghapp.durable import Acceptor
from ghapp.flows import reconcile, stories, telling
from ghapp.jobs import Job

_directory = Path(os.environ["PLANWARD_TEST_FAULTS"])
_COMMANDS = ("init", "plan", "show", "apply", "validate")


def reached(point: str) -> None:
    """Say that a point is reached, and die there if that is asked for and was not done yet."""
    _append("passed", point)
    kill = _read("kill").strip()
    if kill and re.fullmatch(kill, point) and point not in _read("killed").splitlines():
        _append("killed", point)
        os.kill(os.getpid(), int(_read("signal") or signal.SIGKILL))


def _read(name: str) -> str:
    path = _directory / name
    return path.read_text() if path.exists() else ""


def _append(name: str, line: str) -> None:
    descriptor = os.open(_directory / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
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
    undisturbed = processes.run

    async def run(argv: Sequence[str | PurePath], **options: Any) -> processes.Exited:
        words = [str(word) for word in argv]
        command = next((word for word in words[1:] if word in _COMMANDS), None)
        if words[0] == "git" or command is None:
            return await undisturbed(words, **options)
        point = f"terraform {command}{' without lock' if '-lock=false' in words else ''}"
        on_line = options.get("on_line")
        if on_line is not None:

            def line(said: bytes) -> None:
                reached(f"{point}: during")
                on_line(said)

            options["on_line"] = line
        reached(f"{point}: before")
        ended = await undisturbed(words, **options)
        reached(f"{point}: after")
        return ended

    setattr(processes, "run", run)  # noqa: B010


def _watch_github() -> None:
    undisturbed = GitHub.arequest

    async def arequest(self: Any, method: str, url: str, *, json: Any = None, **options: Any) -> Any:
        said = json if isinstance(json, dict) else {}
        about = " ".join(str(said[key]) for key in ("name", "status", "conclusion", "state") if said.get(key))
        path = re.sub(r"/\d+", "/N", re.sub(r"^.*/repos/[^/]+/[^/]+", "", url))
        point = f"{method} {path} {about}".strip()
        if method == "GET" or "access_tokens" in path or path == "/installation/token":
            return await undisturbed(self, method, url, json=json, **options)
        reached(f"{point}: before")
        response = await undisturbed(self, method, url, json=json, **options)
        reached(f"{point}: after")
        return response

    setattr(GitHub, "arequest", arequest)  # noqa: B010


def _watch_acceptor() -> None:
    undisturbed = Acceptor.accept

    async def accept(self: Acceptor, job: Job) -> bool:
        fresh = await undisturbed(self, job)
        reached(f"accepted {job.__struct_config__.tag!s}: after")
        return fresh

    setattr(Acceptor, "accept", accept)  # noqa: B010


if __name__ == "__main__":
    stories.AGAIN_S, telling.OWED_S = 2.0, 4.0
    reconcile.AFTER_REDELIVERIES_S = int(os.environ["PLANWARD_TEST_AFTER_REDELIVERIES_S"])
    _watch_steps()
    _watch_programs()
    _watch_github()
    _watch_acceptor()
    main()
