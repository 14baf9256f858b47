"""Check people's decisions with GitHub: knowing the webhook secret must not be enough to decide anything.

Comments and reviews can be read from GitHub. Who pressed a button is recorded only in GitHub's log of deliveries.
"""

from typing import Literal

import msgspec

from ghapp.events import ButtonPressed, CheckRunRerequested, CheckSuiteRerequested, CommentCreated, PullRequestApproved
from ghapp.flows.repository import Repo
from ghapp.jobs import EventJob
from ghapp.log import log
from ghapp.services import Services
from ghapp.webhook import MalformedDelivery, read_event

Press = ButtonPressed | CheckRunRerequested | CheckSuiteRerequested
"""The event of a button, or of "Re-run", that a person pressed."""


async def is_as_written(repo: Repo, event: CommentCreated) -> bool:
    """Whether GitHub has this comment by this author on this pull request, unedited."""
    github = await repo.github()
    seen = await github.read_comment(event.comment_id)
    genuine = (
        seen is not None
        and not seen.edited
        and (seen.number, seen.author_id, seen.body) == (event.number, event.author.id, event.body)
    )
    if not genuine:
        log.warning("comment_not_as_delivered", comment=event.comment_id, repository=event.repository.full_name)
    return genuine


async def is_as_reviewed(repo: Repo, event: PullRequestApproved) -> bool:
    """Whether GitHub has this approving review by this author on this head."""
    github = await repo.github()
    seen = await github.read_review(event.number, event.review_id)
    genuine = (
        seen is not None and seen.approves and (seen.head_sha, seen.author_id) == (event.head_sha, event.author.id)
    )
    if not genuine:
        log.warning("review_not_as_delivered", review=event.review_id, repository=event.repository.full_name)
    return genuine


async def is_as_delivered(services: Services, job: EventJob, event: Press) -> bool:
    """Whether GitHub's log has exactly this delivery. If it is not listed yet, the job is deferred and runs again."""
    match await _check_log(services, job, event):
        case "genuine":
            return True
        case "other":
            log.warning("delivery_not_as_sent", delivery=job.delivery_id, repository=event.repository.full_name)
        case "not listed":
            await _check_log_again(services, job)
    return False


async def _check_log(services: Services, job: EventJob, event: Press) -> Literal["genuine", "other", "not listed"]:
    if not job.delivery_id:
        return "other"
    read = await services.github.delivered(job.delivery_id)
    if read is None:
        return "not listed"
    try:
        return "genuine" if read_event(read.event, read.payload) == event else "other"
    except MalformedDelivery:
        return "other"


async def _check_log_again(services: Services, job: EventJob) -> None:
    waits_s = services.timings.delivery_checks_s
    if job.looks >= len(waits_s):
        log.warning("delivery_never_listed", delivery=job.delivery_id)
        return
    log.info("delivery_not_listed_yet", delivery=job.delivery_id, looks=job.looks)
    again = msgspec.structs.replace(job, key=f"act:{job.delivery_id}:{job.looks + 1}", looks=job.looks + 1)
    await services.store.deferred.defer(again.key, msgspec.to_builtins(again), in_s=waits_s[job.looks])
