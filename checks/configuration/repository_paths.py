"""Join and resolve paths in a repository, including symlinks.

All paths are POSIX and relative to the repository's root. "." is the root itself.
"""

import posixpath
from collections.abc import Mapping

_MOST_LINKS = 40

TOP = "."


def directory_of(path: str) -> str:
    """The directory that contains a path."""
    return posixpath.dirname(path) or TOP


def below(directory: str, path: str) -> str:
    """Convert a path that is relative to a directory to one relative to the repository's root.

    The result begins with `..` if it leads out of the repository.
    """
    return posixpath.normpath(posixpath.join(directory, path))


def leaves(path: str) -> bool:
    """Whether a path leaves the repository."""
    return path == ".." or path.startswith(("../", "/"))


def follow(path: str, links: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The path after following every symlink on it, and those symlinks.

    `links` maps each symlink to its literal target. A loop ends after 40 links, as on Linux.
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
