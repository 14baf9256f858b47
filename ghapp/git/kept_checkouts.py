"""Checkouts between two runs: beside the mirror that they come from, few of them, and gone with it.

One that a run has lies elsewhere: to take one is to rename its directory, so that two never get the same, in other
processes neither, and what a killed process had is swept like everything else that it had.
"""

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ghapp.processes.private_directories import remove_tree
from ghapp.values import TreeId

_KEPT = "checkouts"
_FILE = stat.S_IRUSR | stat.S_IWUSR


class KeptCheckouts:
    """The checkouts that nobody has, of all mirrors in one directory; of more than `most` the oldest go."""

    def __init__(self, *, most: int) -> None:
        self._most = most

    def take(self, mirror: Path, tree: TreeId, place: Path) -> TreeId | None:
        """Move a checkout of the mirror to `place`, one of this tree if there is, and say what it holds."""
        for kept in sorted(_kept_of(mirror), key=lambda each: not each.name.startswith(tree)):
            with suppress(OSError):  # another run was faster
                kept.rename(place)
                return TreeId(kept.name.partition("-")[0])
        return None

    def give_back(self, mirror: Path, tree: TreeId, place: Path) -> None:
        """Keep a checkout, every file of which is as the tree has it, for the next run."""
        with suppress(OSError):  # the mirror was removed meanwhile
            (mirror / _KEPT).mkdir(mode=0o700, exist_ok=True)
            os.utime(place)
            place.rename(mirror / _KEPT / f"{tree}-{secrets.token_hex(4)}")
        found: list[tuple[float, Path]] = []
        for each in mirror.parent.glob("*.git"):
            for kept in _kept_of(each):
                with suppress(OSError):
                    found.append((kept.stat().st_mtime, kept))
        for number, (_, kept) in enumerate(sorted(found, reverse=True)[self._most :]):
            with suppress(OSError):
                kept.rename(place.with_name(f"too-old-{number}"))  # which is removed with all that lies there


def _kept_of(mirror: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from (mirror / _KEPT).iterdir()


def remove_strangers(content: Path, tracked: Iterable[bytes]) -> None:
    """Remove every file and directory that is not git's, and files that their owner may not read and write any more.

    Git notices neither. Raises OSError where something cannot be removed, or a directory not be used.
    """
    files = set(tracked)
    directories = {b""}
    for path in files:
        while (path := path.rpartition(b"/")[0]) not in directories:
            directories.add(path)
    top = os.fsencode(content)
    pending = [b""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(top, directory)) as entries:  # noqa: PTH118 - thousands of files
            for entry in entries:
                path = directory + b"/" + entry.name if directory else entry.name
                mode = entry.stat(follow_symlinks=False).st_mode
                if not stat.S_ISDIR(mode):
                    if path not in files or mode & _FILE != _FILE:
                        os.unlink(entry.path)  # noqa: PTH108
                elif path in directories or path in files:  # a file's path where there is a submodule
                    if mode & stat.S_IRWXU != stat.S_IRWXU:
                        raise OSError(f"{path!r} may not be used")
                    pending.append(path)
                else:
                    remove_tree(Path(os.fsdecode(entry.path)))
                    if os.path.lexists(entry.path):
                        raise OSError(f"{path!r} stays")
