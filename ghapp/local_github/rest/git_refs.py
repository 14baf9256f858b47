"""Git refs. Moving one is subject to branch protection."""

from __future__ import annotations

import base64

from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.fields import Fields
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.protection import denies_force, push_violations
from ghapp.local_github.pushes import ref_moved
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import repositories as serializers
from ghapp.local_github.state import JSON


def read_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    sha = call.repository.git.ref(name)
    if sha is None:
        raise not_found()
    return Reply(body=_ref(call, name, sha))


def matching_refs(call: Call) -> Reply:
    found = [
        (name, sha)
        for name, sha in call.repository.git.refs("refs/").items()
        if name.startswith(f"refs/{call.params['ref']}")
    ]
    return call.page(found, lambda item: _ref(call, *item))


def _ref(call: Call, name: str, sha: str) -> JSON:
    url = serializers.repository_url(call.world, call.repository)
    return {
        "ref": name,
        "node_id": f"REF_{base64.urlsafe_b64encode(name.encode()).decode().rstrip('=')}",
        "url": f"{url}/git/{name}",
        "object": {"sha": sha, "type": "commit", "url": f"{url}/git/commits/{sha}"},
    }


def create_ref(call: Call) -> Reply:
    fields = Fields(call.body, "Reference")
    name, sha = fields.text("ref", required=True) or "", fields.text("sha", required=True) or ""
    fields.raise_errors()
    git = call.repository.git
    if not name.startswith(("refs/heads/", "refs/tags/")) or not git.is_ref_name(name):
        raise ApiError(422, "Reference name must start with 'refs/' and have at least two slashes.")
    if not git.has(sha):
        raise ApiError(422, "Object does not exist")
    if git.ref(name) is not None:
        raise ApiError(422, "Reference already exists")
    _move_ref(call, name, NO_SHA, sha)
    return Reply(body=_ref(call, name, sha), status=201)


def update_ref(call: Call) -> Reply:
    fields = Fields(call.body, "Reference")
    sha, force = fields.text("sha", required=True) or "", fields.flag("force")
    fields.raise_errors()
    git, name = call.repository.git, f"refs/{call.params['ref']}"
    before = git.ref(name)
    if before is None:
        raise ApiError(422, "Reference does not exist")
    if not git.has(sha):
        raise ApiError(422, "Object does not exist")
    if not git.is_ancestor(before, sha):
        if not force:
            raise ApiError(422, "Update is not a fast forward")
        if denies_force(call.world, call.repository, name.removeprefix("refs/heads/"), call.actor):
            raise ApiError(422, "Cannot force-push to this branch")
    _move_ref(call, name, before, sha)
    return Reply(body=_ref(call, name, sha))


def delete_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    before = call.repository.git.ref(name)
    if before is None or not name.startswith(("refs/heads/", "refs/tags/")):
        raise ApiError(422, "Reference does not exist")
    _move_ref(call, name, before, NO_SHA)
    return Reply(status=204)


def _move_ref(call: Call, name: str, before: str, after: str) -> None:
    """Move a ref, subject to branch protection, as a push is."""
    if name.startswith("refs/heads/"):
        branch, wanted = name.removeprefix("refs/heads/"), None if after == NO_SHA else after
        found = push_violations(call.world, call.repository, branch, call.actor, after=wanted)
        if found:
            raise ApiError(422, found[0].message)
    if after == NO_SHA:
        call.repository.git.delete_ref(name)
    else:
        call.repository.git.update_ref(name, after)
    ref_moved(call.world, call.repository, name, before, after, call.account)


_R = "/repos/{owner}/{repo}"

ROUTES = (
    Route("GET", f"{_R}/git/ref/{{ref:path}}", read_ref, "contents:read"),
    Route("POST", f"{_R}/git/refs", create_ref, "contents:write"),
    Route("PATCH", f"{_R}/git/refs/{{ref:path}}", update_ref, "contents:write"),
    Route("DELETE", f"{_R}/git/refs/{{ref:path}}", delete_ref, "contents:write"),
    Route("GET", f"{_R}/git/matching-refs/{{ref:path}}", matching_refs, "contents:read"),
)
