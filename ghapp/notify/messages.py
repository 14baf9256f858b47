"""Chat messages as values. Everything in them is already masked, since they are stored until they are delivered."""

from typing import ClassVar, Literal

from msgspec import Struct

from checks.plan import Counts
from ghapp.values import CommitSha, EnvironmentName

Kind = Literal["applied", "failed", "waiting", "promotion"]
"""The kinds of messages, as in `notify[].on` of the repository's config."""


class PullRequestLink(Struct, frozen=True, kw_only=True):
    """A pull request as chat shows it."""

    number: int
    title: str
    url: str


class EnvironmentResult(Struct, frozen=True, kw_only=True):
    """The result of an environment's last apply. `outcome` is text for people, such as "applied" or "timed out"."""

    environment: EnvironmentName
    outcome: str
    commit_sha: CommitSha | None = None
    counts: Counts | None = None
    run_url: str | None = None


class _Message(Struct, frozen=True, kw_only=True, tag=True, tag_field="message"):
    repository: str
    environment: EnvironmentName
    run_url: str
    commit_sha: CommitSha
    note: str = ""
    """Anything unusual, such as an administrator who ended a hold alone."""


class Applied(_Message, frozen=True, kw_only=True):
    """An apply succeeded."""

    kind: ClassVar[Kind] = "applied"
    counts: Counts
    pull_requests: tuple[PullRequestLink, ...] = ()


class Failed(_Message, frozen=True, kw_only=True):
    """An apply failed. `cause` is the first line of its check run; `result` says what was applied before it failed."""

    kind: ClassVar[Kind] = "failed"
    cause: str
    result: str = ""
    pull_requests: tuple[PullRequestLink, ...] = ()


class Waiting(_Message, frozen=True, kw_only=True):
    """A check run ended `action_required`. `cause` says who has to act."""

    kind: ClassVar[Kind] = "waiting"
    cause: str
    operation: Literal["plan", "apply", "drift"]
    counts: Counts | None = None
    pull_requests: tuple[PullRequestLink, ...] = ()


class PromotionDecided(_Message, frozen=True, kw_only=True):
    """A promotion's gate was decided for the first time, or turned green for the first time.

    `environment` is the target, `before` the result in the environment from which it is promoted, and `counts` are
    those of the preview if there is one.
    """

    kind: ClassVar[Kind] = "promotion"
    pull_request: PullRequestLink
    may_merge: bool
    before: EnvironmentResult
    cause: str | None = None
    counts: Counts | None = None


Message = Applied | Failed | Waiting | PromotionDecided
