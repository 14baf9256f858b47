"""The kinds of jobs. A job's key identifies its work.

If two deliveries request the same work, such as the plan of the same head on the same base, their jobs have the same
key, and the work is done once. But some work can be requested again on purpose: a pull request is closed and reopened,
or another person presses a button. Then the key contains the delivery's id. A redelivery keeps this id, so it does not
repeat the work.

Tags and keys are stored. They never change, even if a class is renamed, since a server also runs the jobs that an older
version enqueued.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ghapp import events
from ghapp.jobs.causes import Cause, read_cause
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId


class EventJob(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """Process an event from GitHub."""

    key: str
    event: events.Event
    delivery_id: str = ""
    """The `X-GitHub-Delivery`; empty in a job of an older version."""
    looks: int = 0
    """How often GitHub was asked for the delivery without success."""


class PlanRun(msgspec.Struct, frozen=True, kw_only=True, tag="plan_run"):
    """Execute a plan run that was announced before."""

    run_id: RunId
    repository_id: RepositoryId
    waited: int = 0
    """How often the job had to wait for an apply of the base branch."""

    @property
    def key(self) -> str:
        """One execution per run, and one more each time it had to wait."""
        return f"plan:{self.run_id}" + (f":{self.waited}" if self.waited else "")


class SettleBranch(msgspec.Struct, frozen=True, kw_only=True, tag="settle"):
    """Bring an environment to its branch's tip, or report why that is not done."""

    repository_id: RepositoryId
    branch: BranchName
    cause: Cause

    @property
    def key(self) -> str:
        """Once for each cause."""
        return f"settle:{self.repository_id}:{self.branch}:{self.cause.text}"

    @property
    def partition(self) -> str:
        """Applies of one branch run one at a time, in order."""
        return f"{self.repository_id}:{self.branch}"


class Replan(msgspec.Struct, frozen=True, kw_only=True, tag="plan_anew"):
    """Plan an open pull request again, for example because its base moved or the commit to promote was applied."""

    repository_id: RepositoryId
    number: int
    cause: str
    debounced: bool = False
    """Whether to plan only when the base has not moved for a moment and its apply has ended."""

    @property
    def key(self) -> str:
        """One new plan per cause."""
        return f"plan_anew:{self.repository_id}:{self.number}:{self.cause}"


class ReplanGroup(msgspec.Struct, frozen=True, kw_only=True, tag="plan_group_anew"):
    """Plan a merge queue's commit again, because somebody requested it."""

    run_id: RunId
    """The earlier run for the commit."""
    cause: str

    @property
    def key(self) -> str:
        """One new plan per cause."""
        return f"plan_group_anew:{self.run_id}:{self.cause}"


class Unlock(msgspec.Struct, frozen=True, kw_only=True, tag="unlock"):
    """Remove the lock that a dead run left on a root module's state, and answer the comment that requested it."""

    repository_id: RepositoryId
    branch: BranchName
    environment: EnvironmentName
    root_module: str
    comment_id: int

    @property
    def key(self) -> str:
        """Once per comment."""
        return f"unlock:{self.repository_id}:{self.comment_id}"

    @property
    def partition(self) -> str:
        """Never at the same time as an apply of the branch."""
        return f"{self.repository_id}:{self.branch}"


class Discover(msgspec.Struct, frozen=True, kw_only=True, tag="discover"):
    """Examine a repository after the App was installed: adopt its branches, plan its open pull requests."""

    repository_id: RepositoryId
    full_name: str
    installation_id: int
    cause: str

    @property
    def key(self) -> str:
        """One examination per cause."""
        return f"discover:{self.repository_id}:{self.cause}"


class NotifyApply(msgspec.Struct, frozen=True, kw_only=True, tag="tell"):
    """Report an apply on its pull requests and in chat, if the report failed when the apply ended."""

    run_id: RunId
    attempt: int = 0

    @property
    def key(self) -> str:
        """Once per run, and again if the run has not ended yet."""
        return f"tell:{self.run_id}:{self.attempt}"


class Comment(msgspec.Struct, frozen=True, kw_only=True, tag="comment"):
    """Update the one comment of a pull request, if it could not be updated when the apply ended."""

    repository_id: RepositoryId
    number: int
    at: int
    """When it is due, in seconds since 1970."""

    @property
    def key(self) -> str:
        """One attempt per due time."""
        return f"comment:{self.repository_id}:{self.number}:{self.at}"


NEXT_KEY_S = 1.0
"""The shortest wait before the next reconciliation or cleanup. The key of such a job has its due time in whole seconds,
and a job with a key that was already used is not run."""


class ReconcileDeliveries(msgspec.Struct, frozen=True, kw_only=True, tag="look_for_missed"):
    """Find failed deliveries, and runs that no job will finish."""

    at: int
    """When it is due, in seconds since 1970."""

    @property
    def key(self) -> str:
        """One per due time."""
        return f"look_for_missed:{self.at}"


class Reconcile(msgspec.Struct, frozen=True, kw_only=True, tag="reconcile"):
    """Compare GitHub's state of a repository with Planward's records."""

    repository_id: RepositoryId
    cause: str

    @property
    def key(self) -> str:
        """One comparison per cause."""
        return f"reconcile:{self.repository_id}:{self.cause}"


class Cleanup(msgspec.Struct, frozen=True, kw_only=True, tag="tidy_up"):
    """Erase old data, move data to the object store, and remove unused files."""

    at: int
    """When it is due, in seconds since 1970."""

    @property
    def key(self) -> str:
        """One per due time."""
        return f"tidy_up:{self.at}"


class SendChatMessage(msgspec.Struct, frozen=True, kw_only=True, tag="say"):
    """Send a message to chat, once. If the chat is down, the message is deferred and nothing fails."""

    about: str
    """A `MessageSubject` of ghapp.store as text."""
    repository_id: RepositoryId
    environment: EnvironmentName
    config_sha: CommitSha
    """The commit whose config says where to send the message. This config is in force: it is not one that a pull
    request or an unapproved commit proposes."""
    message: str
    """A `Message` of ghapp.notify as JSON."""
    attempt: int = 0

    @property
    def key(self) -> str:
        """One message per subject, and again if the chat was down."""
        return f"say:{self.about}:{self.attempt}"


Job = (
    EventJob
    | PlanRun
    | SettleBranch
    | Replan
    | ReplanGroup
    | Unlock
    | Discover
    | SendChatMessage
    | ReconcileDeliveries
    | Reconcile
    | NotifyApply
    | Cleanup
    | Comment
)


def read_job(stored: Mapping[str, Any]) -> Job:
    """Read a stored job, even of an older version. Raises msgspec.ValidationError if this version does not know it."""
    values = dict(stored)
    if values.get("type") == "settle" and isinstance(values.get("cause"), str):
        values["cause"] = msgspec.to_builtins(read_cause(values["cause"]))
    job: Job = msgspec.convert(values, type=Job)
    return job
