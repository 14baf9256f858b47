"""Run the flow of a job, and handle a flow that fails."""

import errno
from typing import NoReturn, assert_never

import msgspec

from ghapp import events, jobs
from ghapp.durable import OwnFailure, RecordedOtherwise, attempts_before, step
from ghapp.errors import JobError, NoRoom, Unavailable
from ghapp.flows.apply.push import branch_pushed
from ghapp.flows.apply.settle import settle_branch
from ghapp.flows.check_run import complete_check_run, run_report
from ghapp.flows.maintenance import cleanup, installation, reconcile
from ghapp.flows.notifications.pull_request_comment import update_comment_later
from ghapp.flows.notifications.results import notify_apply, show_result
from ghapp.flows.notifications.send_chat import send_chat_message
from ghapp.flows.people.buttons import button_pressed, check_run_rerequested, check_suite_rerequested
from ghapp.flows.people.comments import comment_created
from ghapp.flows.people.reviews import pull_request_approved
from ghapp.flows.people.unlock import unlock
from ghapp.flows.plan.merge_group import merge_group_destroyed, merge_group_requested, replan_group
from ghapp.flows.plan.pull_request import pull_request_changed, pull_request_closed, replan, run_plan
from ghapp.flows.repository import Repo, load_repo
from ghapp.git import FetchFailed
from ghapp.github import InstallationGone, InstallationSuspended
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import ApplyState, PlanState, Run

_SHORTEST_DEFERRAL_S = 1.0
"""After a shorter wait, a job would probably be deferred again: all jobs share GitHub's rate limit per minute."""
_PARKED_S = 24 * 3600.0
"""How long the job of a suspended installation is deferred at most: GitHub's "unsuspend" delivery may be lost."""
_DISK_FULL = "Planward's data directory is full: the operator has to make room. Press Re-run afterwards."


async def run_job(services: Services, job: jobs.Job) -> None:
    """Run a job's flow to its end.

    An error that a person can fix is shown on the check run. If GitHub is unavailable, the job is deferred. A bug in
    Planward is shown as an internal error with the run's id. In the last two cases, this function raises OwnFailure, so
    that the job may run again. Raises RecordedOtherwise if another version of Planward began the job.
    """
    log.info("job_begun", job=job.key)
    try:
        await _run(services, job)
    except RecordedOtherwise:
        raise
    except InstallationGone:
        log.info("job_without_installation", job=job.key)
    except InstallationSuspended as error:
        # Retry after a day at the latest. Normally GitHub sends an event when the installation is unsuspended, and the
        # job then becomes due at once.
        log.warning("job_deferred", job=job.key, reason=str(error), in_s=_PARKED_S)
        await _defer(services, job, f"{jobs.PARKED}{job.key}", _PARKED_S)
        raise OwnFailure(f"parked: {job.key}") from None
    except Unavailable as error:
        await _defer_by_attempts(services, job, str(error), error.retry_after_s)
    except NoRoom as error:
        await _fail_or_defer(services, job, str(error))
    except FetchFailed as error:
        if not _concerns_merge(job):
            await _refuse(services, job, error)
            return
        # Every merge must get its check run, so the job is tried again whatever the reason for the failed fetch.
        await _defer_by_attempts(services, job, str(error), None)
    except JobError as error:
        await _refuse(services, job, error)
    except Exception as error:
        log.exception("job_failed", job=job.key)
        if _is_disk_full(error):
            await _fail_or_defer(services, job, _DISK_FULL)
            return
        await _end_unfinished_runs(services, job)
        raise OwnFailure(f"internal error: {job.key}") from None
    else:
        log.info("job_done", job=job.key)


async def _refuse(services: Services, job: jobs.Job, error: JobError) -> None:
    log.info("job_refused", job=job.key, reason=str(error))
    await _end_unfinished_runs(services, job, str(error))


def _concerns_merge(job: jobs.Job) -> bool:
    """Whether a job may lead to the apply of a merge or push."""
    match job:
        case jobs.SettleBranch() | jobs.EventJob(event=events.BranchPushed() | events.PullRequestClosed()):
            return True
        case _:
            return False


async def _fail_or_defer(services: Services, job: jobs.Job, cause: str) -> None:
    """Fail the runs whose check runs can show the cause; if there are none, defer the job."""
    if await _end_unfinished_runs(services, job, cause):
        log.warning("job_without_room", job=job.key)
    else:
        await _defer_by_attempts(services, job, cause, None)


async def _defer_by_attempts(services: Services, job: jobs.Job, reason: str, wait_s: float | None) -> NoReturn:
    in_s = services.timings.retry_after_s(attempts_before()) if wait_s is None else max(wait_s, _SHORTEST_DEFERRAL_S)
    log.warning("job_deferred", job=job.key, reason=reason, in_s=in_s)
    await _defer(services, job, jobs.deferred_key(job), in_s)
    raise OwnFailure(f"deferred: {job.key}") from None


async def _defer(services: Services, job: jobs.Job, key: str, in_s: float) -> None:
    async def put() -> None:
        await services.store.deferred.defer(key, msgspec.to_builtins(job), in_s=in_s)

    # A step waits until the database is available. Without this wait, the job could be lost: neither pending nor
    # deferred.
    await step("defer", type(None), put)


async def _run(services: Services, job: jobs.Job) -> None:
    match job:
        case jobs.EventJob():
            await _process_event(services, job)
        case jobs.PlanRun():
            await run_plan(services, job)
        case jobs.Replan():
            await replan(services, job)
        case jobs.ReplanGroup():
            await replan_group(services, job)
        case jobs.SettleBranch():
            await settle_branch(services, job)
        case jobs.Unlock():
            await unlock(services, job)
        case jobs.Discover():
            await installation.discover(services, job)
        case jobs.SendChatMessage():
            await send_chat_message(services, job)
        case jobs.ReconcileDeliveries():
            await reconcile.reconcile_deliveries(services, job)
        case jobs.Reconcile():
            await reconcile.reconcile(services, job)
        case jobs.NotifyApply():
            await notify_apply(services, job)
        case jobs.Cleanup():
            await cleanup.clean_up(services, job)
        case jobs.Comment():
            await update_comment_later(services, job)
        case _ as never:
            assert_never(never)


async def _process_event(services: Services, job: jobs.EventJob) -> None:
    await reconcile.event_arrived(services)
    key = job.key
    match job.event:
        case events.PullRequestChanged() as event:
            await pull_request_changed(services, event, key)
        case events.PullRequestClosed() as event:
            await pull_request_closed(services, event, key)
        case events.PullRequestApproved() as event:
            await pull_request_approved(services, event, key)
        case events.BranchPushed() as event:
            await branch_pushed(services, event)
        case events.CheckRunRerequested() as event:
            await check_run_rerequested(services, job, event)
        case events.CheckSuiteRerequested() as event:
            await check_suite_rerequested(services, job, event)
        case events.ButtonPressed() as event:
            await button_pressed(services, job, event)
        case events.CommentCreated() as event:
            await comment_created(services, event, key)
        case events.InstallationChanged() as event:
            await installation.installation_changed(services, event, key)
        case events.RepositoriesChanged() as event:
            await installation.repositories_changed(services, event, key)
        case events.RepositoryChanged() as event:
            await installation.repository_changed(services, event)
        case events.MergeGroupRequested() as event:
            await merge_group_requested(services, event, key)
        case events.MergeGroupDestroyed() as event:
            await merge_group_destroyed(services, event, key)
        case events.Ping() | events.Ignored():
            pass
        case _ as never:
            assert_never(never)


def _is_disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


async def _end_unfinished_runs(services: Services, job: jobs.Job, cause: str | None = None) -> int:
    """End the runs that the job began and did not finish, so that none stays in progress. Returns their number."""
    ended = 0
    for run in await services.store.runs.unfinished():
        if not _belongs_to(job, run) or run.check_run_id is None:
            continue
        repo = await load_repo(services, run.repository_id)
        if isinstance(run.state, ApplyState) and run.state.result is not None:
            ended += await _show_stored_result(repo, run)
            continue
        text = (
            cause
            or f"An internal error occurred in Planward (run {run.id}). Press Re-run; if it happens again, give "
            "the operator this run id."
        )
        report = run_report(repo, run, "failure", text)
        try:
            await complete_check_run(repo, run, [report], conclusion="failure")
        except Exception:
            log.exception("run_not_ended", run=run.id)
        else:
            ended += 1
    return ended


async def _show_stored_result(repo: Repo, run: Run) -> bool:
    """Show the result that an apply had reached before its job failed."""
    try:
        await show_result(repo, run.id)
    except Exception:
        log.exception("run_not_ended", run=run.id)
        return False
    return True


def _belongs_to(job: jobs.Job, run: Run) -> bool:
    match job:
        case jobs.PlanRun():
            return run.id == job.run_id
        case jobs.SettleBranch():
            return run.operation == "apply" and (run.repository_id, run.branch) == (job.repository_id, job.branch)
        case _:
            return isinstance(run.state, PlanState) and run.state.job == job.key
