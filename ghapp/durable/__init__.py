"""The durable engine: enqueue jobs, run flows, start due jobs. Only this package uses DBOS.

One call enqueues a job. Its flow runs in a worker, step by step, and after a crash it resumes after its last finished
step. Results of steps are stored in clear as JSON: ids, digests, counts, never a secret. Steps return values for
expected outcomes; an exception is a bug in Planward and ends the workflow in ERROR, and then the same job may be
enqueued again with its next attempt.

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
