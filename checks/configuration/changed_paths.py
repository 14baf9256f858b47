"""Changed paths, indexed for many queries."""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from checks.configuration import Configuration
from checks.configuration.module import is_terraform_file
from checks.configuration.repository_paths import TOP, directory_of, follow
from checks.wildcards import Wildcards

_BEFORE_WILDCARD = re.compile(r"[^*?]*")
LOCK_FILE = ".terraform.lock.hcl"


def is_own_file(path: str) -> bool:
    """Whether Terraform reads a root module's file automatically: configuration, automatic variables, the lock
    file."""
    name = posixpath.basename(path)
    return (
        is_terraform_file(path)
        or name in (LOCK_FILE, "terraform.tfvars", "terraform.tfvars.json")
        or name.endswith((".auto.tfvars", ".auto.tfvars.json"))
    )


class Changes:
    """The paths that a change created, changed or deleted, in a tree with this configuration."""

    def __init__(self, paths: Collection[str], configuration: Configuration) -> None:
        self.paths = frozenset(paths)
        self._ordered = sorted(self.paths)
        self.links = configuration.links
        self._configuration = configuration
        self._watched: dict[str, str | None] = {}
        self._by_dir: dict[str, list[str]] = {}
        for path in self._ordered:
            self._by_dir.setdefault(directory_of(path), []).append(path)

    def directly_in(self, directory: str) -> list[str]:
        return self._by_dir.get(directory, [])

    def at_or_above(self, path: str) -> str | None:
        """A changed path that is this path or a parent of it.

        A parent is itself a changed path only if it is, or was, a submodule, a symlink or a file.
        """
        while path and path != TOP:
            if path in self.paths:
                return path
            path = posixpath.dirname(path)
        return None

    def on_the_way_to(self, path: str) -> str | None:
        """A changed path that affects this one: a symlink that it contains, or a path at or above its real path."""
        target, passed = follow(path, self.links)
        return next((link for link in passed if link in self.paths), None) or self.at_or_above(target)

    def linked_files_in(self, directory: str) -> Iterator[str]:
        """Describe each of a directory's own files (`is_own_file`) that is a symlink with a changed target."""
        for path in self._own_links.get(directory, ()):
            changed = self.on_the_way_to(path)
            if changed is not None:
                yield f"{changed}, to which {path} is a symlink"

    @cached_property
    def _own_links(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in sorted(self.links):
            if is_own_file(path):
                found.setdefault(directory_of(path), []).append(path)
        return found

    def beginning_with(self, start: str) -> str | None:
        at = bisect_left(self._ordered, start)
        return self._ordered[at] if at < len(self._ordered) and self._ordered[at].startswith(start) else None

    @cached_property
    def _readable(self) -> Mapping[str, str]:
        """By directory, the first changed file in or below it that can be read by a computed name.

        Markdown, hidden files and directories, and subdirectories with configuration do not count.
        """
        found: dict[str, str] = {}
        for path in self._ordered:
            if path.endswith(".md") or any(part.startswith(".") for part in path.split("/")):
                continue
            directory = directory_of(path)
            while True:
                found.setdefault(directory, path)
                if directory == TOP or directory in self._configuration.modules:
                    break
                directory = directory_of(directory)
        return found

    def readable_below(self, directory: str) -> str | None:
        return self._readable.get(directory)

    def readable_around(self, directory: str) -> str | None:
        """A changed file in a directory, in the directories above it, or in their subdirectories.

        Subdirectories with configuration do not count, nor does anything below them.
        """
        while True:
            found = self._readable.get(directory)
            if found is not None or directory == TOP:
                return found
            directory = directory_of(directory)

    def watched(self, pattern: str) -> str | None:
        """A changed path that matches a pattern, or is below a directory that matches it."""
        if pattern not in self._watched:
            self._watched[pattern] = self._first_watched(pattern)
        return self._watched[pattern]

    def _first_watched(self, pattern: str) -> str | None:
        wild = Wildcards(pattern, ("**/", "**", "*", "?"))
        start = _BEFORE_WILDCARD.match(pattern)
        literal = start.group() if start else ""
        for path in self._ordered[bisect_left(self._ordered, literal) :]:
            if not path.startswith(literal):
                break
            at = path
            while at != TOP:
                if wild.matches(at):
                    return path
                at = directory_of(at)
        return None
