"""Identifiers with their own types, so that one cannot be passed in place of another."""

from typing import NewType

RepositoryId = NewType("RepositoryId", int)
"""GitHub's id of a repository; it survives renames and transfers."""

InstallationId = NewType("InstallationId", int)
"""GitHub's id of one installation of the App."""

CommitSha = NewType("CommitSha", str)
"""A commit's full object name, 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits."""

TreeId = NewType("TreeId", str)
"""A tree's full object name."""

BranchName = NewType("BranchName", str)
"""A branch without `refs/heads/`."""

EnvironmentName = NewType("EnvironmentName", str)
"""`testing`, `staging`, `production`, or a name from the repository's config."""

RunId = NewType("RunId", str)
"""The id of a run: one operation for one commit in one environment. The address of the run's page ends with it."""

TESTING = EnvironmentName("testing")
"""The environment that exists only to try out changes; the only one without a branch."""

NO_COMMIT = CommitSha("0" * 40)
"""GitHub's value for `before` of a created and `after` of a deleted branch."""


def is_no_commit(sha: CommitSha) -> bool:
    """Whether GitHub means "no commit": only zeros."""
    return not sha.strip("0")
