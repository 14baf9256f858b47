"""Git: one bare mirror per repository, queries on it, and a checkout for each run.

    remote.py          the remote, and git's environment
    mirrors.py         fetching, one process at a time for each mirror
    mirror.py          queries: branches, history, merges
    objects.py         queries with cached answers: trees, blobs, differences
    large_files.py     the contents of Git LFS' pointers
    checkout.py        checking a tree out, without `git worktree`
    kept_checkouts.py  checkouts kept for the next run

Branch names, paths and object names come from outside. Git must not take one for an option. So each reaches git as a
full ref name or a full SHA, after `--end-of-options` or `--`, or through its standard input.
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
from ghapp.git.large_files import LargeFiles, find_pointers, is_pointer
from ghapp.git.mirror import Conflict, Mirror
from ghapp.git.mirrors import Mirrors, StoredMirror
from ghapp.git.program import require_git
from ghapp.git.remote import Remote
from ghapp.git.submodules import Submodule
from ghapp.git.tree_entry import TreeEntry

__all__ = [
    "CommitContents",
    "Conflict",
    "FetchFailed",
    "GitError",
    "LargeFiles",
    "Mirror",
    "Mirrors",
    "MissingObject",
    "Remote",
    "RemoteRefused",
    "RemoteUnavailable",
    "StoredMirror",
    "Submodule",
    "TooLargeForGit",
    "TreeEntry",
    "UnrelatedHistories",
    "find_pointers",
    "is_pointer",
    "require_git",
]
