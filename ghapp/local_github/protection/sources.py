"""The rules of a branch: classic protection and rulesets in one form, and who may bypass them."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from ghapp.local_github.access import Actor, InstallationAccess, Person, base_role, has_role, role_name
from ghapp.local_github.state import JSON, BranchProtection, Repository, Ruleset
from ghapp.local_github.world import World

_ROLE_IDS = {2: "maintain", 4: "write", 5: "admin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One ruleset, or the classic protection of a branch, with its rules converted to ruleset rules."""

    ruleset: Ruleset | None
    rules: tuple[JSON, ...]
    enforce_admins: bool = True


def sources(repository: Repository, branch: str) -> list[Source]:
    found = [
        Source(ruleset=ruleset, rules=tuple(ruleset.rules))
        for ruleset in repository.rulesets
        if ruleset.enforcement == "active" and _applies(ruleset, repository, branch)
    ]
    protection = repository.protections.get(branch)
    if protection is not None:
        found.append(Source(ruleset=None, rules=_classic_rules(protection), enforce_admins=protection.enforce_admins))
    return found


def _applies(ruleset: Ruleset, repository: Repository, branch: str) -> bool:
    names = ruleset.conditions.get("ref_name", {})
    included = any(_matches(pattern, repository, branch) for pattern in names.get("include", ["~ALL"]))
    return included and not any(_matches(pattern, repository, branch) for pattern in names.get("exclude", []))


def _matches(pattern: str, repository: Repository, branch: str) -> bool:
    if pattern == "~ALL":
        return True
    if pattern == "~DEFAULT_BRANCH":
        return branch == repository.default_branch
    return fnmatch.fnmatchcase(f"refs/heads/{branch}", pattern)


def _classic_rules(protection: BranchProtection) -> tuple[JSON, ...]:
    rules: list[JSON] = []
    if not protection.allow_force_pushes:
        rules.append({"type": "non_fast_forward"})
    if not protection.allow_deletions:
        rules.append({"type": "deletion"})
    if protection.linear_history:
        rules.append({"type": "required_linear_history"})
    if protection.restrict_pushes_to is not None:
        rules.append({"type": "restrict", "parameters": {"logins": protection.restrict_pushes_to}})
    if protection.pull_request_required or protection.conversation_resolution:
        parameters: JSON = {
            "required_approving_review_count": protection.required_approvals if protection.pull_request_required else 0,
            "dismiss_stale_reviews_on_push": protection.dismiss_stale_reviews,
            "require_code_owner_review": protection.code_owner_reviews,
            "required_review_thread_resolution": protection.conversation_resolution,
            "direct_pushes": not protection.pull_request_required,
        }
        rules.append({"type": "pull_request", "parameters": parameters})
    if protection.required_checks is not None:
        checks = [{"context": check.context, "integration_id": check.app_id} for check in protection.required_checks]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": protection.strict}
        rules.append({"type": "required_status_checks", "parameters": parameters})
    return tuple(rules)


def has_merge_queue(repository: Repository, branch: str) -> bool:
    ruled = any(rule["type"] == "merge_queue" for source in sources(repository, branch) for rule in source.rules)
    return ruled or branch in repository.merge_queues


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that was broken: its type, and GitHub's message."""

    type: str
    message: str
    by_ruleset: bool


def bypasses(world: World, repository: Repository, source: Source, rule: JSON, actor: Actor, *, merging: bool) -> bool:
    if source.ruleset is None:
        fixed = rule["type"] in ("non_fast_forward", "deletion")
        return (
            not fixed
            and not source.enforce_admins
            and isinstance(actor, Person)
            and has_role(world, actor.account, repository, "admin")
        )
    return any(_named(world, repository, entry, actor, merging=merging) for entry in source.ruleset.bypass_actors)


def _named(world: World, repository: Repository, entry: JSON, actor: Actor, *, merging: bool) -> bool:
    if entry.get("bypass_mode", "always") == "pull_request" and not merging:
        return False
    kind, number = entry.get("actor_type"), entry.get("actor_id")
    if isinstance(actor, InstallationAccess):
        return kind == "Integration" and number == actor.token.installation.app.id
    if not isinstance(actor, Person):
        return False
    account = actor.account
    if kind == "OrganizationAdmin":
        return world.organization_members.get(repository.owner.id, {}).get(account.id) == "admin"
    if kind == "RepositoryRole":
        return base_role(world, repository, role_name(world, account, repository)) == _ROLE_IDS.get(number or 0)
    return kind == "Team" and any(team.id == number and account.id in world.team_members(team) for team in world.teams)
