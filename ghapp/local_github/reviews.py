"""Write, submit, edit and dismiss reviews of pull requests.

https://docs.github.com/en/rest/pulls/reviews
"""

from __future__ import annotations

from collections.abc import Mapping

from ghapp.local_github import events
from ghapp.local_github.errors import Unprocessable
from ghapp.local_github.state import Account, PullRequest, Review, ReviewState
from ghapp.local_github.world import World

STATES: Mapping[str, ReviewState] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}
"""The state of a review by the event that submitted it."""


def create(
    world: World, pull: PullRequest, event: str | None, body: str, *, author: Account, commit_id: str | None = None
) -> Review:
    """Review the head, or an older commit of the pull request. Without an event the review is pending.

    A pending review is visible only to its author. Raises 422 if the author approves or requests changes on their own
    pull request, if a second review of the author would be pending, if a body is needed and empty, or if the commit
    does not belong to the pull request.
    """
    if event is not None:
        _check(pull, event, body, author)
    elif any(item.author is author and item.state == "PENDING" for item in pull.reviews):
        raise _unprocessable("User can only have one pending review per pull request")
    if commit_id is not None and not _belongs(pull, commit_id):
        raise _unprocessable(f"{commit_id} is not part of the pull request")
    item = Review(
        id=world.new_id(),
        author=author,
        state="PENDING",
        body=body,
        commit_id=commit_id or pull.head_sha,
        submitted_at=None,
    )
    pull.reviews.append(item)
    if event is not None:
        _submit(world, pull, item, event)
    return item


def _belongs(pull: PullRequest, commit_id: str) -> bool:
    git = pull.repository.git
    known = len(commit_id) == 40 and git.has(commit_id)
    return known and git.is_ancestor(commit_id, pull.head_sha) and not git.is_ancestor(commit_id, pull.base_sha)


def submit(world: World, pull: PullRequest, item: Review, event: str, body: str | None) -> None:
    """Submit a pending review. Raises 422 if it is not pending."""
    _need_pending(item, "submit")
    item.body = body if body is not None else item.body
    _check(pull, event, item.body, item.author)
    _submit(world, pull, item, event)


def _check(pull: PullRequest, event: str, body: str, author: Account) -> None:
    if event not in STATES:
        raise _unprocessable(f"{event} is not an event of a review")
    if event != "COMMENT" and author is pull.issue.author:
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise _unprocessable(f"Can not {verb} your own pull request")
    if event != "APPROVE" and not body:
        raise _unprocessable(f"Review body can not be blank for {event}")


def _submit(world: World, pull: PullRequest, item: Review, event: str) -> None:
    item.state, item.submitted_at = STATES[event], world.now()
    events.review(world, pull, item, "submitted", item.author)


def delete(pull: PullRequest, item: Review) -> None:
    """Delete a pending review. Raises 422 if it was submitted."""
    _need_pending(item, "delete")
    pull.reviews.remove(item)


def edit(world: World, pull: PullRequest, item: Review, body: str, sender: Account) -> None:
    before, item.body = item.body, body
    if item.state != "PENDING" and before != body:
        events.review(world, pull, item, "edited", sender, changes={"body": {"from": before}})


def dismiss(world: World, pull: PullRequest, item: Review, sender: Account) -> None:
    """Dismiss a review. Raises 422 if it neither approves nor requests changes."""
    if item.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise _unprocessable(f"Can not dismiss a {item.state.lower()} pull request review")
    item.state = "DISMISSED"
    events.review(world, pull, item, "dismissed", sender)


def dismiss_stale(world: World, pull: PullRequest, sender: Account) -> None:
    """Dismiss the approvals, as a push does if the branch protection says so."""
    for item in pull.reviews:
        if item.state == "APPROVED":
            dismiss(world, pull, item, sender)


def _need_pending(item: Review, verb: str) -> None:
    if item.state != "PENDING":
        raise _unprocessable(f"Can not {verb} a non-pending pull request review")


def _unprocessable(text: str) -> Unprocessable:
    return Unprocessable(text, message="Unprocessable Entity")
