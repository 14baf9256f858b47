"""Find unfinished runs that no pending job would complete, and resume or end them."""

from collections.abc import Sequence

from ghapp.errors import JobError
from ghapp.flows.check_run import complete_check_run, run_report
from ghapp.flows.notifications.results import show_result
from ghapp.flows.repository import load_repo
from ghapp.jobs import Job, PlanRun, Replan, SettleBranch
from ghapp.jobs.causes import Abandoned
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import ApplyState, PlanState, Run

_YOUNG_S = 60.0


async def end_abandoned_runs(services: Services) -> None:
    """Resume or end every unfinished run that has no pending job, so that none stays in progress forever."""
    old = services.store.clock() - _YOUNG_S
    # Read the runs before the jobs: a run's first job is enqueued before the run is created, and one of its jobs is
    # pending until the run ends.
    unfinished = [run for run in await services.store.runs.unfinished() if run.created_at < old]
    if not unfinished:
        return
    pending = await services.pending_or_deferred()
    for run in unfinished:
        if _has_pending_job(run, pending) or (await services.store.runs.load(run.id)).status == "completed":
            continue
        log.warning("run_abandoned", run=run.id)
        try:
            await _resume_or_end(services, run)
        except JobError as error:
            # An error with one run must not affect the others. The next check tries again.
            log.warning("abandoned_run_not_ended", run=run.id, reason=str(error))


def _has_pending_job(run: Run, pending: Sequence[Job]) -> bool:
    """Whether a job of the run is pending or deferred."""
    return any(_completes(job, run) for job in pending)


def _completes(job: Job, run: Run) -> bool:
    match run.state, job:
        case ApplyState(), SettleBranch():
            return (job.repository_id, job.branch) == (run.repository_id, run.branch)
        case PlanState(), PlanRun():
            return job.run_id == run.id
        case PlanState() as state, _:
            return job.key == state.job
        case _:
            return False


async def _resume_or_end(services: Services, run: Run) -> None:
    """Show an apply's stored result. If there is none, settle its branch again, but only the first time.

    Any other run is cancelled: an apply that did not end after that, or a plan. If it was a plan, its pull request is
    planned again, unless the pull request was closed or has another head.
    """
    if isinstance(run.state, ApplyState) and run.state.result is not None:
        await show_result(await load_repo(services, run.repository_id), run.id)
        return
    if run.operation == "apply" and await services.enqueue(
        SettleBranch(repository_id=run.repository_id, branch=run.branch, cause=Abandoned(run_id=run.id))
    ):
        return
    await _cancel(services, run)
    if run.pull_request is None:
        return
    known = await services.store.pull_requests.find(run.repository_id, run.pull_request)
    if known is not None and known.state == "open" and known.head_sha == run.head_sha:
        again = Replan(repository_id=run.repository_id, number=known.number, cause=f"abandoned:{run.id}")
        await services.enqueue(again)


async def _cancel(services: Services, run: Run) -> None:
    repo = await load_repo(services, run.repository_id)
    cause = "Cancelled: Planward was interrupted and did not resume this run. Press Re-run to try again."
    if run.check_run_id is None or not repo.known.active:
        await services.store.runs.complete(run.id, conclusion="cancelled", title=cause, report=b"[]")
        return
    report = run_report(repo, run, "cancelled", cause)
    await complete_check_run(repo, run, [report], conclusion="cancelled")
