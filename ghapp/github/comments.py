"""Planward's own comments on pull requests, and its reactions to other people's comments.

https://docs.github.com/en/rest/issues/comments
"""

import re
from typing import Final, Literal

from msgspec import Struct

from ghapp.github.budget import Priority
from ghapp.github.creation import create_once
from ghapp.github.errors import GitHubRefused
from ghapp.github.repository_access import RepositoryAccess

Reaction = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]

_BODY: Final = 65_536
_MARKER: Final = re.compile(r"[0-9A-Za-z ./:_-]{1,200}")


class _Created(Struct):
    id: int


class _Author(Struct):
    type: str = ""


class _App(Struct):
    id: int


class _Comment(Struct):
    id: int
    body: str | None = None
    user: _Author | None = None
    performed_via_github_app: _App | None = None


class _Writer(Struct):
    id: int


class _CommentRead(Struct):
    issue_url: str
    created_at: str
    updated_at: str
    body: str | None = None
    user: _Writer | None = None


class CommentSeen(Struct, frozen=True, kw_only=True):
    """A comment on a pull request or issue. `author_id` is 0 if the author's account was deleted."""

    number: int
    body: str
    author_id: int
    edited: bool


class Comments:
    """The comments on the pull requests of one repository. They are cosmetic by default, so they may be deferred."""

    _access: RepositoryAccess

    async def create_comment(
        self, number: int, body: str, *, marker: str, look_first: bool = False, priority: Priority = "cosmetic"
    ) -> int:
        """Comment on a pull request and return the comment's id.

        `marker` is hidden above the text, so that the comment can be found. A text above GitHub's 65,536 characters
        loses its last lines. Raises ValueError if the marker could end its HTML comment.
        """
        doing = "create a comment"

        async def create() -> int:
            created = await self._access.calls.at(priority).send(
                "POST",
                "/repos/{owner}/{repo}/issues/{number}/comments",
                _Created,
                doing=doing,
                json={"body": _with_marker(body, marker)},
                repeatable=False,
                notifies=True,
                at={"number": number},
            )
            return created.id

        async def find() -> int | None:
            return await self.find_comment(number, marker, priority=priority)

        made = await create_once(create, find, look_first=look_first, settle_s=self._access.settle_s)
        return made.resource

    async def update_comment(self, comment_id: int, body: str, *, marker: str, priority: Priority = "cosmetic") -> None:
        """Replace a comment's text and keep its marker. Raises GitHubRefused with 404 if it was deleted."""
        await self._access.calls.at(priority).send(
            "PATCH",
            "/repos/{owner}/{repo}/issues/comments/{comment_id}",
            _Created,
            doing="update a comment",
            json={"body": _with_marker(body, marker)},
            at={"comment_id": comment_id},
            answers=(404,),
        )

    async def find_comment(self, number: int, marker: str, *, priority: Priority = "cosmetic") -> int | None:
        """The App's own comment with this marker, or None. Other authors' comments with the marker do not count."""
        hidden = _hide(marker)
        pages = self._access.calls.at(priority).read_pages(
            "/repos/{owner}/{repo}/issues/{number}/comments",
            list[_Comment],
            doing="list the comments of a pull request",
            at={"number": number},
        )
        async for page in pages:
            for comment in page:
                if hidden in (comment.body or "") and self._is_own(comment):
                    return comment.id
        return None

    async def read_comment(self, comment_id: int) -> CommentSeen | None:
        """A comment as GitHub has it now; None if there is none with this id.

        https://docs.github.com/en/rest/issues/comments#get-an-issue-comment
        """
        try:
            read = await self._access.calls.read(
                "/repos/{owner}/{repo}/issues/comments/{comment_id}",
                _CommentRead,
                doing="read a comment",
                at={"comment_id": comment_id},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status in (404, 410):
                return None
            raise
        number = read.issue_url.rpartition("/")[2]
        return CommentSeen(
            number=int(number) if number.isdecimal() else 0,
            body=read.body or "",
            author_id=0 if read.user is None else read.user.id,
            edited=read.updated_at != read.created_at,
        )

    async def react(self, comment_id: int, content: Reaction) -> None:
        """React to a comment. GitHub keeps one reaction of each kind, so repeating it is harmless."""
        await self._access.calls.cosmetic.send(
            "POST",
            "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
            _Created,
            doing="react to a comment",
            json={"content": content},
            at={"comment_id": comment_id},
        )

    def _is_own(self, comment: _Comment) -> bool:
        if comment.user is None or comment.user.type != "Bot":
            return False
        app = comment.performed_via_github_app
        return app is None or app.id == self._access.app_id


def _hide(marker: str) -> str:
    if not _MARKER.fullmatch(marker) or "--" in marker:
        raise ValueError(f"a comment's marker cannot be {marker!r}")
    return f"<!-- planward: {marker} -->"


def _with_marker(body: str, marker: str) -> str:
    # The marker comes first, so that it is not cut off together with the end of a long text.
    marked = f"{_hide(marker)}\n\n{body}"
    return marked if len(marked) <= _BODY else marked[: _BODY - 3].rpartition("\n")[0] + "\n\n…"
