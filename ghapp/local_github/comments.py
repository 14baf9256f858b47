"""Comments and reviews, as REST and the pages add them."""

from __future__ import annotations

from ghapp.local_github import events
from ghapp.local_github.errors import Unprocessable
from ghapp.local_github.serializers import pulls as serializers
from ghapp.local_github.state import Account, App, Comment, Issue, PullRequest, Repository, Review
from ghapp.local_github.world import World

REVIEW_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def add(
    world: World, repository: Repository, issue: Issue, body: str, *, author: Account, via_app: App | None = None
) -> Comment:
    now = world.now()
    comment = Comment(
        id=world.new_id(),
        number=issue.number,
        author=author,
        body=body,
        created_at=now,
        updated_at=now,
        via_app=via_app,
    )
    issue.comments.append(comment)
    issue.updated_at = now
    events.issue_comment(world, repository, comment, "created", author)
    return comment


def edit(world: World, repository: Repository, comment: Comment, body: str, *, sender: Account) -> None:
    before, comment.body = comment.body, body
    comment.updated_at = world.now()
    events.issue_comment(world, repository, comment, "edited", sender, changes={"body": {"from": before}})


def review(
    world: World, pull: PullRequest, event: str, body: str, *, author: Account, commit_id: str | None = None
) -> Review:
    """Raises 422 on one's own pull request, and on an empty body where one is needed."""
    if event not in REVIEW_STATES:
        raise Unprocessable(f"{event} is not an event of a review", message="Unprocessable Entity")
    if event != "COMMENT" and author is pull.issue.author:
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise Unprocessable(f"Can not {verb} your own pull request", message="Unprocessable Entity")
    if event != "APPROVE" and not body:
        raise Unprocessable(f"Review body can not be blank for {event}", message="Unprocessable Entity")
    item = Review(
        id=world.new_id(),
        author=author,
        state=REVIEW_STATES[event],
        body=body,
        commit_id=commit_id or pull.head_sha,
        submitted_at=world.now(),
    )
    pull.reviews.append(item)
    shown = serializers.review(world, pull, item)
    events.review(world, pull, {**shown, "state": item.state.lower()}, author)
    return item
