"""Changed files, read from what git prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    status: str
    path: str
    previous_path: str | None
    blob: str
    additions: int
    deletions: int
    patch: str | None


def split_patches(diff: str) -> dict[str, str]:
    patches: dict[str, str] = {}
    for part in ("\n" + diff).split("\ndiff --git ")[1:]:
        at = part.find("\n@@ ")
        names = [line[4:] for line in part[: at if at >= 0 else None].split("\n") if line.startswith(("+++ ", "--- "))]
        named = next((name[2:] for name in reversed(names) if name != "/dev/null"), None)
        if at >= 0 and named is not None:
            patches[named.rstrip("\t")] = part[at + 1 :].rstrip("\n")
    return patches


_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed", "C": "copied"}


def read_changes(raw: str, patches: Mapping[str, str]) -> list[ChangedFile]:
    tokens = iter(raw.split("\0"))
    named: list[tuple[str, str, str | None, str]] = []
    numbers: dict[str, tuple[int, int]] = {}
    for token in tokens:
        if token.startswith(":"):
            _, _, old, new, status = token.split(" ")
            path = next(tokens)
            previous = None
            if status[0] in "RC":
                previous, path = path, next(tokens)
            named.append((_STATUS[status[0]], path, previous, old if status[0] == "D" else new))
        elif token:
            added, removed, path = token.split("\t")
            if not path:
                next(tokens)
                path = next(tokens)
            numbers[path] = (int(added) if added != "-" else 0, int(removed) if removed != "-" else 0)
    return [
        ChangedFile(
            status=status,
            path=path,
            previous_path=previous,
            blob=blob,
            additions=numbers.get(path, (0, 0))[0],
            deletions=numbers.get(path, (0, 0))[1],
            patch=patches.get(path),
        )
        for status, path, previous, blob in named
    ]
