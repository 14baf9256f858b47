"""Errors between Planward and GitHub.

    GitHubError
    ├── GitHubUnavailable        GitHub did not answer, or says to wait: try again later
    ├── GitHubRefused            GitHub refused, with its own message: a retry does not help
    ├── InstallationGone         the App was uninstalled, or lost access to the repository
    └── InstallationSuspended    the App's installation was suspended

A text quotes only GitHub's `message` and `errors`, shortened. It never contains the rest of a response, or a token.
"""

import re

from ghapp.errors import JobError, Unavailable


class GitHubError(JobError):
    """A call to GitHub failed."""


class GitHubUnavailable(GitHubError, Unavailable):
    """GitHub is unreachable, answered 5xx, or limits the rate.

    `retry_after_s` is how long a rate limit lasts, according to GitHub or to Planward's own count; None if no limit is
    the cause. `may_have_happened` is False if GitHub certainly did not carry out the request. If it is True
    after a failed creation, look for the object before creating it again.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, may_have_happened: bool = True) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.may_have_happened = may_have_happened


class GitHubRefused(GitHubError):
    """GitHub answered 4xx. `words` is its message, `status` its number.

    401, 403 and 404 usually raise GitHubUnavailable instead, since GitHub also sends them by mistake, and for expired
    tokens. `Calls.read` says when they raise this error.
    """

    def __init__(self, message: str, *, status: int, words: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.words = words


class InstallationGone(GitHubError):
    """The App was uninstalled, or lost access to the repository: the pending jobs end."""


class InstallationSuspended(GitHubError):
    """The App was suspended: its pending jobs wait until it is unsuspended."""


SUSPENDED = "the App's installation is suspended: an owner can unsuspend it in its settings"

_LIMIT = 300
_TOKEN = re.compile(r"\b(?:gh[a-z]|v\d+)[_.][0-9A-Za-z_.-]{16,}|\beyJ[0-9A-Za-z_.-]{20,}")


def shorten(words: str) -> str:
    """One line of at most 300 characters, without anything that looks like a token."""
    line = " ".join(_TOKEN.sub("(token)", words).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= _LIMIT else line[: _LIMIT - 1] + "…"
