"""One path for all runs of a repository, for sandboxes without mounts. One run at a time uses it.

A run's directories are moved there, and moved back when it ends or lets another one go first.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ghapp.processes.private_directories import locked, remove_tree

PATHS = "paths"
"""The directory in the data directory that contains the repositories' paths."""
_POLL_S = 0.02
_LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamePath:
    """A repository's path, and the run's directories that are moved there, by name."""

    path: Path
    moved: Mapping[str, Path]

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for the run's turn, also across processes, and move its directories to the path."""
        self.path.mkdir(mode=0o711, exist_ok=True)
        self.path.chmod(0o711)
        held = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Poll, since the holder may be another process.
            while not _lockable(held):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)
            await asyncio.to_thread(_clear, self.path)
            for name, directory in self.moved.items():
                directory.rename(self.path / name)
            try:
                yield
            finally:
                for name, directory in self.moved.items():
                    (self.path / name).rename(directory)
        finally:
            os.close(held)

    def host_path(self, path: Path) -> Path:
        """The path of a file of the run during the run's turn."""
        for name, directory in self.moved.items():
            if path.is_relative_to(directory):
                return self.path / name / path.relative_to(directory)
        return path


def clear_paths(paths: Path) -> None:
    """Remove the files that a killed process left at the repositories' paths."""
    for path in _directories(paths):
        with locked(path / _LOCK) as is_free:
            if is_free:
                _clear(path)


def _clear(path: Path) -> None:
    for each in _directories(path):
        remove_tree(each)


def _directories(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (each for each in path.iterdir() if each.is_dir() and not each.is_symlink())


def _lockable(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
