"""The jobs that follow from an event. Pure: a delivery in, jobs with keys out."""

from typing import assert_never

from ghapp import events
from ghapp.jobs.kinds import EventJob
from ghapp.webhook import Delivery
from ghapp.webhook.commands import CommentText, read_comment


def jobs_for(delivery: Delivery) -> tuple[EventJob, ...]:
    """The jobs that follow from a delivery: one or none."""
    key = _key(delivery)
    return () if key is None else (EventJob(key=key, event=delivery.event, delivery_id=delivery.id),)


def _key(delivery: Delivery) -> str | None:
    match delivery.event:
        case events.PullRequestChanged() as event:
            again = "0" if event.action in ("opened", "synchronize") else delivery.id
            return (
                f"{event.repository.id}:plan:{event.base.ref}:{event.head.sha}:{event.base.sha}:{event.number}:{again}"
            )
        case events.PullRequestClosed() as event:
            once = event.merge_sha or delivery.id
            return f"{event.repository.id}:closed:{event.base.ref}:{event.head.sha}:{event.number}:{once}"
        case events.PullRequestApproved() as event:
            return f"{event.repository.id}:review:{event.review_id}"
        case events.BranchPushed() as event:
            return f"{event.repository.id}:apply:{event.branch}:{event.after}:{event.before}:0"
        case events.MergeGroupRequested() as event:
            return f"{event.repository.id}:plan:{event.base_ref}:{event.head_sha}:{event.base_sha}:group:0"
        case events.MergeGroupDestroyed() as event:
            return f"{event.repository.id}:group_destroyed:{event.head_sha}:{event.reason}"
        case events.CommentCreated() as event:
            counts = event.is_pull_request and not event.author.is_bot
            asks = counts and read_comment(event.body) != CommentText()
            return f"{event.repository.id}:comment:{event.comment_id}" if asks else None
        case (
            events.CheckRunRerequested()
            | events.CheckSuiteRerequested()
            | events.ButtonPressed()
            | events.InstallationChanged()
            | events.RepositoriesChanged()
            | events.RepositoryChanged()
        ):
            return f"act:{delivery.id}"
        case events.Ping() | events.Ignored():
            return None
        case _ as never:
            assert_never(never)
