"""The story of a pull request's end: merged, its branch is settled; given up, what shared its head is judged again.

https://docs.github.com/en/webhooks/webhook-events-and-payloads?actionType=closed#pull_request
"""

from ghapp.durable import step
from ghapp.events import PullRequestClosed
from ghapp.flows.ending import end_plan
from ghapp.flows.ground import fetch, see_repository
from ghapp.jobs import PlanAnew, SettleBranch
from ghapp.services import Services
from ghapp.store import KnownPullRequest


async def pull_request_closed(services: Services, event: PullRequestClosed, key: str) -> None:
    """A pull request was merged or given up."""
    await step("closed", type(None), _closed, services, event, key)


async def _closed(services: Services, event: PullRequestClosed, key: str) -> None:
    repository = await see_repository(services, event.repository, event.installation_id)
    await services.store.pull_requests.record(
        KnownPullRequest(
            repository_id=repository.id,
            number=event.number,
            state="merged" if event.merged else "closed",
            head_sha=event.head.sha,
            head_repository_id=event.head.repository_id,
            base_branch=event.base.ref,
            url=event.url,
            author=event.author.login,
            author_id=event.author.id,
            author_is_bot=event.author.is_bot,
            draft=False,
            title=event.title,
            merge_sha=event.merge_sha,
            merged_by=event.merged_by.login if event.merged_by is not None else None,
            merged_at=float(event.merged_at) if event.merged_at is not None else None,
        )
    )
    await services.store.deferred.cancel(f"plan:{repository.id}:{event.number}")
    by = "the pull request was merged" if event.merged else "the pull request was closed"
    for run in await services.store.runs.of_pull_request(repository.id, event.number):
        await end_plan(services, run, by=by)
    for other in await services.store.pull_requests.open_with_head(repository.id, event.head.sha):
        await services.accept(PlanAnew(repository_id=repository.id, number=other.number, cause=key))
    if event.merged:
        await fetch(services, repository, pull_requests=[event.number])
        await services.accept(
            SettleBranch(
                repository_id=repository.id, branch=event.base.ref, cause=f"closed:{event.number}:{event.merge_sha}"
            )
        )
