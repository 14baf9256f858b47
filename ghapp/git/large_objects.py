"""The Git LFS objects that a mirror has, and how it gets more of them.

`git lfs` runs in the sandbox, in a temporary repository that Planward writes. That repository contains only the
pointers of the missing objects, each in a file that is named after the object's id. `git lfs` sees neither the
checkout, nor the mirror, nor a `.lfsconfig`. If a fetched object has the SHA-256 that its pointer names, Planward
copies it into the mirror, and from there into checkouts. So no run ever writes into the mirror.
"""

import asyncio
import hashlib
import os
import shutil
import stat
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ghapp.git.confined import GitSandbox
from ghapp.git.large_files import Pointer
from ghapp.log import log
from ghapp.processes.private_directories import remove_tree

_TIMEOUT_S = 900.0
_AT_ONCE_BYTES = 1024 * 1024


class LargeObjects:
    """The objects in one mirror, at the paths where `git lfs` would keep them."""

    def __init__(self, mirror: Path) -> None:
        self._directory = mirror / "lfs" / "objects"

    def has(self, pointer: Pointer) -> bool:
        """Whether a pointer's object is here."""
        try:
            return self._place(pointer).stat().st_size == pointer.size_bytes
        except OSError:
            return False

    def keep(self, pointer: Pointer, fetched: Path) -> bool:
        """Copy a pointer's object into the mirror, from a file that need not be trusted.

        Returns False if the file is missing or is not that object. Raises OSError.
        """
        place = self._place(pointer)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = place.with_name(f".{place.name}-{os.urandom(8).hex()}")
        try:
            if not _copy_checked(fetched, unfinished, pointer):
                return False
            unfinished.rename(place)
            return True
        finally:
            unfinished.unlink(missing_ok=True)

    def replace(self, pointer: Pointer, path: Path) -> None:
        """Replace the pointer at `path` with its contents. Raises OSError."""
        mode = stat.S_IMODE(path.lstat().st_mode)
        path.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._place(pointer).open("rb") as source, os.fdopen(os.open(path, flags, mode), "wb") as target:
            shutil.copyfileobj(source, target, _AT_ONCE_BYTES)

    def _place(self, pointer: Pointer) -> Path:
        return self._directory / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid


async def fetch_objects(
    sandbox: GitSandbox,
    objects: LargeObjects,
    pointers: Sequence[Pointer],
    environ: Mapping[str, str],
    directory: Path,
) -> None:
    """Fetch objects with `git lfs`, in a new directory. Afterwards, `objects.has` says which ones were fetched.

    `environ` names the server and contains its token. Raises GitError and OSError.
    """
    work_tree, private = directory / "objects", directory / "private"
    for each in (directory, work_tree, private):
        each.mkdir(mode=0o700)
    try:
        own = sandbox.for_large_files(work_tree, private)
        (own.git_dir / "info" / "attributes").write_text("* filter=lfs -text\n")
        wanted = {pointer.oid: pointer for pointer in pointers}
        tree = await asyncio.to_thread(_write_tree, own.objects, wanted.values())
        ended = await own.run(
            *("read-tree", "--reset", "-u", "--end-of-options", tree),
            environ=environ,
            timeout_s=_TIMEOUT_S,
            memory_bytes=None,
        )
        if ended.exit_code:
            log.info("large_files_not_fetched", exit_code=ended.exit_code)
        for oid, pointer in wanted.items():
            if not await asyncio.to_thread(objects.keep, pointer, work_tree / oid):
                log.info("large_file_not_kept", oid=oid)
    finally:
        await asyncio.to_thread(remove_tree, directory)


def _copy_checked(source: Path, target: Path, pointer: Pointer) -> bool:
    """Copy a pointer's object. Returns False if the source is not that object.

    The caller makes sure that no other program can still change the source.
    """
    try:
        found = source.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_size != pointer.size_bytes:
        return False
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with source.open("rb") as file, os.fdopen(os.open(target, flags, 0o600), "wb") as copy:
        while content := file.read(_AT_ONCE_BYTES):
            digest.update(content)
            copy.write(content)
    return digest.hexdigest() == pointer.oid


def _write_tree(objects: Path, pointers: Collection[Pointer]) -> str:
    """Write a tree of pointers in git's own format. Returns its id. https://git-scm.com/book/en/v2/Git-Internals"""
    entries = b""
    for pointer in sorted(pointers, key=lambda each: each.oid):
        blob = _write_object(objects, b"blob", pointer.content)
        entries += b"100644 " + pointer.oid.encode() + b"\0" + bytes.fromhex(blob)
    return _write_object(objects, b"tree", entries)


def _write_object(objects: Path, kind: bytes, content: bytes) -> str:
    whole = kind + b" %d\0" % len(content) + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    place = objects / name[:2] / name[2:]
    place.parent.mkdir(mode=0o700, exist_ok=True)
    place.write_bytes(zlib.compress(whole))
    return name
