"""Which programs run below a process."""

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
