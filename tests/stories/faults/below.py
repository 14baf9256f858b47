"""The programs that run below a process, and those with a word in their command line.

All process ids are those of the host: in a sandbox with a PID namespace, a program sees another id for itself.
"""

import os
from pathlib import Path


def descendants(pid: int) -> list[list[str]]:
    """The process id and the command line of each process below a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            words = (stat.parent / "cmdline").read_text().split("\0")
        except (OSError, ValueError):
            continue
        if parent == pid:
            number = stat.parent.name
            found += [[number, *words], *descendants(int(number))]
    return found


def processes_with(word: str) -> list[int]:
    """The ids of the processes on this machine that have a word in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
