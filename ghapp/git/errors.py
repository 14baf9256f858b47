"""Errors of git, with texts for the person who has to fix them."""

from ghapp.errors import JobError, NoRoom, Unavailable


class GitError(JobError):
    """git could not do its task."""


class RemoteRefused(GitError):
    """Credentials may not be sent to the remote's address."""


class FetchFailed(GitError):
    """Git could not fetch from the remote."""


class AccessDenied(FetchFailed):
    """The remote refuses this token, or says that the repository does not exist."""


class NoRoomToFetch(FetchFailed, NoRoom):
    """The disk is too full for the fetch."""


class RemoteUnavailable(GitError, Unavailable):
    """The remote does not answer, or broke off the connection. Another attempt may succeed."""


class MissingObject(GitError):
    """A commit, tree or blob is not in the mirror, even after a fetch for it."""


class TooLargeForGit(GitError):
    """A tree, a difference or a file is larger than Planward reads. A kilobyte of objects can describe a huge tree."""


class UnrelatedHistories(GitError):
    """Two branches have no commit in common, so they cannot be merged."""
