"""Pull requests and the repository, as GitHub has them now.

Only fields that API versions 2022-11-28 and 2026-03-10 share are read; `merge_sha` is None if GitHub omits it.
https://docs.github.com/en/rest/pulls/pulls
"""

from datetime import datetime

from msgspec import Struct

from ghapp.events import GHOST, Base, Head, Person, Repository
from ghapp.github.errors import GitHubRefused
from ghapp.github.repository_access import RepositoryAccess
from ghapp.values import BranchName, CommitSha, RepositoryId

_WEB_FLOW = "web-flow"
"""GitHub's own account, which commits for the merge button."""


class _Rule(Struct):
    type: str


class PullRequestSeen(Struct, frozen=True, kw_only=True):
    """A pull request as the API returns it now."""

    number: int
    title: str
    url: str
    author: Person
    draft: bool
    is_open: bool
    merged_at: int | None
    merge_sha: CommitSha | None
    head: Head
    base: Base


class _Account(Struct):
    login: str
    id: int
    type: str = "User"


class _Repo(Struct):
    id: RepositoryId


class _Head(Struct):
    sha: CommitSha
    ref: BranchName
    repo: _Repo | None = None


class _Base(Struct):
    sha: CommitSha
    ref: BranchName


class _PullRequest(Struct):
    number: int
    title: str
    html_url: str
    state: str
    head: _Head
    base: _Base
    user: _Account | None = None
    draft: bool = False
    merged_at: datetime | None = None
    merge_commit_sha: CommitSha | None = None


class _CommitPerson(Struct):
    login: str = ""
    id: int = 0


class _ComparedCommit(Struct):
    sha: CommitSha
    author: _CommitPerson | None = None
    committer: _CommitPerson | None = None


class _Comparison(Struct):
    commits: list[_ComparedCommit]


class ReviewSeen(Struct, frozen=True, kw_only=True):
    """A review of a pull request: its state in GitHub's words (`APPROVED`), and the head that it is about."""

    state: str
    author: Person
    commit: CommitSha | None
    submitted_at: float | None
    """Seconds since 1970; None if it is not submitted."""


class _Review(Struct):
    state: str
    user: _Account | None = None
    commit_id: CommitSha | None = None
    submitted_at: datetime | None = None


class RepositoryShape(Struct):
    """The needed fields of a repository, under GitHub's names."""

    id: RepositoryId
    full_name: str
    clone_url: str
    default_branch: BranchName

    def read(self) -> Repository:
        """Convert it to Planward's type."""
        return Repository(
            id=self.id, full_name=self.full_name, clone_url=self.clone_url, default_branch=self.default_branch
        )


class Source:
    """Queries about one repository."""

    _access: RepositoryAccess

    async def repository(self) -> Repository:
        """The repository with its current name."""
        shape = await self._access.calls.read("/repos/{owner}/{repo}", RepositoryShape, doing="ask for the repository")
        return shape.read()

    async def open_pull_requests(self) -> tuple[PullRequestSeen, ...]:
        """Every open pull request, oldest first."""
        pages = self._access.calls.read_pages(
            "/repos/{owner}/{repo}/pulls",
            list[_PullRequest],
            doing="list the open pull requests",
            query={"state": "open", "sort": "created", "direction": "asc"},
        )
        return tuple([_pull_request_seen(pull_request) async for page in pages for pull_request in page])

    async def pull_request(self, number: int) -> PullRequestSeen | None:
        """One pull request; None if there is none with that number."""
        try:
            answer = await self._access.calls.read(
                "/repos/{owner}/{repo}/pulls/{number}",
                _PullRequest,
                doing=f"ask for pull request #{number}",
                at={"number": number},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                return None
            raise
        return _pull_request_seen(answer)

    async def requires_merge_queue(self, branch: BranchName) -> bool:
        """Whether a ruleset requires a merge queue for pull requests into a branch.

        Classic protection is invisible here. If GitHub answers 403 or 404, the result is False.
        https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
        """
        try:
            rules = await self._access.calls.read(
                "/repos/{owner}/{repo}/rules/branches/{branch}",
                list[_Rule],
                doing=f"ask what protects {branch}",
                at={"branch": branch},
                query={"per_page": 100},
                answers=(403, 404),
            )
        except GitHubRefused as error:
            if error.status in (403, 404):
                return False
            raise
        return any(rule.type == "merge_queue" for rule in rules)

    async def reviews_of(self, number: int) -> tuple[ReviewSeen, ...]:
        """The reviews of a pull request, oldest first.

        https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request
        """
        pages = self._access.calls.read_pages(
            "/repos/{owner}/{repo}/pulls/{number}/reviews",
            list[_Review],
            doing=f"list the reviews of #{number}",
            at={"number": number},
        )
        return tuple([_review_seen(review) async for page in pages for review in page])

    async def writers_between(
        self, base: CommitSha, head: CommitSha, *, most_pages: int
    ) -> dict[CommitSha, dict[int, str]]:
        """The ids and logins of the authors and committers of the commits `base...head`, without GitHub's own account.

        At most `most_pages` pages of 100 commits are read. https://docs.github.com/en/rest/commits/commits#compare-two-commits
        """
        pages = self._access.contents.read_pages(
            "/repos/{owner}/{repo}/compare/{base}...{head}",
            _Comparison,
            doing="compare two commits",
            at={"base": base, "head": head},
        )
        found: dict[CommitSha, dict[int, str]] = {}
        number = 0
        async for page in pages:
            for commit in page.commits:
                people = (commit.author, commit.committer)
                found[commit.sha] = {
                    each.id: each.login for each in people if each and each.id and each.login != _WEB_FLOW
                }
            number += 1
            if number == most_pages:
                break
        return found

    async def pull_requests_of(self, commit: CommitSha) -> tuple[PullRequestSeen, ...]:
        """The pull requests that GitHub connects with a commit. No decision may rest on this list alone.

        For a commit that is not on the default branch, it also contains open pull requests. GitHub updates the list
        some time after a push.
        https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
        """
        pages = self._access.calls.read_pages(
            "/repos/{owner}/{repo}/commits/{sha}/pulls",
            list[_PullRequest],
            doing="list the pull requests of a commit",
            at={"sha": commit},
        )
        return tuple([_pull_request_seen(pull_request) async for page in pages for pull_request in page])


def _review_seen(answer: _Review) -> ReviewSeen:
    user, at = answer.user, answer.submitted_at
    return ReviewSeen(
        state=answer.state,
        author=Person(login=user.login, id=user.id, is_bot=user.type == "Bot") if user else GHOST,
        commit=answer.commit_id,
        submitted_at=None if at is None else at.timestamp(),
    )


def _pull_request_seen(answer: _PullRequest) -> PullRequestSeen:
    user, head, merged_at = answer.user, answer.head, answer.merged_at
    return PullRequestSeen(
        number=answer.number,
        title=answer.title,
        url=answer.html_url,
        author=Person(login=user.login, id=user.id, is_bot=user.type == "Bot") if user else GHOST,
        draft=answer.draft,
        is_open=answer.state == "open",
        merged_at=int(merged_at.timestamp()) if merged_at else None,
        # For an unmerged pull request this is GitHub's test merge.
        merge_sha=answer.merge_commit_sha if merged_at else None,
        head=Head(sha=head.sha, ref=head.ref, repository_id=head.repo.id if head.repo else None),
        base=Base(sha=answer.base.sha, ref=answer.base.ref),
    )
