"""Recover a queue's claim on jobs if PostgreSQL's answer to it was lost.

DBOS repeats all other database operations, but not this one. Without the recovery, the database would mark the jobs as
started, but the engine would not know about them. They would block their branches, and would run only after this
process has ended. Each claim writes its own token (`owner_xid`) beside its jobs. The jobs are found by this token.
"""

import time
from collections.abc import Callable
from typing import Any

import stamina
from dbos import DBOS
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from ghapp.log import log

_TRIES = 10
_PAUSE_S = 1.0
"""Together, the tries take about as long as an executor keeps running when it cannot write its heartbeat
(see executors.py)."""


def recover_lost_claims(dbos: DBOS) -> None:
    """Make this engine's queues recover lost claims."""
    database = dbos._sys_db
    claim, claim_of_partitions = database.start_queued_workflows, database.start_queued_partitioned_workflows

    def start_workflows(*words: Any, owner_xid: str, **options: Any) -> Any:
        return _claim_patiently(
            database, owner_xid, lambda: claim(*words, owner_xid=owner_xid, **options), lambda i: (i, None)
        )

    def start_partitioned_workflows(*words: Any, owner_xid: str, **options: Any) -> Any:
        return _claim_patiently(
            database, owner_xid, lambda: claim_of_partitions(*words, owner_xid=owner_xid, **options), lambda ids: ids
        )

    setattr(database, "start_queued_workflows", start_workflows)  # noqa: B010 - a method of the engine is replaced
    setattr(database, "start_queued_partitioned_workflows", start_partitioned_workflows)  # noqa: B010


def _claim_patiently(
    database: Any, owner_xid: str, claim: Callable[[], Any], as_given: Callable[[list[str]], Any]
) -> Any:
    try:
        return claim()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        ids = _claimed_jobs(database, owner_xid)
        if not ids:
            # The server may not have finished the claim yet.
            time.sleep(_PAUSE_S)
            ids = _claimed_jobs(database, owner_xid)
        if not ids:
            raise
    log.info("claim_found_again", jobs=ids)
    return as_given(ids)


def _claimed_jobs(database: Any, owner_xid: str) -> list[str]:
    """The jobs of a claim. Raises DBAPIError if the database fails every time."""
    jobs = database.tables.workflow_status
    attempts = stamina.retry_context(
        on=DBAPIError, attempts=_TRIES, timeout=None, wait_initial=_PAUSE_S, wait_max=_PAUSE_S, wait_jitter=0.0
    )
    for attempt in attempts:
        with attempt, database.engine.begin() as connection:
            return list(connection.scalars(select(jobs.c.workflow_uuid).where(jobs.c.owner_xid == owner_xid)))
    raise AssertionError("stamina ends with a value or an error")
