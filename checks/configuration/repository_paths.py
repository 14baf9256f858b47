"""Paths inside of a repository: relative to its top, POSIX, "." for the top itself; symlinks are followed here."""

import posixpath
from collections.abc import Mapping

_MOST_LINKS = 40

TOP = "."


def directory_of(path: str) -> str:
    """The directory that holds a path."""
    return posixpath.dirname(path) or TOP


def below(directory: str, path: str) -> str:
    """A path written relative to a directory, from the top of the repository; `..` may lead out of it."""
    return posixpath.normpath(posixpath.join(directory, path))


def leaves(path: str) -> bool:
    """Whether a path leads out of the repository."""
    return path == ".." or path.startswith(("../", "/"))


def follow(path: str, links: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Where a path leads when every symlink on its way is followed, and the symlinks that were.

    `links` holds the target of each symlink as it is written. A loop ends after 40 links, as Linux has it.
    """
    passed: list[str] = []
    while links and len(passed) < _MOST_LINKS:
        link = _first_link(path, links)
        if link is None:
            break
        passed.append(link)
        target = below(directory_of(link), links[link])
        path = posixpath.normpath(posixpath.join(target, path[len(link) :].lstrip("/")))
    return path, tuple(passed)


def _first_link(path: str, links: Mapping[str, str]) -> str | None:
    end = path.find("/")
    while end != -1:
        if path[:end] in links:
            return path[:end]
        end = path.find("/", end + 1)
    return path if path in links else None
