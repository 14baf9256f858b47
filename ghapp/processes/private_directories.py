"""Directories with one owner and mode 0700, which are always removed, even after a crash."""

import asyncio
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

_ALIVE = ".alive"


def make_private(directory: Path) -> Path:
    """Create a directory and its missing parents, set the directory's mode to 0700, and return it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    return directory


@asynccontextmanager
async def private_directory(root: Path, prefix: str) -> AsyncIterator[Path]:
    """Create a new directory below `root` and remove it afterwards, even after an error or a cancellation.

    While the directory is in use, a file beside it is locked. If the file is not locked, `sweep` knows that the process
    was killed.
    """
    make_private(root)
    with _alive(root, prefix) as directory:
        content = directory / "d"
        content.mkdir(mode=0o700)
        try:
            yield content
        finally:
            await _remove(directory)


@contextmanager
def _alive(root: Path, prefix: str) -> Iterator[Path]:
    # It is created and locked under the root's lock, so that a sweep never sees it unlocked.
    with _root_lock(root):
        directory = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=root))
        held = os.open(directory / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield directory
    finally:
        os.close(held)


@contextmanager
def _root_lock(root: Path) -> Iterator[None]:
    held = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


async def _remove(directory: Path) -> None:
    removing = asyncio.ensure_future(asyncio.to_thread(remove_tree, directory))
    try:
        await asyncio.shield(removing)
    except asyncio.CancelledError:
        await removing
        raise


def remove_tree(directory: Path) -> None:
    """Remove a directory with its content, even if a program removed the write permission."""
    shutil.rmtree(directory, ignore_errors=True)
    if directory.is_dir():
        for current, names, _ in os.walk(directory):
            for name in [".", *names]:
                with suppress(OSError):
                    path = Path(current, name)
                    if not path.is_symlink():
                        path.chmod(stat.S_IRWXU)
        shutil.rmtree(directory, ignore_errors=True)


def sweep(root: Path) -> tuple[str, ...]:
    """Remove the directories below `root` that a killed process left, and return their names."""
    if not root.is_dir():
        return ()
    swept: list[str] = []
    with _root_lock(root):
        for directory in sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()):
            if not _in_use(directory):
                remove_tree(directory)
                swept.append(directory.name)
    return tuple(swept)


def remove_whole(path: Path, root: Path) -> None:
    """Remove a directory atomically: first rename it below `root`, where `sweep` finds it after an interruption."""
    with _root_lock(make_private(root)):
        aside = root / f"removed-{secrets.token_hex(8)}"
        path.rename(aside)
    remove_tree(aside)


def _in_use(directory: Path) -> bool:
    if not (directory / _ALIVE).is_file():
        return False
    with locked(directory / _ALIVE) as unused:
        return not unused


class InUse:
    """Marks a shared object as in use while this value exists. Several processes may mark the same object."""

    def __init__(self, path: Path) -> None:
        """`path` is the file that represents the object; it is created if necessary."""
        self._path = path
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, held)
        fcntl.flock(held, fcntl.LOCK_SH)

    def mark(self) -> None:
        """Record the time of this use as the file's modification time."""
        os.utime(self._path)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file exclusively during the context; create it if necessary. Yields False if others have the lock."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(held)
