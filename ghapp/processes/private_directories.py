"""Directories for one thing and one owner: mode 0700, removed whatever happens, also after a crash."""

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
    """Make a directory with mode 0700, parents included, and give it back."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    return directory


@asynccontextmanager
async def private_directory(root: Path, prefix: str) -> AsyncIterator[Path]:
    """Give a fresh directory below `root` and remove it afterwards, on an error and a cancellation too.

    While it is in use a lock is held beside it, by which `sweep` tells what a killed process left behind.
    """
    make_private(root)
    with _alive(root, prefix) as directory:
        content = directory / "d"
        content.mkdir(mode=0o700)
        try:
            yield content
        finally:
            await _removed(directory)


@contextmanager
def _alive(root: Path, prefix: str) -> Iterator[Path]:
    # Made and locked under the root's lock, so that a sweep never sees a directory that is not locked yet.
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


async def _removed(directory: Path) -> None:
    removing = asyncio.ensure_future(asyncio.to_thread(remove_tree, directory))
    try:
        await asyncio.shield(removing)
    except asyncio.CancelledError:
        await removing
        raise


def remove_tree(directory: Path) -> None:
    """Remove a directory with all that is in it, also where a program took away the right to write."""
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
    """Remove the directories below `root` that a process left behind when it was killed; gives their names."""
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
    """Remove a directory at once for whoever looks: renamed below `root` first, where `sweep` finds what breaks off."""
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
    """Something that stays for others is in use as long as this value lives, in this process or another one."""

    def __init__(self, path: Path) -> None:
        """`path`: a file that stands for it, made if need be."""
        self._path = path
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, held)
        fcntl.flock(held, fcntl.LOCK_SH)

    def mark(self) -> None:
        """Note that it is used now: the file's time tells."""
        os.utime(self._path)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file for oneself alone while the context lasts, made if need be; gives False where others have it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(held)
