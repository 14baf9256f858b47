"""Read a review from GitHub. A review that a webhook reported decides nothing until GitHub has confirmed it.

https://docs.github.com/en/rest/pulls/reviews#get-a-review-for-a-pull-request
"""

from msgspec import Struct

from ghapp.github.errors import GitHubRefused
from ghapp.github.repository_access import RepositoryAccess
from ghapp.values import CommitSha


class _Account(Struct):
    id: int


class _Review(Struct):
    state: str
    commit_id: CommitSha | None = None
    user: _Account | None = None


class ReviewSeen(Struct, frozen=True, kw_only=True):
    """A review as GitHub has it now; an author with a deleted account has the id 0."""

    approves: bool
    head_sha: CommitSha | None
    author_id: int


class Reviews:
    """The reviews of one repository's pull requests."""

    _access: RepositoryAccess

    async def read_review(self, number: int, review_id: int) -> ReviewSeen | None:
        """A review of a pull request; None if there is none with this id."""
        try:
            read = await self._access.calls.read(
                "/repos/{owner}/{repo}/pulls/{number}/reviews/{review_id}",
                _Review,
                doing="read a review",
                at={"number": number, "review_id": review_id},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                return None
            raise
        return ReviewSeen(
            approves=read.state == "APPROVED",
            head_sha=read.commit_id,
            author_id=0 if read.user is None else read.user.id,
        )
