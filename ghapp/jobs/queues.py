"""The queue of a job, its partition in that queue, and its key while it is deferred."""

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
"""The prefix of the keys of jobs that wait until an installation is unsuspended."""


def deferred_key(job: Job) -> str:
    """The key under which a deferred job waits.

    A periodic job has only one such key, so that at most one retry of it waits. Otherwise retries would pile up while
    GitHub is unavailable, which can take a day.
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
"""The names of `events` and `background` in older versions, whose jobs may still wait there."""


def queue_of(job: Job) -> tuple[Queue, str | None]:
    """The queue in which a job waits, and its partition there.

    `events` has GitHub's events and their immediate follow-ups. These jobs are short and never wait for the long jobs
    in `plans`, so a pull request's check run appears at once, however many plans are running. In both queues, each
    repository is a partition with its own share. In `branches`, each branch is a partition whose jobs run one at a
    time, in order.
    `background` has the jobs for which nobody waits.
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
