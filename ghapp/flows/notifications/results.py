"""Report the result of an apply: it is stored first, and then reported from the store until reporting succeeds.

The flow that settles the branch completes the check run. It also updates the deployment and the comments, and enqueues
the chat messages. If a call to GitHub fails, the other reports are still made, and a pending job tries again.
"""

from collections.abc import Sequence

import msgspec

from checks.report import Conclusion, RunReport
from ghapp.durable import step
from ghapp.errors import JobError
from ghapp.flows.check_run import complete_check_run
from ghapp.flows.notifications.chat_messages import notify_result
from ghapp.flows.notifications.deployment import conclude_deployment
from ghapp.flows.notifications.promotions import turn_promotions_green
from ghapp.flows.notifications.pull_request_comment import update_comments
from ghapp.flows.repository import Repo, load_repo
from ghapp.github import GitHubError
from ghapp.jobs import NotifyApply
from ghapp.log import log
from ghapp.services import Services
from ghapp.store import ApplyResult, Run
from ghapp.values import RunId


async def keep_result(
    services: Services, run: Run, report: RunReport, *, conclusion: Conclusion, buttons: Sequence[str] = ()
) -> None:
    """Store the result of an apply. From now on this result is reported, whatever else fails."""
    result = ApplyResult(conclusion=conclusion, buttons=tuple(buttons))
    await services.store.runs.keep_result(run.id, result, report=msgspec.json.encode([report]))


async def show_result(repo: Repo, run_id: RunId) -> None:
    """Complete the check run of an apply whose result is stored, and report the result. Raises GitHubError.

    Anything besides the check run that cannot be reported now is reported by a pending job.
    """
    run = await repo.store.runs.load(run_id)
    result, reports = run.apply.result, await _reports(repo, run_id)
    assert result is not None
    await _enqueue_notification(repo.services, run)
    try:
        await _conclude_deployment(repo, run, reports)
    except GitHubError as error:
        log.warning("deployment_deferred", run=run.id, reason=str(error))
    await complete_check_run(repo, run, reports, conclusion=result.conclusion, buttons=result.buttons)
    try:
        await _notify(repo, run.id)
    except JobError as error:
        log.warning("notification_deferred", run=run.id, reason=str(error))


async def _enqueue_notification(services: Services, run: Run, *, attempt: int = 0) -> None:
    """Enqueue the notification of an apply before the apply is completed.

    If Planward stops after it has completed the apply, this job still reports the result.
    """
    job = NotifyApply(run_id=run.id, attempt=attempt)
    await services.store.deferred.defer(
        f"tell:{run.id}", msgspec.to_builtins(job), in_s=services.timings.notify_after_s
    )


async def _notify(repo: Repo, run_id: RunId) -> None:
    """Report a completed apply outside its check run, and drop its pending notification.

    Raises the first JobError, after all the other reports were sent.
    """
    run, reports = await repo.store.runs.load(run_id), await _reports(repo, run_id)
    failed: list[JobError] = []
    for each in (_conclude_deployment, _turn_promotions_green, _comment, _send_messages):
        try:
            await each(repo, run, reports)
        except JobError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    await repo.store.deferred.cancel(f"tell:{run_id}")


async def _conclude_deployment(repo: Repo, run: Run, reports: Sequence[RunReport]) -> None:
    for report in reports:
        await conclude_deployment(repo, run, report)


async def _turn_promotions_green(repo: Repo, run: Run, reports: Sequence[RunReport]) -> None:
    if all(report.conclusion == "success" for report in reports):
        await turn_promotions_green(repo, run)


async def _comment(repo: Repo, run: Run, reports: Sequence[RunReport]) -> None:
    if any(report.roots for report in reports):
        await update_comments(repo, run.apply.explains)


async def _send_messages(repo: Repo, run: Run, reports: Sequence[RunReport]) -> None:
    for report in reports:
        if report.roots:
            await notify_result(repo, run, report)


async def _reports(repo: Repo, run_id: RunId) -> list[RunReport]:
    raw = await repo.store.runs.report(run_id)
    assert raw is not None
    return msgspec.json.decode(raw, type=list[RunReport])


async def notify_apply(services: Services, job: NotifyApply) -> None:
    """Report an apply, if GitHub was unavailable when it ended."""
    await step("notify", type(None), _notify_apply, services, job)


async def _notify_apply(services: Services, job: NotifyApply) -> None:
    run = await services.store.runs.load(job.run_id)
    repo = await load_repo(services, run.repository_id)
    if run.status == "completed":
        await _notify(repo, run.id)
    else:
        await _enqueue_notification(services, run, attempt=job.attempt + 1)
