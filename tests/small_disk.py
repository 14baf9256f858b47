"""A file system that can really be filled: a small tmpfs, if this machine lets us mount one."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_SUDO: tuple[list[str], ...] = ([], ["sudo", "-n"])


class SmallDisk:
    """A disk of a few megabytes, and a file that fills its free space."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Use up all free space."""
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    def make_room(self) -> None:
        self._filler.unlink()


@contextlib.contextmanager
def small_disk(directory: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk at a new directory; skip the test if mounting is not allowed here."""
    directory.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,uid={os.getuid()}", "tmpfs", str(directory)]
    for sudo in _SUDO:
        with contextlib.suppress(OSError):
            if subprocess.run([*sudo, *words], capture_output=True).returncode == 0:
                break
    else:
        pytest.skip("a small file system cannot be mounted here: neither root nor sudo without a password")
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run([*sudo, "umount", "--lazy", str(directory)], check=True)
