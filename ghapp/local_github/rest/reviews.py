"""Reviews of pull requests, and the comments on their lines.

https://docs.github.com/en/rest/pulls/reviews
"""

from __future__ import annotations

from ghapp.local_github import reviews
from ghapp.local_github.access import Anonymous, Person, has_role
from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.fields import Fields
from ghapp.local_github.protection import sources
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import pulls as serializers
from ghapp.local_github.state import PullRequest, Review, ReviewThread
from ghapp.local_github.world import find_pull


def _pull(call: Call) -> PullRequest:
    return find_pull(call.repository, call.params["number"])


def _visible(call: Call, pull: PullRequest) -> list[Review]:
    """Return the reviews that the actor sees, in chronological order. Other people's pending reviews are left out."""
    reader = None if isinstance(call.actor, Anonymous) else call.account
    return [item for item in pull.reviews if item.state != "PENDING" or item.author is reader]


def _review(call: Call, pull: PullRequest) -> Review:
    for item in _visible(call, pull):
        if str(item.id) == call.params["review_id"]:
            return item
    raise not_found()


def _own_review(call: Call, pull: PullRequest) -> Review:
    item = _review(call, pull)
    if item.author is not call.account:
        raise ApiError(403, "Resource not accessible by personal access token")
    return item


def list_reviews(call: Call) -> Reply:
    pull = _pull(call)
    return call.page(_visible(call, pull), lambda item: serializers.review(call.world, pull, item))


def read_review(call: Call) -> Reply:
    pull = _pull(call)
    return Reply(body=serializers.review(call.world, pull, _review(call, pull)))


def create_review(call: Call) -> Reply:
    pull = _pull(call)
    fields = Fields(call.body, "PullRequestReview")
    event, body = fields.choice("event", reviews.STATES), fields.text("body")
    commit_id = fields.text("commit_id")
    fields.raise_errors()
    item = reviews.create(call.world, pull, event, body or "", author=call.account, commit_id=commit_id)
    return Reply(body=serializers.review(call.world, pull, item))


def update_review(call: Call) -> Reply:
    pull = _pull(call)
    item = _own_review(call, pull)
    fields = Fields(call.body, "PullRequestReview")
    body = fields.text("body", required=True)
    fields.raise_errors()
    reviews.edit(call.world, pull, item, body or "", call.account)
    return Reply(body=serializers.review(call.world, pull, item))


def delete_review(call: Call) -> Reply:
    pull = _pull(call)
    item = _own_review(call, pull)
    reviews.delete(pull, item)
    return Reply(body=serializers.review(call.world, pull, item))


def submit_review(call: Call) -> Reply:
    pull = _pull(call)
    item = _own_review(call, pull)
    fields = Fields(call.body, "PullRequestReview")
    event, body = fields.choice("event", reviews.STATES, required=True), fields.text("body")
    fields.raise_errors()
    reviews.submit(call.world, pull, item, event or "", body)
    return Reply(body=serializers.review(call.world, pull, item))


def dismiss_review(call: Call) -> Reply:
    """Dismiss a review. A person needs the role write, or admin if the base branch is protected."""
    pull = _pull(call)
    item = _review(call, pull)
    needed = "admin" if sources(pull.repository, pull.base_ref) else "write"
    if isinstance(call.actor, Person) and not has_role(call.world, call.account, pull.repository, needed):
        raise ApiError(403, "Resource not accessible by personal access token")
    fields = Fields(call.body, "PullRequestReview")
    fields.text("message", required=True)
    fields.choice("event", ("DISMISS",))
    fields.raise_errors()
    reviews.dismiss(call.world, pull, item, call.account)
    return Reply(body=serializers.review(call.world, pull, item))


# -- comments on lines ---------------------------------------------------------------------------------------------


def list_review_comments(call: Call) -> Reply:
    pull = _pull(call)
    return call.page(pull.threads, lambda item: serializers.review_comment(call.world, pull, item))


def create_review_comment(call: Call) -> Reply:
    pull = _pull(call)
    fields = Fields(call.body, "PullRequestReviewComment")
    body, path, line = fields.text("body", required=True), fields.text("path", required=True), fields.number("line")
    fields.raise_errors()
    assert body is not None
    assert path is not None
    thread = ReviewThread(
        id=call.world.new_id(), author=call.account, path=path, line=line or 1, body=body, created_at=call.world.now()
    )
    pull.threads.append(thread)
    return Reply(body=serializers.review_comment(call.world, pull, thread), status=201)


_P = "/repos/{owner}/{repo}/pulls/{number}"
_REVIEW = f"{_P}/reviews/{{review_id}}"

ROUTES = (
    Route("GET", f"{_P}/reviews", list_reviews, "pull_requests:read"),
    Route("POST", f"{_P}/reviews", create_review, "pull_requests:write"),
    Route("GET", _REVIEW, read_review, "pull_requests:read"),
    Route("PUT", _REVIEW, update_review, "pull_requests:write"),
    Route("DELETE", _REVIEW, delete_review, "pull_requests:write"),
    Route("POST", f"{_REVIEW}/events", submit_review, "pull_requests:write"),
    Route("PUT", f"{_REVIEW}/dismissals", dismiss_review, "pull_requests:write"),
    Route("GET", f"{_P}/comments", list_review_comments, "pull_requests:read"),
    Route("POST", f"{_P}/comments", create_review_comment, "pull_requests:write"),
)
