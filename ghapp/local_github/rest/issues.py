"""Issues, comments on issues and pull requests, and reactions."""

from __future__ import annotations

from collections.abc import Callable

from ghapp.local_github import comments, pulls
from ghapp.local_github.access import InstallationAccess, Person, UserAccess, actor_app, has_role
from ghapp.local_github.errors import ApiError, not_accessible, not_found
from ghapp.local_github.fields import Fields
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import pulls as serializers
from ghapp.local_github.state import Comment, Issue, Reaction
from ghapp.local_github.world import find_comment, find_issue

_CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
_LONGEST = 65_536


def _issue(call: Call) -> Issue:
    return find_issue(call.repository, call.params["number"])


def _require_permission(call: Call, issue: Issue, level: str) -> None:
    """Comments on a pull request need `pull_requests` or `issues`; comments on an issue need `issues`."""
    match call.actor:
        case InstallationAccess(token):
            permissions = token.permissions
        case UserAccess(_, app) if level == "write" or call.repository.private:
            installation = call.world.installation_of(app, call.repository)
            permissions = {} if installation is None else installation.permissions
        case _:
            return
    names = ("issues", "pull_requests") if issue.pull is not None else ("issues",)
    held = {permissions.get(name) for name in names}
    if not held & ({"write", "admin"} if level == "write" else {"read", "write", "admin"}):
        raise not_accessible()


def read_issue(call: Call) -> Reply:
    issue = _issue(call)
    _require_permission(call, issue, "read")
    return Reply(body=serializers.issue(call.world, call.repository, issue))


def list_issues(call: Call) -> Reply:
    state = call.query.get("state", "open")
    found = [issue for issue in call.repository.issues.values() if state in ("all", issue.state)][::-1]
    return call.page(found, lambda item: serializers.issue(call.world, call.repository, item))


def create_issue(call: Call) -> Reply:
    fields = Fields(call.body, "Issue")
    title, body = fields.text("title", required=True), fields.text("body")
    fields.raise_errors()
    issue = pulls.new_issue(call.world, call.repository, title=title or "", body=body, author=call.account)
    return Reply(body=serializers.issue(call.world, call.repository, issue), status=201)


def _comment(call: Call) -> Comment:
    return find_comment(call.repository, call.params["comment_id"])


def _shown(call: Call, comment: Comment, status: int = 200) -> Reply:
    return Reply(body=serializers.comment(call.world, call.repository, comment), status=status)


def list_comments(call: Call) -> Reply:
    issue = _issue(call)
    _require_permission(call, issue, "read")
    return call.page(issue.comments, lambda item: serializers.comment(call.world, call.repository, item))


def list_all_comments(call: Call) -> Reply:
    found = [comment for issue in call.repository.issues.values() for comment in issue.comments]
    return call.page(found, lambda item: serializers.comment(call.world, call.repository, item))


def create_comment(call: Call) -> Reply:
    issue = _issue(call)
    _require_permission(call, issue, "write")
    body = _body(call)
    comment = comments.add(call.world, call.repository, issue, body, author=call.account, via_app=actor_app(call.actor))
    reply = _shown(call, comment, 201)
    reply.headers = {"Location": reply.body["url"]}
    return reply


def _body(call: Call) -> str:
    fields = Fields(call.body, "IssueComment")
    body = fields.text("body", required=True, longest=_LONGEST)
    fields.raise_errors()
    return body or ""


def _require_author_or_writer(call: Call, comment: Comment) -> None:
    if (
        isinstance(call.actor, Person)
        and comment.author is not call.account
        and not has_role(call.world, call.account, call.repository, "write")
    ):
        raise ApiError(403, "Resource not accessible by personal access token")


def read_comment(call: Call) -> Reply:
    comment = _comment(call)
    _require_permission(call, call.repository.issues[comment.number], "read")
    return _shown(call, comment)


def update_comment(call: Call) -> Reply:
    comment = _comment(call)
    _require_permission(call, call.repository.issues[comment.number], "write")
    _require_author_or_writer(call, comment)
    comments.edit(call.world, call.repository, comment, _body(call), sender=call.account)
    return _shown(call, comment)


def delete_comment(call: Call) -> Reply:
    comment = _comment(call)
    issue = call.repository.issues[comment.number]
    _require_permission(call, issue, "write")
    _require_author_or_writer(call, comment)
    comments.delete(call.world, call.repository, comment, sender=call.account)
    return Reply(status=204)


# -- reactions -----------------------------------------------------------------------------------------------------


def list_reactions(call: Call) -> Reply:
    return call.page(_comment(call).reactions, lambda item: serializers.reaction(call.world, item))


def create_reaction(call: Call) -> Reply:
    comment = _comment(call)
    _require_permission(call, call.repository.issues[comment.number], "write")
    fields = Fields(call.body, "Reaction")
    content = fields.choice("content", _CONTENTS, required=True)
    fields.raise_errors()
    for reaction in comment.reactions:
        if reaction.author is call.account and reaction.content == content:
            return Reply(body=serializers.reaction(call.world, reaction))
    reaction = Reaction(id=call.world.new_id(), content=content or "", author=call.account, created_at=call.world.now())
    comment.reactions.append(reaction)
    return Reply(body=serializers.reaction(call.world, reaction), status=201)


def delete_reaction(call: Call) -> Reply:
    comment = _comment(call)
    for reaction in comment.reactions:
        if str(reaction.id) == call.params["reaction_id"]:
            comment.reactions.remove(reaction)
            return Reply(status=204)
    raise not_found()


_I = "/repos/{owner}/{repo}/issues"
_ANY = "metadata:read"  # the permission depends on whether the issue is a pull request: see `_require_permission`

_COMMENT: tuple[tuple[str, str, Callable[[Call], Reply]], ...] = (
    ("GET", "", read_comment),
    ("PATCH", "", update_comment),
    ("DELETE", "", delete_comment),
    ("GET", "/reactions", list_reactions),
    ("POST", "/reactions", create_reaction),
    ("DELETE", "/reactions/{reaction_id}", delete_reaction),
)

ROUTES = (
    Route("GET", _I, list_issues, "issues:read"),
    Route("POST", _I, create_issue, "issues:write"),
    Route("GET", f"{_I}/comments", list_all_comments, "issues:read"),
    *(Route(method, f"{_I}/comments/{{comment_id}}{rest}", handler, _ANY) for method, rest, handler in _COMMENT),
    Route("GET", f"{_I}/{{number}}", read_issue, _ANY),
    Route("GET", f"{_I}/{{number}}/comments", list_comments, _ANY),
    Route("POST", f"{_I}/{{number}}/comments", create_comment, _ANY),
)
