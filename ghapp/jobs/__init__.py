"""The kinds of jobs, the jobs that follow from each event, and the queues in which they wait."""

from ghapp.jobs.from_events import jobs_for
from ghapp.jobs.kinds import (
    NEXT_KEY_S,
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
    read_job,
)
from ghapp.jobs.queues import PARKED, FormerQueue, Queue, deferred_key, queue_of

__all__ = [
    "NEXT_KEY_S",
    "PARKED",
    "Cleanup",
    "Comment",
    "Discover",
    "EventJob",
    "FormerQueue",
    "Job",
    "NotifyApply",
    "PlanRun",
    "Queue",
    "Reconcile",
    "ReconcileDeliveries",
    "Replan",
    "ReplanGroup",
    "SendChatMessage",
    "SettleBranch",
    "Unlock",
    "deferred_key",
    "jobs_for",
    "queue_of",
    "read_job",
]
