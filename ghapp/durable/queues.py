"""The queues that jobs wait in, and how much of each a worker has under way at once.

What is under way lies in memory, what waits does not, so that a backlog of thousands costs none. No flow waits for
another one's end while it counts in the same queue: what follows is enqueued as a job of its own.

DBOS keeps a queue's limits in the database, for all workers alike; they are of each worker. A poll goes through the
partitions in an order that chance gives, so that none starves.

https://docs.dbos.dev/python/reference/queues
"""

from typing import TypedDict

import dbos
from dbos import DBOS

from ghapp.jobs import FormerQueue, Queue

_ALONE_S = 1.0
_SHARED_S = 0.2
"""How long a job may wait that another process enqueued; one's own are seen at once (waking.py)."""
_FORMER_S = 5.0


class _Limits(TypedDict, total=False):
    worker_concurrency: int
    """Of the whole queue, in one worker."""
    partition_worker_concurrency: int
    """Of one partition, in one worker."""
    partition_concurrency: int
    """Of one partition, in all workers together."""


QUEUES: dict[Queue, _Limits] = {
    # Seconds each, most of it GitHub's. A repository with hundreds of open pull requests has a quarter.
    "events": {"worker_concurrency": 64, "partition_worker_concurrency": 16},
    # More than there are slots, also on large machines: which root module is next is decided between those under way.
    "plans": {"worker_concurrency": 128, "partition_worker_concurrency": 32},
    "branches": {"worker_concurrency": 64, "partition_concurrency": 1},
    # Clones and comparisons, all repositories at once after an installation and every hour.
    "background": {"worker_concurrency": 8},
}


_FORMER: dict[FormerQueue, Queue] = {"news": "events", "looks": "background"}
"""Where an older version enqueued. It may do so still, beside this one in a rolling restart, so jobs are not moved."""


async def register(*, shared: bool) -> list[dbos.Queue]:
    """Have all queues known, and give them. `shared`: other processes may enqueue jobs."""
    interval_s = _SHARED_S if shared else _ALONE_S
    return [
        await DBOS.register_queue_async(name, polling_interval_sec=interval_s, **limits)
        for name, limits in QUEUES.items()
    ]


async def register_former() -> list[dbos.Queue]:
    """Have the queues of older versions known, and give them."""
    return [
        await DBOS.register_queue_async(name, polling_interval_sec=_FORMER_S, **QUEUES[queue])
        for name, queue in _FORMER.items()
    ]
