"""Keys apart from what is started: not in the environment that Linux shows of this process, nor to be read out of it.

What `/proc/PID/environ` shows is what a process was started with, whatever it deletes later. So `serve` and `worker`
read their secrets, restart themselves without them, and get them back by a file in memory that nobody else has.

Takes nothing but the standard library: it runs before everything else.
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
    """Give the environment, with the `secrets` of these names in this answer alone.

    Restarts this program, with the same arguments, where they are in its initial environment. From here on nobody
    but root may trace this process, read its memory, or get a core of it.
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
        return False  # no Linux: nothing to be read there
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
