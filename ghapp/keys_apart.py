"""Keep secrets out of this process's environment, where other programs could read them.

On Linux, `/proc/PID/environ` shows the environment with which a process was started, even if the process deletes
variables later. So `serve` and `worker` read their secrets, restart themselves without them, and get them back through
a file in memory that nobody else can open. The worker that `serve` starts gets them in the same way.

This module uses only the standard library, since it runs before everything else.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

_HANDED_OVER = "PLANWARD_HANDED_OVER_FD"
_PR_SET_DUMPABLE = 4


def take_environment(secrets: Collection[str]) -> Mapping[str, str]:
    """Return the environment. Only the returned copy contains the variables named in `secrets`.

    If the process was started with them in its environment, this restarts the program with the same arguments. After
    the call, only root may trace this process, read its memory, or get a core dump of it.
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
        return False  # not on Linux, so others cannot read the environment there
    return any(each.partition(b"=")[0].decode(errors="replace") in held for each in initial)


@contextlib.contextmanager
def handing_over(held: Mapping[str, str]) -> Iterator[Mapping[str, int]]:
    """Write the secrets to a file in memory for another process of Planward.

    Yields a mapping with one entry: the name of an environment variable and the file's descriptor. The other process
    has to inherit the descriptor, and to find its number in that variable. This process closes the descriptor when the
    context ends.
    """
    memory = _in_memory(held)
    try:
        yield {_HANDED_OVER: memory}
    finally:
        os.close(memory)


def _restart(held: Mapping[str, str]) -> None:
    memory = _in_memory(held)
    os.set_inheritable(memory, True)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _HANDED_OVER: str(memory)})  # noqa: S606 - itself


def _in_memory(held: Mapping[str, str]) -> int:
    """Return a file in memory with the secrets; on platforms without such files, a temporary file without a name."""
    content = json.dumps(dict(held)).encode()
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("planward")
    else:
        memory, path = tempfile.mkstemp(prefix="planward-")
        Path(path).unlink()
    while content:
        content = content[os.write(memory, content) :]
    return memory


def _close_to_others() -> None:
    """Let nobody but root trace this process, read its memory, or get a core dump of it.

    https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
