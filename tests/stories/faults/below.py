"""Which programs run below a process, and which have a word in their command line.

A number that a program knows of itself is another one where a sandbox gives it numbers of its own.
"""

import os
from pathlib import Path


def descendants(pid: int) -> list[list[str]]:
    """The processes below a process: the number of each, and its command line."""
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
    """The processes of this machine whose arguments hold a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
