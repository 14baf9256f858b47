"""Parse git's output about the paths that commits change and the co-authors that they name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ghapp.values import CommitSha

CO_AUTHORS: Final = "%H%x1f%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x1f)"
"""The format of `git log -z` that `read_commit_contents` parses."""
_NUMBER: Final = re.compile(r"<([0-9]{1,18})\+([^@<>\s]*)@users\.noreply\.[^@<>\s]+>\s*$")
"""GitHub's format for an account's hidden address: ID+LOGIN@users.noreply.github.com."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitContents:
    """The paths that a commit changes (for a merge, those that differ from all parents), and its co-authors.

    `co_authors` maps user ids to logins, as they are in the commit message.
    """

    paths: tuple[str, ...] = ()
    co_authors: Mapping[int, str] = field(default_factory=dict)


def read_commit_contents(commits: Sequence[CommitSha], raw: bytes, named: bytes) -> dict[CommitSha, CommitContents]:
    """Read `git diff-tree --stdin --raw -z` and `git log -z --format=CO_AUTHORS` of these commits."""
    paths: dict[str, list[str]] = {sha: [] for sha in commits}
    current: list[str] = []
    parts = iter(raw.split(b"\0"))
    for part in parts:
        if part.startswith(b":"):  # then the next entry is a path, even if it looks like something else
            current.append(next(parts).decode(errors="backslashreplace"))
        elif part:
            current = paths.setdefault(part.decode().strip(), [])
    co_authors: dict[str, dict[int, str]] = {}
    for record in named.decode(errors="replace").split("\0"):
        sha, *people = record.split("\x1f")
        found = (_NUMBER.search(person) for person in people)
        co_authors[sha.strip()] = {int(each[1]): each[2] for each in found if each is not None}
    return {sha: CommitContents(paths=tuple(paths[sha]), co_authors=co_authors.get(sha, {})) for sha in commits}
