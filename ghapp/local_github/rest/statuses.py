"""Commit statuses."""

from __future__ import annotations

from ghapp.local_github import deliveries, queue
from ghapp.local_github.access import InstallationAccess
from ghapp.local_github.fields import Fields
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import checks as serializers
from ghapp.local_github.state import CommitStatus

_STATES = ("error", "failure", "pending", "success")


def create(call: Call) -> Reply:
    sha = call.commit(call.params["sha"])
    fields = Fields(call.body, "Status")
    state = fields.choice("state", _STATES, required=True)
    description = fields.text("description", longest=140)
    target_url, context = fields.text("target_url"), fields.text("context")
    fields.raise_errors()
    app = call.app if isinstance(call.actor, InstallationAccess) else None
    item = CommitStatus(
        id=call.world.new_id(),
        sha=sha,
        context=context or "default",
        state=state or "",
        description=description,
        target_url=target_url,
        creator=call.account,
        app_id=None if app is None else app.id,
        created_at=call.world.now(),
    )
    call.repository.statuses.append(item)
    shown = serializers.commit_status(call.world, call.repository, item)
    body = {"id": item.id, "sha": sha, "name": call.repository.full_name, "context": item.context, "state": item.state}
    deliveries.emit(call.world, "status", None, body, repository=call.repository, sender=call.account)
    queue.advance(call.world, call.repository)
    return Reply(body=shown, status=201, headers={"Location": shown["url"]})


def list_statuses(call: Call) -> Reply:
    sha = call.commit(call.params["ref"])
    found = [item for item in call.repository.statuses if item.sha == sha][::-1]
    return call.page(found, lambda item: serializers.commit_status(call.world, call.repository, item))


def combined(call: Call) -> Reply:
    return Reply(body=serializers.combined_status(call.world, call.repository, call.commit(call.params["ref"])))


_R = "/repos/{owner}/{repo}"

ROUTES = (
    Route("POST", f"{_R}/statuses/{{sha}}", create, "statuses:write"),
    Route("GET", f"{_R}/commits/{{ref:path}}/statuses", list_statuses, "statuses:read"),
    Route("GET", f"{_R}/statuses/{{ref:path}}", list_statuses, "statuses:read"),
    Route("GET", f"{_R}/commits/{{ref:path}}/status", combined, "statuses:read"),
)
