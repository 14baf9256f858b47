"""What commits change and whom they name: git's output, read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ghapp.values import CommitSha

CO_AUTHORS: Final = "%H%x1f%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x1f)"
"""The format of `git log` that `read_commit_contents` takes, with -z."""
_NUMBER: Final = re.compile(r"<([0-9]{1,18})\+[^@<>\s]*@users\.noreply\.[^@<>\s]+>\s*$")
"""How GitHub writes an account's address that is not shown: ID+LOGIN@users.noreply.github.com."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitContents:
    """The paths that a commit changes, of a merge those that are as in none of its parents; and its co-authors' ids."""

    paths: tuple[str, ...] = ()
    co_authors: frozenset[int] = frozenset()


def read_commit_contents(commits: Sequence[CommitSha], raw: bytes, named: bytes) -> dict[CommitSha, CommitContents]:
    """Read `git diff-tree --stdin --raw -z` and `git log -z --format=CO_AUTHORS` of these commits."""
    paths: dict[str, list[str]] = {sha: [] for sha in commits}
    current: list[str] = []
    fields = iter(raw.split(b"\0"))
    for field in fields:
        if field.startswith(b":"):  # what follows is a path, whatever it looks like
            current.append(next(fields).decode(errors="backslashreplace"))
        elif field:
            current = paths.setdefault(field.decode().strip(), [])
    co_authors: dict[str, frozenset[int]] = {}
    for record in named.decode(errors="replace").split("\0"):
        sha, *people = record.split("\x1f")
        found = (_NUMBER.search(person) for person in people)
        co_authors[sha.strip()] = frozenset(int(each[1]) for each in found if each is not None)
    return {
        sha: CommitContents(paths=tuple(paths[sha]), co_authors=co_authors.get(sha, frozenset())) for sha in commits
    }
