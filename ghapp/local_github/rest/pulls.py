"""Pull requests, their files and the merge button."""

from __future__ import annotations

from ghapp.local_github import pulls
from ghapp.local_github.access import Person, has_role, may_push
from ghapp.local_github.errors import ApiError, Unprocessable, not_accessible
from ghapp.local_github.fields import Fields
from ghapp.local_github.merge import METHODS, MergeRequest, merge_pull, update_branch
from ghapp.local_github.rest.repositories import for_version, pull_json
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import pulls as serializers
from ghapp.local_github.serializers import repositories
from ghapp.local_github.state import PullRequest
from ghapp.local_github.world import find_pull


def _pull(call: Call) -> PullRequest:
    return find_pull(call.repository, call.params["number"])


def _full(call: Call, pull: PullRequest) -> Reply:
    mergeable = pulls.test_merge(call.world, pull)
    state = pulls.mergeable_state(call.world, pull, mergeable, call.actor)
    return Reply(
        body=for_version(call, serializers.full_pull(call.world, pull, mergeable=mergeable, mergeable_state=state))
    )


def list_pulls(call: Call) -> Reply:
    state = call.query.get("state", "open")
    if state not in ("open", "closed", "all"):
        raise Unprocessable({"resource": "PullRequest", "field": "state", "code": "invalid"})
    found = [pull for pull in call.repository.pulls if state in ("all", pull.state)]
    if (head := call.query.get("head")) and ":" in head:
        found = [pull for pull in found if f"{pull.head_owner.login}:{pull.head_ref}".lower() == head.lower()]
    if base := call.query.get("base"):
        found = [pull for pull in found if pull.base_ref == base]
    updated = call.query.get("sort") == "updated"
    descending = call.query.get("direction", "asc" if updated else "desc") == "desc"
    found.sort(
        key=lambda one: (one.issue.updated_at if updated else one.issue.created_at, one.number), reverse=descending
    )
    return call.page(found, lambda pull: pull_json(call, pull))


def create_pull(call: Call) -> Reply:
    fields = Fields(call.body, "PullRequest")
    title, head, base = (fields.text(name, required=True) for name in ("title", "head", "base"))
    body, draft = fields.text("body"), fields.flag("draft")
    modifiable = fields.flag("maintainer_can_modify", default=True)
    fields.raise_errors()
    assert title is not None
    assert head is not None
    assert base is not None
    _may_open(call, head)
    pull = pulls.open_pull(
        call.world,
        call.repository,
        title=title,
        body=body,
        head=head,
        base=base,
        draft=draft,
        author=call.account,
        maintainer_can_modify=modifiable,
    )
    reply = _full(call, pull)
    reply.status = 201
    reply.headers = {"Location": reply.body["url"]}
    return reply


def _may_open(call: Call, head: str) -> None:
    """Raises 403 if a person proposes a branch of this repository without write access to it."""
    if isinstance(call.actor, Person) and ":" not in head and not may_push(call.world, call.actor, call.repository):
        raise ApiError(403, "Resource not accessible by personal access token")


def read_pull(call: Call) -> Reply:
    return _full(call, _pull(call))


def update_pull(call: Call) -> Reply:
    pull = _pull(call)
    if (
        isinstance(call.actor, Person)
        and call.account is not pull.issue.author
        and not has_role(call.world, call.account, call.repository, "triage")
    ):
        raise ApiError(403, "Resource not accessible by personal access token")
    fields = Fields(call.body, "PullRequest")
    title, body, base = fields.text("title"), fields.text("body"), fields.text("base")
    state = fields.choice("state", ("open", "closed"))
    fields.raise_errors()
    pulls.change_text(call.world, pull, title=title, body=body, sender=call.account)
    if base is not None and base != pull.base_ref:
        pulls.change_base(call.world, pull, base, call.account)
    if state == "closed":
        pulls.close(call.world, pull, call.account)
    elif state == "open" and pull.state == "closed":
        pulls.reopen(call.world, pull, call.account)
    return _full(call, pull)


def list_commits(call: Call) -> Reply:
    pull = _pull(call)
    commits = call.repository.git.commits(f"{pull.base_sha}..{pull.head_sha}", limit=250)[::-1]
    return call.page(commits, lambda item: repositories.commit(call.world, call.repository, item))


def list_files(call: Call) -> Reply:
    pull = _pull(call)
    git = call.repository.git
    files = git.changed_files(git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha, pull.head_sha)[:3_000]
    return call.page(files, lambda item: repositories.changed_file(call.world, call.repository, pull.head_sha, item))


def is_merged(call: Call) -> Reply:
    if _pull(call).merged_at is None:
        raise ApiError(404, "Not Found")
    return Reply(status=204)


def merge(call: Call) -> Reply:
    pull = _pull(call)
    if not may_push(call.world, call.actor, call.repository):
        raise (
            not_accessible()
            if not isinstance(call.actor, Person)
            else ApiError(403, "Resource not accessible by personal access token")
        )
    fields = Fields(call.body, "PullRequest")
    request = MergeRequest(
        method=fields.choice("merge_method", METHODS) or "merge",
        sha=fields.text("sha"),
        title=fields.text("commit_title"),
        message=fields.text("commit_message"),
    )
    fields.raise_errors()
    sha = merge_pull(call.world, pull, request, call.actor)
    return Reply(body={"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def bring_up_to_date(call: Call) -> Reply:
    pull = _pull(call)
    fields = Fields(call.body, "PullRequest")
    expected = fields.text("expected_head_sha")
    fields.raise_errors()
    if not may_push(call.world, call.actor, pull.head_repository or call.repository):
        raise ApiError(403, "Resource not accessible by personal access token")
    update_branch(call.world, pull, expected, call.account)
    url = f"{repositories.repository_url(call.world, call.repository)}/pulls/{pull.number}"
    return Reply(body={"message": "Updating pull request branch.", "url": url}, status=202)


_P = "/repos/{owner}/{repo}/pulls"

ROUTES = (
    Route("GET", _P, list_pulls, "pull_requests:read"),
    Route("POST", _P, create_pull, "pull_requests:write"),
    Route("GET", f"{_P}/{{number}}", read_pull, "pull_requests:read"),
    Route("PATCH", f"{_P}/{{number}}", update_pull, "pull_requests:write"),
    Route("GET", f"{_P}/{{number}}/commits", list_commits, "pull_requests:read"),
    Route("GET", f"{_P}/{{number}}/files", list_files, "pull_requests:read"),
    Route("GET", f"{_P}/{{number}}/merge", is_merged, "contents:read"),
    Route("PUT", f"{_P}/{{number}}/merge", merge, "contents:write"),
    Route("PUT", f"{_P}/{{number}}/update-branch", bring_up_to_date, "pull_requests:write"),
)
