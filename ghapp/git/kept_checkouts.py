"""Keep a few checkouts between runs, in the directory of their mirror. They are removed together with it.

Taking a checkout renames its directory, so that two runs never get the same one, even in different processes. If
a process is killed, the checkout that it had taken is removed together with its other files.

Nothing that a run left is trusted. Git's index shows whether a file is still as git wrote it. The seal, a hash of the
index, shows whether anybody else has written the index. Seals exist only in this process's memory, so this process
never reuses a checkout that another process kept. A checkout of a plan is never used for an apply.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ghapp.processes.private_directories import remove_tree
from ghapp.values import TreeId

Use = Literal["plan", "apply"]

_KEPT = "checkouts"
_FILE = stat.S_IRUSR | stat.S_IWUSR
_LARGEST_INDEX_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckout:
    """The tree of a kept checkout, and the seal of its index."""

    tree: TreeId
    seal: bytes


class NotTheTree(OSError):
    """A checkout contains something that git would not have written."""


class KeptCheckouts:
    """The unused checkouts of all mirrors that are in one directory.

    If there are more than `most`, the oldest are removed.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._seals: dict[str, bytes] = {}

    def take(self, mirror: Path, tree: TreeId, use: Use, place: Path) -> KeptCheckout | None:
        """Move a kept checkout of this mirror and use to `place`, preferably one of this tree."""
        for kept in sorted(_kept_of(mirror), key=lambda each: not each.name.startswith(tree)):
            seal = self._seals.get(kept.name)
            if seal is None or kept.name.split("-")[1] != use:
                continue
            with suppress(OSError):  # another run may take it first
                kept.rename(place)
                del self._seals[kept.name]
                return KeptCheckout(tree=TreeId(kept.name.partition("-")[0]), seal=seal)
        return None

    def give_back(self, mirror: Path, use: Use, place: Path, checkout: KeptCheckout) -> None:
        """Keep a checkout that matches its tree exactly, for the next run with the same use."""
        with suppress(OSError):  # the mirror was removed in the meantime
            (mirror / _KEPT).mkdir(mode=0o700, exist_ok=True)
            os.utime(place)
            name = f"{checkout.tree}-{use}-{secrets.token_hex(4)}"
            self._seals[name] = checkout.seal
            place.rename(mirror / _KEPT / name)
        found: list[tuple[float, Path]] = []
        for each in mirror.parent.glob("*.git"):
            for kept in _kept_of(each):
                with suppress(OSError):
                    found.append((kept.stat().st_mtime, kept))
        for number, (_, kept) in enumerate(sorted(found, reverse=True)[self._most :]):
            self._seals.pop(kept.name, None)
            with suppress(OSError):
                kept.rename(place.with_name(f"too-old-{number}"))  # removed with the run's directory


def seal_of(index: Path) -> bytes:
    """The seal of an index.

    Raises OSError if there is no index, and NotTheTree if the index is not a regular file or is too large.
    """
    found = index.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_INDEX_BYTES:
        raise NotTheTree("its index is not a file, or too large")
    with index.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _kept_of(mirror: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from (mirror / _KEPT).iterdir()


def remove_untracked(content: Path, tracked: Iterable[bytes], symlinks: Iterable[bytes]) -> bool:
    """Remove untracked files and directories, and tracked files that their owner can no longer read and write.

    Git notices neither kind. A symlink in place of a tracked file is removed too, and so is a file in place of one of
    the tracked `symlinks`. So every symlink that is left belongs to the tree. Returns whether anything was removed.
    Raises NotTheTree if the checkout itself is not a directory or the owner may not use one of its directories, and
    OSError if something cannot be removed.
    """
    files, links = set(tracked), set(symlinks)
    if not stat.S_ISDIR(content.lstat().st_mode):
        raise NotTheTree("it is not a directory")
    directories = {b""}
    for path in files:
        while (path := path.rpartition(b"/")[0]) not in directories:
            directories.add(path)
    top = os.fsencode(content)
    found = False
    pending = [b""]
    while pending:
        directory = pending.pop()
        with os.scandir(os.path.join(top, directory)) as entries:  # noqa: PTH118 - thousands of files
            for entry in entries:
                path = directory + b"/" + entry.name if directory else entry.name
                mode = entry.stat(follow_symlinks=False).st_mode
                if not stat.S_ISDIR(mode):
                    is_right = stat.S_ISLNK(mode) if path in links else stat.S_ISREG(mode) and mode & _FILE == _FILE
                    if path not in files or not is_right:
                        os.unlink(entry.path)  # noqa: PTH108
                        found = True
                elif path in directories or path in files:  # a submodule is listed like a file, but is a directory
                    if mode & stat.S_IRWXU != stat.S_IRWXU:
                        raise NotTheTree(f"{path!r} may not be used")
                    pending.append(path)
                else:
                    found = True
                    remove_tree(Path(os.fsdecode(entry.path)))
                    if os.path.lexists(entry.path):
                        raise OSError(f"{path!r} could not be removed")
    return found
