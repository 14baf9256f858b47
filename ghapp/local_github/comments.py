"""Comments on issues and pull requests."""

from __future__ import annotations

from datetime import timedelta

from ghapp.local_github import events
from ghapp.local_github.state import Account, App, Comment, Issue, Repository
from ghapp.local_github.world import World


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


def edit(
    world: World, repository: Repository, comment: Comment, body: str, *, sender: Account, same_second: bool = False
) -> None:
    """Change the text. `updated_at` becomes at least a second later, unless `same_second`.

    GitHub's times have whole seconds, so an edit in the same second leaves `updated_at` as it was.
    """
    before, comment.body = comment.body, body
    if not same_second:
        comment.updated_at = max(world.now(), comment.updated_at + timedelta(seconds=1))
    events.issue_comment(world, repository, comment, "edited", sender, changes={"body": {"from": before}})


def delete(world: World, repository: Repository, comment: Comment, *, sender: Account) -> None:
    events.issue_comment(world, repository, comment, "deleted", sender)
    repository.issues[comment.number].comments.remove(comment)
