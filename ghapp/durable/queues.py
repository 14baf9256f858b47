"""The queues of jobs, and how many jobs of each a worker runs at once.

Only running jobs are in memory, so even a backlog of thousands of jobs takes no memory. A flow never waits for the end
of another flow in the same queue: follow-up work is enqueued as a separate job.

DBOS stores a queue's limits in the database, so all workers have the same limits. Each limit applies to each worker
separately, except `partition_concurrency`. A poll goes through the partitions in random order, so that none starves.

https://docs.dbos.dev/python/reference/queues
"""

from collections.abc import Collection, Mapping
from typing import TypedDict

import dbos
from dbos import DBOS

from ghapp.jobs import FormerQueue, Queue

_ALONE_S = 1.0
_SHARED_S = 0.2


class _Limits(TypedDict, total=False):
    worker_concurrency: int
    """The limit for the whole queue, in one worker."""
    partition_worker_concurrency: int
    """The limit for one partition, in one worker."""
    partition_concurrency: int
    """The limit for one partition, in all workers together."""


QUEUES: dict[Queue, _Limits] = {
    # These jobs take a few seconds each, mostly waiting for GitHub. One repository gets at most a quarter of the limit,
    # even with hundreds of open pull requests.
    "events": {"worker_concurrency": 64, "partition_worker_concurrency": 16},
    # This is more than the number of slots, even on large machines: a running job does not take a slot itself, but
    # waits for one for each of its root modules.
    "plans": {"worker_concurrency": 128, "partition_worker_concurrency": 32},
    "branches": {"worker_concurrency": 64, "partition_concurrency": 1},
    # These jobs clone repositories and compare them with GitHub. They are enqueued for all repositories together, after
    # an installation and every hour.
    "background": {"worker_concurrency": 8},
}


_FORMER: dict[FormerQueue, Queue] = {"news": "events", "looks": "background"}
"""The queues of an older version, with their successors. In a rolling restart the older version still uses them, so
their jobs are not moved."""


def one_by_one() -> Collection[str]:
    """The names of the queues that run one job of each partition at a time, in all workers together."""
    return [name for name, limits in _with_former().items() if limits.get("partition_concurrency") == 1]


def interval_s(*, shared: bool) -> float:
    """How many seconds a job may wait if the process that enqueued it could not wake this worker (waking.py).

    `shared`: workers on other machines use the same database.
    """
    return _SHARED_S if shared else _ALONE_S


async def register() -> list[dbos.Queue]:
    """Register all queues, those of older versions too, and return them."""
    return [await DBOS.register_queue_async(name, **limits) for name, limits in _with_former().items()]


def _with_former() -> Mapping[str, _Limits]:
    return QUEUES | {name: QUEUES[queue] for name, queue in _FORMER.items()}
