"""The durable engine: accept jobs, run flows, carry out what is due. The only room that knows DBOS.

A job is accepted by one enqueue; its flow runs in a worker, step by step, and goes on behind its last finished step
after a crash. What steps return is kept in clear as JSON: ids, digests, counts, never a secret. Steps return values for
what is expected; what is raised is a fault of our own and ends the workflow in ERROR, and then the same job may be
accepted again with its next attempt.

https://docs.dbos.dev/python/reference/queues
"""

from ghapp.durable.acceptor import APPLICATION_VERSION, Acceptor
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
    "Acceptor",
    "OwnFailure",
    "RecordedOtherwise",
    "Worker",
    "attempts_before",
    "park",
    "patiently",
    "side_by_side",
    "step",
]
