"""Deployments and their statuses."""

from __future__ import annotations

from ghapp.local_github import events
from ghapp.local_github.access import actor_app
from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.fields import Fields
from ghapp.local_github.protection import check_state
from ghapp.local_github.pushes import ref_moved
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import checks as serializers
from ghapp.local_github.serializers.accounts import timestamp
from ghapp.local_github.serializers.checks import latest_statuses
from ghapp.local_github.state import JSON, Deployment, DeploymentStatus
from ghapp.local_github.world import find_deployment, node_id

_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def create(call: Call) -> Reply:
    repository = call.repository
    fields = Fields(call.body, "Deployment")
    ref = fields.text("ref", required=True)
    task, environment = fields.text("task") or "deploy", fields.text("environment") or "production"
    description = fields.text("description", longest=140)
    auto_merge, transient = fields.flag("auto_merge", default=True), fields.flag("transient_environment")
    production = fields.flag("production_environment", default=environment == "production")
    contexts = fields.items("required_contexts")
    fields.raise_errors()
    sha = repository.git.resolve(ref or "")
    if ref is None or sha is None:
        raise ApiError(422, f"No ref found for: {ref}")
    if auto_merge and (merged := _auto_merge(call, ref, sha)):
        return merged
    _require_contexts(call, ref, sha, contexts)
    now = call.world.now()
    item = Deployment(
        id=call.world.new_id(),
        sha=sha,
        ref=ref,
        task=task,
        payload=call.body.get("payload", {}),
        environment=environment,
        original_environment=environment,
        description=description,
        creator=call.account,
        created_at=now,
        updated_at=now,
        transient_environment=transient,
        production_environment=production,
        via_app=actor_app(call.actor),
    )
    repository.deployments.append(item)
    events.deployment(call.world, repository, item, call.account)
    return Reply(body=serializers.deployment(call.world, repository, item), status=201)


def _auto_merge(call: Call, ref: str, sha: str) -> Reply | None:
    """Merge the default branch into the branch to be deployed, as GitHub surprisingly does by default."""
    repository = call.repository
    git, default = repository.git, repository.default_branch
    tip = git.tip(default)
    if ref == default or git.tip(ref) is None or tip is None or git.is_ancestor(tip, sha):
        return None
    tree = git.merge_tree(sha, tip)
    if tree is None:
        raise ApiError(409, f"Conflict merging {default} into {ref}.")
    author = call.world.signature_of(call.account)
    message = f"Merge branch '{default}' into {ref}"
    committer = call.world.web_flow_signature()
    merged = git.commit_tree(tree, [sha, tip], message, author=author, committer=committer)
    git.update_ref(f"refs/heads/{ref}", merged)
    ref_moved(call.world, repository, f"refs/heads/{ref}", sha, merged, call.account)
    return Reply(body={"message": f"Auto-merged {default} into {ref} on deployment."}, status=202)


def _require_contexts(call: Call, ref: str, sha: str, wanted: list[str] | None) -> None:
    repository = call.repository
    if wanted is None:
        names = {run.name for run in repository.check_runs if run.head_sha == sha}
        wanted = sorted(names | {item.context for item in latest_statuses(repository, sha)})
    states = {name: check_state(repository, sha, name, None) for name in wanted}
    missing = [{"context": name, "state": state} for name, state in states.items() if state != "successful"]
    if missing:
        error = {"contexts": missing, "resource": "Deployment", "field": "required_contexts", "code": "invalid"}
        raise ApiError(409, f"Conflict: Commit status checks failed for {ref}.", errors=[error])


def list_deployments(call: Call) -> Reply:
    found = call.repository.deployments[::-1]
    for name in ("sha", "ref", "task", "environment"):
        wanted = call.query.get(name)
        if wanted not in (None, "none"):
            found = [item for item in found if getattr(item, name) == wanted]
    return call.page(found, lambda item: serializers.deployment(call.world, call.repository, item))


def _deployment(call: Call) -> Deployment:
    return find_deployment(call.repository, call.params["deployment_id"])


def read(call: Call) -> Reply:
    return Reply(body=serializers.deployment(call.world, call.repository, _deployment(call)))


def delete(call: Call) -> Reply:
    item = _deployment(call)
    active = item.state not in ("inactive", "failure", "error")
    if active and len(call.repository.deployments) > 1:
        raise ApiError(
            422, "We cannot delete an active deployment unless it is the only deployment in a given environment."
        )
    call.repository.deployments.remove(item)
    return Reply(status=204)


def create_status(call: Call) -> Reply:
    item = _deployment(call)
    fields = Fields(call.body, "DeploymentStatus")
    state = fields.choice("state", _STATES, required=True)
    description = fields.text("description", longest=140)
    log_url = fields.text("log_url") or fields.text("target_url") or ""
    environment, environment_url = fields.text("environment") or item.environment, fields.text("environment_url") or ""
    auto_inactive = fields.flag("auto_inactive", default=True)
    fields.raise_errors()
    item.environment = environment
    status = _add_status(call, item, state or "", description or "", log_url, environment_url)
    if state == "success" and auto_inactive:
        _retire_others(call, item)
    shown = serializers.deployment_status(call.world, call.repository, item, status)
    return Reply(body=shown, status=201, headers={"Location": shown["url"]})


def _add_status(
    call: Call, item: Deployment, state: str, description: str, log_url: str, environment_url: str
) -> DeploymentStatus:
    status = DeploymentStatus(
        id=call.world.new_id(),
        state=state,
        description=description,
        environment=item.environment,
        environment_url=environment_url,
        log_url=log_url,
        creator=call.account,
        created_at=call.world.now(),
        via_app=actor_app(call.actor),
    )
    item.statuses.append(status)
    item.updated_at = status.created_at
    events.deployment_status(call.world, call.repository, item, status, call.account)
    return status


def _retire_others(call: Call, item: Deployment) -> None:
    """Make earlier successful deployments of the environment inactive, except transient and production ones."""
    for other in call.repository.deployments:
        same = other is not item and other.environment == item.environment and other.id < item.id
        if same and other.state == "success" and not (other.transient_environment or other.production_environment):
            _add_status(call, other, "inactive", "", other.statuses[-1].log_url, other.statuses[-1].environment_url)


def list_statuses(call: Call) -> Reply:
    item = _deployment(call)
    return call.page(
        item.statuses[::-1], lambda one: serializers.deployment_status(call.world, call.repository, item, one)
    )


def read_status(call: Call) -> Reply:
    item = _deployment(call)
    for status in item.statuses:
        if str(status.id) == call.params["status_id"]:
            return Reply(body=serializers.deployment_status(call.world, call.repository, item, status))
    raise not_found()


def list_environments(call: Call) -> Reply:
    names = list(dict.fromkeys(item.environment for item in call.repository.deployments))
    return call.page(names, lambda name: _environment(call, name), wrapped="environments")


def _environment(call: Call, name: str) -> JSON:
    first = next(item for item in call.repository.deployments if item.environment == name)
    url = f"{call.world.api_url}/repos/{call.repository.full_name}/environments/{name}"
    moment = timestamp(first.created_at)
    return {
        "id": first.id,
        "node_id": node_id("EN", first.id),
        "name": name,
        "url": url,
        "html_url": f"{call.world.url}/{call.repository.full_name}/deployments/{name}",
        "created_at": moment,
        "updated_at": moment,
        "protection_rules": [],
        "deployment_branch_policy": None,
    }


_D = "/repos/{owner}/{repo}/deployments"

ROUTES = (
    Route("GET", _D, list_deployments, "deployments:read"),
    Route("POST", _D, create, "deployments:write"),
    Route("GET", f"{_D}/{{deployment_id}}", read, "deployments:read"),
    Route("DELETE", f"{_D}/{{deployment_id}}", delete, "deployments:write"),
    Route("GET", f"{_D}/{{deployment_id}}/statuses", list_statuses, "deployments:read"),
    Route("POST", f"{_D}/{{deployment_id}}/statuses", create_status, "deployments:write"),
    Route("GET", f"{_D}/{{deployment_id}}/statuses/{{status_id}}", read_status, "deployments:read"),
    Route("GET", "/repos/{owner}/{repo}/environments", list_environments, "actions:read"),
)
