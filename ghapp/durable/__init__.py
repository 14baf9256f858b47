"""The durable engine: enqueue jobs, run flows, start what is due. The only room that knows DBOS.

One call enqueues a job; its flow runs in a worker, step by step, and resumes after its last finished step when the
worker crashed. What steps return is kept in clear as JSON: ids, digests, counts, never a secret. Steps return values
for what is expected; what is raised is a fault of our own and ends the workflow in ERROR, and then the same job may be
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
