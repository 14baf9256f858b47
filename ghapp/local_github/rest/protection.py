"""Classic branch protection, and rulesets."""

from __future__ import annotations

from typing import Any

from ghapp.local_github.access import InstallationAccess
from ghapp.local_github.errors import ApiError, Unprocessable, field_error, not_found
from ghapp.local_github.fields import Fields
from ghapp.local_github.protection import sources
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers.accounts import timestamp
from ghapp.local_github.serializers.repositories import html_url, repository_url
from ghapp.local_github.state import JSON, BranchProtection, RequiredCheck, Ruleset
from ghapp.local_github.world import World, node_id

_ENFORCEMENTS = ("disabled", "active", "evaluate")
_RULES = frozenset(
    {
        "creation",
        "update",
        "deletion",
        "required_linear_history",
        "merge_queue",
        "required_deployments",
        "required_signatures",
        "pull_request",
        "required_status_checks",
        "non_fast_forward",
    }
)


def _branch(call: Call) -> str:
    name = call.params["branch"]
    if call.repository.git.tip(name) is None:
        raise ApiError(404, "Branch not found")
    return name


def _protection(call: Call) -> BranchProtection:
    found = call.repository.protections.get(_branch(call))
    if found is None:
        raise ApiError(404, "Branch not protected")
    return found


def read_protection(call: Call) -> Reply:
    return Reply(body=protection_json(call, _protection(call)))


def protection_json(call: Call, value: BranchProtection) -> JSON:
    url = f"{repository_url(call.world, call.repository)}/branches/{call.params['branch']}/protection"
    body: JSON = {"url": url}
    if value.required_checks is not None:
        body["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "strict": value.strict,
            "contexts": [check.context for check in value.required_checks],
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [{"context": check.context, "app_id": check.app_id} for check in value.required_checks],
        }
    if value.pull_request_required:
        body["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": value.dismiss_stale_reviews,
            "require_code_owner_reviews": value.code_owner_reviews,
            "required_approving_review_count": value.required_approvals,
            "require_last_push_approval": False,
        }
    if value.restrict_pushes_to is not None:
        body["restrictions"] = {"url": f"{url}/restrictions", "users": [], "teams": [], "apps": []}
    flags = {
        "required_linear_history": value.linear_history,
        "allow_force_pushes": value.allow_force_pushes,
        "allow_deletions": value.allow_deletions,
        "block_creations": False,
        "required_conversation_resolution": value.conversation_resolution,
        "lock_branch": False,
        "allow_fork_syncing": False,
    }
    return {
        **body,
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": value.enforce_admins},
        **{name: {"enabled": on} for name, on in flags.items()},
    }


def put_protection(call: Call) -> Reply:
    branch = _branch(call)
    for name in ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions"):
        if name not in call.body:
            raise Unprocessable(f'"{name}" wasn\'t supplied.', message="Invalid request.")
    fields = Fields(call.body, "ProtectedBranch")
    checks, reviews = fields.mapping("required_status_checks"), fields.mapping("required_pull_request_reviews")
    restrictions = fields.mapping("restrictions")
    value = BranchProtection(
        enforce_admins=fields.flag("enforce_admins"),
        linear_history=fields.flag("required_linear_history"),
        allow_force_pushes=fields.flag("allow_force_pushes"),
        allow_deletions=fields.flag("allow_deletions"),
        conversation_resolution=fields.flag("required_conversation_resolution"),
    )
    fields.raise_errors()
    if checks is not None:
        value.strict = bool(checks.get("strict"))
        value.required_checks = _required_checks(checks)
    if reviews is not None:
        value.pull_request_required = True
        value.required_approvals = int(reviews.get("required_approving_review_count", 1))
        value.dismiss_stale_reviews = bool(reviews.get("dismiss_stale_reviews"))
        value.code_owner_reviews = bool(reviews.get("require_code_owner_reviews"))
    if restrictions is not None:
        value.restrict_pushes_to = [str(login) for login in restrictions.get("users", [])]
    call.repository.protections[branch] = value
    return Reply(body=protection_json(call, value))


def _required_checks(checks: JSON) -> list[RequiredCheck]:
    named = [RequiredCheck(context=str(entry["context"]), app_id=_app_id(entry)) for entry in checks.get("checks", [])]
    known = {check.context for check in named}
    return named + [RequiredCheck(context=str(name)) for name in checks.get("contexts", []) if name not in known]


def _app_id(entry: JSON) -> int | None:
    value = entry.get("app_id")
    return None if value in (None, -1) else int(value)


def delete_protection(call: Call) -> Reply:
    _protection(call)
    del call.repository.protections[call.params["branch"]]
    return Reply(status=204)


# -- rulesets ------------------------------------------------------------------------------------------------------


def rules_of_branch(call: Call) -> Reply:
    """Return the rules of rulesets that apply to a branch. Classic protection is not among them."""
    found = [
        {
            **rule,
            **{f"ruleset_{name}": value for name, value in _source(call, source.ruleset).items()},
            "ruleset_id": source.ruleset.id,
        }
        for source in sources(call.repository, call.params["branch"])
        if source.ruleset is not None
        for rule in source.rules
    ]
    return call.page(found, lambda rule: rule)


def _source(call: Call, value: Ruleset) -> JSON:
    if value.organization is not None:
        return {"source_type": "Organization", "source": value.organization.login}
    return {"source_type": "Repository", "source": call.repository.full_name}


def ruleset_json(call: Call, value: Ruleset, *, whole: bool) -> JSON:
    url = f"{repository_url(call.world, call.repository)}/rulesets/{value.id}"
    body: JSON = {
        "id": value.id,
        "name": value.name,
        "target": "branch",
        **_source(call, value),
        "enforcement": value.enforcement,
        "node_id": node_id("RRS", value.id),
        "_links": {
            "self": {"href": url},
            "html": {"href": f"{html_url(call.world, call.repository)}/rules/{value.id}"},
        },
        "created_at": timestamp(value.created_at),
        "updated_at": timestamp(value.updated_at),
    }
    if whole:
        body |= {"conditions": value.conditions, "rules": value.rules, "current_user_can_bypass": "never"}
        if (
            not isinstance(call.actor, InstallationAccess)
            or call.actor.token.permissions.get("administration") == "write"
        ):
            body["bypass_actors"] = value.bypass_actors
    return body


def _ruleset(call: Call) -> Ruleset:
    for ruleset in call.repository.rulesets:
        if str(ruleset.id) == call.params["ruleset_id"]:
            return ruleset
    raise not_found()


def _own_ruleset(call: Call) -> Ruleset:
    found = _ruleset(call)
    if found.organization is not None:
        raise not_found()
    return found


def list_rulesets(call: Call) -> Reply:
    return call.page(call.repository.rulesets, lambda item: ruleset_json(call, item, whole=False))


def read_ruleset(call: Call) -> Reply:
    return Reply(body=ruleset_json(call, _ruleset(call), whole=True))


def create_ruleset(call: Call) -> Reply:
    value = new_ruleset(call.world, call.body)
    if any(other.name == value.name for other in call.repository.rulesets):
        raise Unprocessable("Name must be unique")
    call.repository.rulesets.append(value)
    return Reply(body=ruleset_json(call, value, whole=True), status=201)


def create_organization_ruleset(call: Call) -> Reply:
    """Create a ruleset for the repositories that the organisation has now; conditions on their names are ignored."""
    owner = call.world.account(call.params["org"])
    if call.world.organization_members.get(owner.id, {}).get(call.account.id) != "admin":
        raise not_found()
    value = new_ruleset(call.world, call.body)
    value.organization = owner
    for repository in call.world.repositories.values():
        if repository.owner is owner:
            repository.rulesets.append(value)
    body = {"id": value.id, "name": value.name, "source_type": "Organization", "source": owner.login}
    return Reply(body=body, status=201)


def new_ruleset(world: World, body: JSON) -> Ruleset:
    fields = Fields(body, "RepositoryRuleset")
    now = world.now()
    value = Ruleset(
        id=world.new_id(),
        name=fields.text("name", required=True) or "",
        enforcement=fields.choice("enforcement", _ENFORCEMENTS, required=True) or "",
        conditions=fields.mapping("conditions") or {},
        rules=_rules(fields.items("rules") or []),
        bypass_actors=fields.items("bypass_actors") or [],
        created_at=now,
        updated_at=now,
    )
    fields.raise_errors()
    return value


def _rules(items: list[Any]) -> list[JSON]:
    for item in items:
        if not isinstance(item, dict) or item.get("type") not in _RULES:
            raise Unprocessable(field_error("RepositoryRuleset", "rules", "invalid"))
    return items


def update_ruleset(call: Call) -> Reply:
    value = _own_ruleset(call)
    merged = {
        "name": value.name,
        "enforcement": value.enforcement,
        "conditions": value.conditions,
        "rules": value.rules,
    }
    changed = new_ruleset(call.world, {**merged, "bypass_actors": value.bypass_actors, **call.body})
    value.name, value.enforcement, value.conditions = changed.name, changed.enforcement, changed.conditions
    value.rules, value.bypass_actors, value.updated_at = changed.rules, changed.bypass_actors, changed.updated_at
    return Reply(body=ruleset_json(call, value, whole=True))


def delete_ruleset(call: Call) -> Reply:
    call.repository.rulesets.remove(_own_ruleset(call))
    return Reply(status=204)


_R = "/repos/{owner}/{repo}"
_B = f"{_R}/branches/{{branch:path}}/protection"

ROUTES = (
    Route("GET", _B, read_protection, "administration:read"),
    Route("PUT", _B, put_protection, "administration:write"),
    Route("DELETE", _B, delete_protection, "administration:write"),
    Route("GET", f"{_R}/rules/branches/{{branch:path}}", rules_of_branch),
    Route("POST", "/orgs/{org}/rulesets", create_organization_ruleset),
    Route("GET", f"{_R}/rulesets", list_rulesets),
    Route("POST", f"{_R}/rulesets", create_ruleset, "administration:write"),
    Route("GET", f"{_R}/rulesets/{{ruleset_id}}", read_ruleset),
    Route("PUT", f"{_R}/rulesets/{{ruleset_id}}", update_ruleset, "administration:write"),
    Route("DELETE", f"{_R}/rulesets/{{ruleset_id}}", delete_ruleset, "administration:write"),
)
