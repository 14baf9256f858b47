"""Keep secrets out of this process's environment, where other programs could read them.

On Linux `/proc/PID/environ` shows the environment that a process was started with, even if it deletes variables later.
So `serve` and `worker` read their secrets, restart themselves without them, and get them back through a file in memory
that nobody else can open.

Uses only the standard library, since it runs before everything else.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

_HANDED_OVER = "PLANWARD_HANDED_OVER_FD"
_PR_SET_DUMPABLE = 4


def take_environment(secrets: Collection[str]) -> Mapping[str, str]:
    """Return the environment. Only the returned copy contains the `secrets` of these names.

    If they are in the process's initial environment, restarts this program with the same arguments. From then on only
    root may trace this process, read its memory, or get a core dump of it.
    """
    handed_over = _handed_over()
    held = {name: value for name in secrets if (value := os.environ.pop(name, None)) is not None}
    if held and _is_initial(held):
        _restart(held)
    _close_to_others()
    return {**os.environ, **held, **handed_over}


def _handed_over() -> dict[str, str]:
    descriptor = os.environ.pop(_HANDED_OVER, None)
    if descriptor is None:
        return {}
    with os.fdopen(int(descriptor), "rb") as file:
        file.seek(0)
        handed_over: dict[str, str] = json.load(file)
        return handed_over


def _is_initial(held: Collection[str]) -> bool:
    try:
        initial = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # not Linux: no environment to read there
    return any(each.partition(b"=")[0].decode(errors="replace") in held for each in initial)


def _restart(held: Mapping[str, str]) -> None:
    memory = os.memfd_create("planward", 0)
    os.write(memory, json.dumps(held).encode())
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _HANDED_OVER: str(memory)})  # noqa: S606 - itself


def _close_to_others() -> None:
    """https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html"""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
