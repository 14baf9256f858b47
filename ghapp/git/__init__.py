"""Git: one bare mirror a repository, what is asked of it, and a checkout for each run.

    remote.py     what is fetched from, and the environment that git runs in
    mirrors.py    fetching, one process at a time for each mirror
    mirror.py     questions: branches, trees, merges, differences
    checkout.py   a tree on disk, without a work tree of git's; kept_checkouts.py: those that wait for the next run

Branch names, paths and object names come from outside; each reaches git as a full ref name, after
`--end-of-options`, or through its standard input.
"""

from ghapp.git.commit_contents import CommitContents
from ghapp.git.errors import (
    FetchFailed,
    GitError,
    MissingObject,
    RemoteRefused,
    RemoteUnavailable,
    TooLargeForGit,
    UnrelatedHistories,
)
from ghapp.git.mirror import Conflict, Mirror, TreeEntry
from ghapp.git.mirrors import KeptMirror, Mirrors
from ghapp.git.program import require_git
from ghapp.git.remote import Remote

__all__ = [
    "CommitContents",
    "Conflict",
    "FetchFailed",
    "GitError",
    "KeptMirror",
    "Mirror",
    "Mirrors",
    "MissingObject",
    "Remote",
    "RemoteRefused",
    "RemoteUnavailable",
    "TooLargeForGit",
    "TreeEntry",
    "UnrelatedHistories",
    "require_git",
]
