"""Where a job waits: its queue, its partition, and its key while it is deferred."""

from typing import Literal, assert_never

from ghapp import events
from ghapp.jobs.kinds import (
    Cleanup,
    Comment,
    Discover,
    EventJob,
    Job,
    NotifyApply,
    PlanRun,
    Reconcile,
    ReconcileDeliveries,
    Replan,
    ReplanGroup,
    SendChatMessage,
    SettleBranch,
    Unlock,
)

PARKED = "parked:"
"""Begins the keys of what waits until an installation is let go on."""


def deferred_key(job: Job) -> str:
    """The key under which a deferred job waits.

    At most one retry of each periodic job waits, however often it was deferred: GitHub may be away for a day.
    """
    match job:
        case Reconcile():
            return f"again:reconcile:{job.repository_id}"
        case ReconcileDeliveries() | Cleanup():
            return f"again:{job.__struct_config__.tag}"
        case _:
            return f"again:{job.key}"


Queue = Literal["events", "plans", "branches", "background"]
FormerQueue = Literal["news", "looks"]
"""Names of `events` and `background` in older versions, whose jobs may wait there."""


def queue_of(job: Job) -> tuple[Queue, str | None]:
    """Which queue a job waits in, and in which of its partitions.

    `events` has GitHub's events and what follows at once: short jobs, so that a pull request is announced however many
    plans are under way. `plans` are long. In both a partition is a repository, and has its share. In `branches` a
    partition is a branch, one at a time and in order. `background` has the jobs that nobody waits for.
    """
    match job:
        case SettleBranch() | Unlock():
            return "branches", job.partition
        case PlanRun():
            return "plans", str(job.repository_id)
        case ReconcileDeliveries() | Discover() | Reconcile() | Cleanup():
            return "background", None
        case Replan() | SendChatMessage() | Comment():
            return "events", str(job.repository_id)
        case EventJob(event=event):
            return "events", _partition_of(event)
        case ReplanGroup() | NotifyApply():
            return "events", _NO_REPOSITORY
        case _ as never:
            assert_never(never)


_NO_REPOSITORY = "-"


def _partition_of(event: events.Event) -> str:
    match event:
        case events.InstallationChanged(installation_id=id) | events.RepositoriesChanged(installation_id=id):
            return f"installation {id}"
        case events.Ping() | events.Ignored():
            return _NO_REPOSITORY
        case _:
            return str(event.repository.id)
