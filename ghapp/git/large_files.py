"""Git LFS: the pointer files of a tree, and their contents in a checkout.

A pointer is a small text that stands for an object stored elsewhere. Only `git lfs` can fetch the object. It runs as
git's filter, which is configured here and never by the repository.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

import asyncio
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ghapp.git.errors import GitError
from ghapp.git.tree_entry import TreeEntry

_BEGINNING: Final = b"version https://git-lfs.github.com/spec/v1\n"
_SMALLEST_BYTES, _LARGEST_BYTES = len(_BEGINNING), 1024
_READ_AT_ONCE: Final = 10_000
_LARGEST_ATTRIBUTES_BYTES: Final = 8 * 1024 * 1024
"""Larger `.gitattributes` are not examined; real ones have a few lines."""
_ATTRIBUTE: Final = b"filter=lfs"
_OID: Final = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_SIZE: Final = re.compile(rb"^size ([0-9]{1,18})$", re.MULTILINE)

FILTER: Final[Mapping[str, str]] = {
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.required": "true",
    "lfs.basictransfersonly": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFiles:
    """A tree's pointers in a checkout: those that the run reads get their contents, the others are removed."""

    read: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment in which `git lfs` may fetch them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A pointer file: the id of its object, which is its SHA-256, and the object's size."""

    oid: str
    size_bytes: int
    content: bytes


class Blobs(Protocol):
    """The source of contents: a mirror."""

    async def read_blobs(self, blob_ids: Collection[str]) -> dict[str, bytes]: ...


async def find_pointers(mirror: Blobs, entries: Sequence[TreeEntry]) -> tuple[str, ...]:
    """Find the pointer files of a tree. If no `.gitattributes` names the filter, no other file is read."""
    attributes, small = await asyncio.to_thread(_candidates, entries)
    if not any(_ATTRIBUTE in content for content in (await mirror.read_blobs(attributes)).values()):
        return ()
    found: list[str] = []
    for start in range(0, len(small), _READ_AT_ONCE):
        batch = small[start : start + _READ_AT_ONCE]
        contents = await mirror.read_blobs([entry.blob_id for entry in batch])
        found += [entry.path for entry in batch if contents[entry.blob_id].startswith(_BEGINNING)]
    return tuple(found)


def _candidates(entries: Sequence[TreeEntry]) -> tuple[list[str], list[TreeEntry]]:
    """The blobs of `.gitattributes`, and the files that are small enough to be pointers."""
    regular = [entry for entry in entries if entry.mode.startswith("100")]
    attributes = [
        entry.blob_id
        for entry in regular
        if entry.path.rpartition("/")[2] == ".gitattributes" and entry.size_bytes <= _LARGEST_ATTRIBUTES_BYTES
    ]
    return attributes, [entry for entry in regular if _SMALLEST_BYTES <= entry.size_bytes <= _LARGEST_BYTES]


def is_pointer(path: Path) -> bool:
    """Whether a file on this disk is a pointer; a missing file is not."""
    try:
        with path.open("rb") as file:
            return file.read(_SMALLEST_BYTES) == _BEGINNING
    except OSError:
        return False


def read_pointer(path: Path) -> Pointer | None:
    """Read a pointer file on this disk; None if the file is not a pointer, or names no object."""
    if not is_pointer(path):
        return None
    with path.open("rb") as file:
        content = file.read(_LARGEST_BYTES)
    oid, size = _OID.search(content), _SIZE.search(content)
    if oid is None or size is None:
        return None
    return Pointer(oid=oid[1].decode(), size_bytes=int(size[1]), content=content)


def require_git_lfs(path: str) -> None:
    """Raise GitError if `git lfs` is not installed; `path` is the file that needs it."""
    if shutil.which("git-lfs") is None:
        raise GitError(
            f"{path} is kept in Git LFS, and git-lfs is not installed where Planward runs: the operator has to "
            "install it. Press Re-run afterwards"
        )


def not_fetched_error(path: str) -> GitError:
    """The error for a pointer that was not replaced."""
    return GitError(
        f"{path} is kept in Git LFS, and its contents could not be fetched from GitHub: push them "
        "(`git lfs push origin --all`), then press Re-run"
    )
