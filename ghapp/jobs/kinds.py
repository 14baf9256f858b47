"""The kinds of jobs. The key of a job says which work it is.

It names the work, not the delivery: (repository id, operation, environment, head SHA, base SHA, pull request,
attempt), the branch standing for the environment as long as the config was not read. Where the same work can be asked
for twice (a pull request closed and opened again, a button pressed by another person) the delivery's id is the attempt:
a redelivery keeps it.

Tags and keys are stored. They never change, also where a class has got a better name: a server carries out the jobs
that an older version enqueued.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ghapp import events
from ghapp.jobs.causes import Cause, read_cause
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId


class EventJob(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """Take in what GitHub told us."""

    key: str
    event: events.Event
    delivery_id: str = ""
    """The `X-GitHub-Delivery`; empty in a job of an older version."""
    looks: int = 0
    """How often GitHub was asked for the delivery in vain."""


class PlanRun(msgspec.Struct, frozen=True, kw_only=True, tag="plan_run"):
    """Carry out a plan run that was announced before."""

    run_id: RunId
    repository_id: RepositoryId
    waited: int = 0
    """How often an apply of the base branch was not over yet."""

    @property
    def key(self) -> str:
        """One execution a run, and each time that it had to wait."""
        return f"plan:{self.run_id}" + (f":{self.waited}" if self.waited else "")


class SettleBranch(msgspec.Struct, frozen=True, kw_only=True, tag="settle"):
    """Bring an environment to its branch's tip, or say why not."""

    repository_id: RepositoryId
    branch: BranchName
    cause: Cause

    @property
    def key(self) -> str:
        """Once for each cause."""
        return f"settle:{self.repository_id}:{self.branch}:{self.cause.text}"

    @property
    def partition(self) -> str:
        """Applies are one at a time for each of these, in order."""
        return f"{self.repository_id}:{self.branch}"


class Replan(msgspec.Struct, frozen=True, kw_only=True, tag="plan_anew"):
    """Plan an open pull request again: its base moved, or the commit that its promotion waited for was applied."""

    repository_id: RepositoryId
    number: int
    cause: str
    debounced: bool = False

    @property
    def key(self) -> str:
        """One new plan a cause."""
        return f"plan_anew:{self.repository_id}:{self.number}:{self.cause}"


class ReplanGroup(msgspec.Struct, frozen=True, kw_only=True, tag="plan_group_anew"):
    """Plan a merge queue's commit again, since somebody asked for it."""

    run_id: RunId
    """The run that was made for it before."""
    cause: str

    @property
    def key(self) -> str:
        """One new plan a cause."""
        return f"plan_group_anew:{self.run_id}:{self.cause}"


class Unlock(msgspec.Struct, frozen=True, kw_only=True, tag="unlock"):
    """Remove the lock that a dead run left on a root module's state; the comment that asks for it is answered."""

    repository_id: RepositoryId
    branch: BranchName
    environment: EnvironmentName
    root_module: str
    comment_id: int

    @property
    def key(self) -> str:
        """Once a comment."""
        return f"unlock:{self.repository_id}:{self.comment_id}"

    @property
    def partition(self) -> str:
        """Never beside an apply of the branch."""
        return f"{self.repository_id}:{self.branch}"


class Discover(msgspec.Struct, frozen=True, kw_only=True, tag="discover"):
    """Look at a repository on which the App was installed: adopt its branches, plan its open pull requests."""

    repository_id: RepositoryId
    full_name: str
    installation_id: int
    cause: str

    @property
    def key(self) -> str:
        """One look a cause."""
        return f"discover:{self.repository_id}:{self.cause}"


class NotifyApply(msgspec.Struct, frozen=True, kw_only=True, tag="tell"):
    """Report an apply on its pull requests and in chat, where that could not be done at its end."""

    run_id: RunId
    attempt: int = 0

    @property
    def key(self) -> str:
        """Once a run; again where its end is not there yet."""
        return f"tell:{self.run_id}:{self.attempt}"


class Comment(msgspec.Struct, frozen=True, kw_only=True, tag="comment"):
    """Bring the one comment of a pull request up to date, where GitHub's limits had no room for it before."""

    repository_id: RepositoryId
    number: int
    at: int
    """When it is due, in seconds since 1970."""

    @property
    def key(self) -> str:
        """One attempt a moment."""
        return f"comment:{self.repository_id}:{self.number}:{self.at}"


class ReconcileDeliveries(msgspec.Struct, frozen=True, kw_only=True, tag="look_for_missed"):
    """Find deliveries that failed and runs that nobody finishes."""

    at: int
    """When it is due, in seconds since 1970."""

    @property
    def key(self) -> str:
        """One a moment."""
        return f"look_for_missed:{self.at}"


class Reconcile(msgspec.Struct, frozen=True, kw_only=True, tag="reconcile"):
    """Compare what GitHub has of a repository with what Planward knows of it."""

    repository_id: RepositoryId
    cause: str

    @property
    def key(self) -> str:
        """One comparison a cause."""
        return f"reconcile:{self.repository_id}:{self.cause}"


class Cleanup(msgspec.Struct, frozen=True, kw_only=True, tag="tidy_up"):
    """Erase, move and remove what is no longer kept, or not kept here."""

    at: int
    """When it is due, in seconds since 1970."""

    @property
    def key(self) -> str:
        """One a moment."""
        return f"tidy_up:{self.at}"


class SendChatMessage(msgspec.Struct, frozen=True, kw_only=True, tag="say"):
    """Send a message to chat, once; a chat that is down delays and fails nothing."""

    about: str
    """A `MessageSubject` of ghapp.store as text."""
    repository_id: RepositoryId
    environment: EnvironmentName
    config_sha: CommitSha
    """Whose `notify` counts: a commit that is in force, never one that waits to be let in."""
    message: str
    """A `Message` of ghapp.notify as JSON."""
    attempt: int = 0

    @property
    def key(self) -> str:
        """One message about a thing; a chat that was down is tried again."""
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
    """Read a stored job, also one of an older version. Raises msgspec.ValidationError on one that is unknown."""
    values = dict(stored)
    if values.get("type") == "settle" and isinstance(values.get("cause"), str):
        values["cause"] = msgspec.to_builtins(read_cause(values["cause"]))
    job: Job = msgspec.convert(values, type=Job)
    return job
