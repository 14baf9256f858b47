"""The submodules of a tree: their paths, commits, and addresses in `.gitmodules`.

https://git-scm.com/docs/gitmodules
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from ghapp.values import CommitSha


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """A submodule. `url` is as in `.gitmodules`, empty if it has none."""

    path: str
    commit: CommitSha
    url: str

    def source(self, clone_url: str) -> str:
        """The submodule's address; a relative one is resolved against `clone_url`, the containing repository's."""
        if not self.url.startswith(("./", "../")):
            return self.url
        parts = urlsplit(clone_url)
        path = posixpath.normpath(posixpath.join(parts.path, self.url))
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def read_urls(listed: bytes) -> Mapping[str, str]:
    """Addresses by path, from `git config --list -z` of a `.gitmodules`."""
    settings: dict[str, dict[str, str]] = {}
    for entry in listed.decode(errors="backslashreplace").split("\0"):
        key, _, value = entry.partition("\n")
        name, _, what = key.removeprefix("submodule.").rpartition(".")
        settings.setdefault(name, {})[what] = value
    return {posixpath.normpath(each["path"]): each.get("url", "") for each in settings.values() if each.get("path")}
