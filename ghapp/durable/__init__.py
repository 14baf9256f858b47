"""The durable engine: enqueue jobs, run flows, start due jobs. Only this package uses DBOS.

One call enqueues a job. Its flow runs in a worker, step by step, and after a crash it resumes after its last finished
step. The results of steps are stored as plain JSON: ids, digests, counts, never a secret. Steps return values for
expected outcomes. An exception is a bug in Planward and ends the workflow in ERROR; the same job may then be enqueued
again as its next attempt.

https://docs.dbos.dev/python/reference/queues
"""

from ghapp.durable.job_queue import APPLICATION_VERSION, JobQueue
from ghapp.durable.steps import (
    OwnFailure,
    RecordedOtherwise,
    attempts_before,
    park,
    patiently,
    side_by_side,
    step,
)
from ghapp.durable.worker import Worker

__all__ = [
    "APPLICATION_VERSION",
    "JobQueue",
    "OwnFailure",
    "RecordedOtherwise",
    "Worker",
    "attempts_before",
    "park",
    "patiently",
    "side_by_side",
    "step",
]
