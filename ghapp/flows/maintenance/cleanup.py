"""Clean up old data in small batches: erase it, remove it, move it to the object store, or encrypt it again.

If the time runs out or the object store is unavailable, the next cleanup does the rest.
"""

from collections.abc import Awaitable, Callable

import msgspec

from ghapp.durable import step
from ghapp.flows.maintenance.disk import erase_left_mirrors
from ghapp.jobs import NEXT_KEY_S, Cleanup
from ghapp.log import log
from ghapp.sealing import UnsealError
from ghapp.services import Services
from ghapp.store import StoreUnavailable

KEEP_JOBS_DAYS = 30
"""How long finished jobs are kept, so that redeliveries change nothing. GitHub redelivers for 3 days."""

_DAY_S = 24 * 3600.0
_BATCH = 200
_MOST = 5_000
"""The most rows of each kind that one cleanup processes."""

Remove = Callable[..., Awaitable[int]]


async def clean_up(services: Services, job: Cleanup) -> None:
    """Clean up once, and enqueue the next cleanup."""
    await step("enqueue the next cleanup", type(None), enqueue_cleanup, services, EVERY_S)
    for name, work in (
        ("erase", _erase),
        ("remove logs", _remove_logs),
        ("remove runs", _remove_runs),
        ("remove rows", _remove_rows),
        ("remove jobs", _remove_jobs),
        ("move", _move_to_object_store),
        ("reseal", _rotate_keys),
    ):
        await step(name, type(None), work, services)


async def _erase(services: Services) -> None:
    """Erase the data of repositories that removed the App. Other machines erase their own mirrors."""
    if not await erase_left_mirrors(services.mirrors, services.store):
        # A cancelled run still uses the mirror. After it has ended, a cleanup erases the mirror and the run's report.
        await enqueue_cleanup(services, SOON_S)
    await _with_objects("erased", services, lambda limit: services.store.retention.erase_uninstalled(limit=limit))
    await _with_objects("plans_erased", services, lambda limit: services.store.kept_plans.erase_old(limit=limit))


async def _remove_logs(services: Services) -> None:
    before = _oldest_kept(services, services.settings.keep_logs_days)
    if before is not None:
        removal = services.store.retention.remove_logs
        await _with_objects("logs_removed", services, lambda limit: removal(before=before, limit=limit))


async def _remove_runs(services: Services) -> None:
    before = _oldest_kept(services, services.settings.keep_runs_days)
    if before is not None:
        removal = services.store.retention.remove_runs
        await _with_objects("runs_removed", services, lambda limit: removal(before=before, limit=limit))


async def _remove_rows(services: Services) -> None:
    """Remove old rows that no run, pull request or branch needs any more, and old audit entries."""
    retention = services.store.retention
    before = _oldest_kept(services, services.settings.keep_runs_days)
    if before is not None:
        for name, removal in (
            ("verdicts_removed", retention.remove_verdicts),
            ("approvals_removed", retention.remove_approvals),
            ("pushes_removed", retention.remove_pushes),
            ("commit_writers_removed", retention.remove_commit_writers),
            ("pull_requests_removed", retention.remove_pull_requests),
        ):
            await _in_batches(name, services, lambda limit, removal=removal: removal(before=before, limit=limit))
        await _remove_markers(services, before)
    await services.store.retention.remove_redelivery_markers()
    before = _oldest_kept(services, services.settings.keep_audit_days)
    if before is not None:
        await _in_batches(
            "audit_removed", services, lambda limit: retention.remove_audit_entries(before=before, limit=limit)
        )


async def _remove_markers(services: Services, before: float) -> None:
    after: str | None = ""
    while after is not None and not services.stopping.is_set():
        _, after = await services.store.retention.remove_markers(before=before, limit=_BATCH, after=after)


async def _remove_jobs(services: Services) -> None:
    """Remove the durable engine's rows of finished jobs."""
    before = services.store.clock() - KEEP_JOBS_DAYS * _DAY_S
    await _in_batches("jobs_removed", services, lambda limit: services.forget_jobs(before, limit))


async def _move_to_object_store(services: Services) -> None:
    await _with_objects("runs_moved", services, lambda limit: _move_batch(services, limit))


async def _move_batch(services: Services, limit: int) -> int:
    offloading = services.store.offloading
    found = await offloading.pending(limit=limit)
    for id, repository in found:
        try:
            await offloading.offload(id, repository)
        except UnsealError as error:
            log.error("run_not_moved", run=id, reason=str(error))
            await offloading.mark_offloaded(id)
    return len(found)


async def _rotate_keys(services: Services) -> None:
    """If several keys are listed, encrypt all data of older keys again with the first one. Once nothing is left, the
    operator may remove the older keys."""
    key_rotation = services.store.key_rotation
    if key_rotation.is_under_way:
        rows = await _in_batches("rows_resealed", services, lambda limit: key_rotation.reseal_rows(limit=limit))
        objects = await _with_objects(
            "objects_resealed", services, lambda limit: key_rotation.reseal_objects(limit=limit)
        )
        log.info("resealed", rows=rows, objects=objects)


def _oldest_kept(services: Services, days: float) -> float | None:
    """The time of the oldest data to keep; None: all data is kept."""
    return services.store.clock() - days * _DAY_S if days else None


async def _with_objects(name: str, services: Services, remove: Remove) -> int | None:
    """Like `_in_batches`, but returns None if the object store is unavailable: the next cleanup does the rest."""
    try:
        return await _in_batches(name, services, remove)
    except StoreUnavailable as error:
        log.warning("cleanup_deferred", what=name, reason=str(error))
        return None


async def _in_batches(name: str, services: Services, remove: Remove) -> int:
    total, found = 0, _BATCH
    while found >= _BATCH and total < _MOST and not services.stopping.is_set():
        found = await remove(_BATCH)
        total += found
    if total:
        log.info(name, number=total)
    return total


EVERY_S = 600
"""The interval of cleanups. All workers share one job."""

SOON_S = 15
"""The delay of the next cleanup if a mirror could not be erased because it was in use."""


_KEY = "tidy up"


async def enqueue_cleanup(services: Services, in_s: float) -> None:
    """Enqueue the next cleanup, or move its due time: all workers share one. It begins in a second at the earliest."""
    in_s = max(in_s, NEXT_KEY_S)
    due = Cleanup(at=int(services.store.clock() + in_s))
    await services.store.deferred.defer(_KEY, msgspec.to_builtins(due), in_s=in_s)


async def enqueue_first_cleanup(services: Services) -> None:
    """Enqueue a cleanup now, at the start of a worker, unless one is pending."""
    if not any(isinstance(job, Cleanup) for job in await services.pending_or_deferred()):
        await enqueue_cleanup(services, 0)
