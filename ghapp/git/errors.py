"""What can go wrong with git, in words for the person who has to mend it."""

from ghapp.errors import JobError, NoRoom, Unavailable


class GitError(JobError):
    """git could not do what was asked of it."""


class RemoteRefused(GitError):
    """The remote's address is not one that credentials may go to."""


class FetchFailed(GitError):
    """The remote could not be fetched from."""


class AccessDenied(FetchFailed):
    """The remote does not let this token in, or says that there is no such repository."""


class NoRoomToFetch(FetchFailed, NoRoom):
    """There is no room for what the remote gives."""


class RemoteUnavailable(GitError, Unavailable):
    """The remote does not answer for now, or broke off: it may work later."""


class MissingObject(GitError):
    """A commit, tree or blob is not in the mirror, even after it was asked for."""


class TooLargeForGit(GitError):
    """A tree, a difference or a file is larger than Planward reads: a few bytes of git objects can stand for it."""


class UnrelatedHistories(GitError):
    """Two branches have no commit in common, so there is nothing that a merge could start from."""
