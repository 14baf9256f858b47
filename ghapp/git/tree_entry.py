"""A file of a tree."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """A file of a tree: git's mode ("100644", "100755", "120000" a symlink, "160000" a submodule), blob, path."""

    mode: str
    blob_id: str
    path: str
    size_bytes: int = 0
