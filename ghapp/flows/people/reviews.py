"""The flow of reviews: an approving review allows the preview of a head that waits for it.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request_review
"""

from ghapp.durable import step
from ghapp.events import PullRequestApproved
from ghapp.flows.check_run import PLAN
from ghapp.flows.people.decisions import decide_head
from ghapp.flows.people.read_back import is_as_reviewed
from ghapp.flows.repository import record_repo
from ghapp.services import Services
from ghapp.store import Run


async def pull_request_approved(services: Services, event: PullRequestApproved, key: str) -> None:
    """Somebody approved a pull request in a review."""
    await step("review", type(None), _record_approval, services, event, key)


async def _record_approval(services: Services, event: PullRequestApproved, key: str) -> None:
    if event.author.is_bot:
        return
    repo = await record_repo(services, event.repository, event.installation_id)
    pull_request = await repo.store.pull_requests.find(repo.id, event.number)
    if pull_request is None or pull_request.state != "open" or pull_request.head_sha != event.head_sha:
        return
    newest = await repo.store.runs.newest_of_head(repo.id, event.head_sha, PLAN)
    if newest is None or not _may_need_preview(newest) or not await is_as_reviewed(repo, event):
        return
    await decide_head(
        repo, event.head_sha, "preview", event.author, key, number=event.number, plans="preview" in newest.plan.buttons
    )


def _may_need_preview(run: Run) -> bool:
    """Whether a run needs permission for a preview, or may still need it. Most reviews are of heads that need none."""
    return run.status != "completed" or bool({"approve_plan", "preview"} & {*run.plan.buttons})
