"""The result of an apply, reported once it is completed: on the pull requests, and in chat."""

import msgspec

from checks.report import RunReport
from ghapp.durable import step
from ghapp.flows.notifications.chat_messages import notify_result
from ghapp.flows.notifications.pull_request_comment import update_comments
from ghapp.flows.repository import Repo, load_repo
from ghapp.jobs import NotifyApply
from ghapp.services import Services
from ghapp.store import Run
from ghapp.values import RunId


async def enqueue_notification(services: Services, run: Run, *, attempt: int = 0) -> None:
    """Enqueue the notification of an apply that is about to be completed: nobody looks at it again once it is."""
    job = NotifyApply(run_id=run.id, attempt=attempt)
    await services.store.deferred.defer(
        f"tell:{run.id}", msgspec.to_builtins(job), in_s=services.timings.notify_after_s
    )


async def notify_now(repo: Repo, run_id: RunId) -> None:
    """Report a completed apply, and drop its pending notification."""
    run = await repo.store.runs.load(run_id)
    raw = await repo.store.runs.report(run_id)
    assert raw is not None
    await update_comments(repo, run.apply.explains)
    for report in msgspec.json.decode(raw, type=list[RunReport]):
        await notify_result(repo, run, report)
    await repo.store.deferred.cancel(f"tell:{run_id}")


async def notify_apply(services: Services, job: NotifyApply) -> None:
    """Report an apply, where GitHub could not be reached when it ended."""
    await step("notify", type(None), _notify_apply, services, job)


async def _notify_apply(services: Services, job: NotifyApply) -> None:
    run = await services.store.runs.load(job.run_id)
    repo = await load_repo(services, run.repository_id)
    if run.status == "completed":
        await notify_now(repo, run.id)
    else:
        await enqueue_notification(services, run, attempt=job.attempt + 1)
