"""The rules for direct pushes."""

from __future__ import annotations

from collections.abc import Iterator

from ghapp.local_github.access import Actor, Person
from ghapp.local_github.protection.required_checks import check_messages
from ghapp.local_github.protection.sources import Violation, bypasses, has_merge_queue, sources
from ghapp.local_github.state import JSON, Repository
from ghapp.local_github.world import World


def push_violations(
    world: World, repository: Repository, branch: str, actor: Actor, *, after: str | None
) -> list[Violation]:
    """Return the rules that a push breaks. `after` is None for a deletion. See `denies_force` for force pushes."""
    found: list[Violation] = []
    for source in sources(repository, branch):
        for rule in source.rules:
            if bypasses(world, repository, source, rule, actor, merging=False):
                continue
            messages = _push_messages(repository, branch, rule, actor, after)
            found += [
                Violation(type=rule["type"], message=text, by_ruleset=source.ruleset is not None) for text in messages
            ]
    if has_merge_queue(repository, branch) and after is not None:
        found.append(
            Violation(type="merge_queue", message="Changes must be made through the merge queue", by_ruleset=True)
        )
    return found


def _push_messages(repository: Repository, branch: str, rule: JSON, actor: Actor, after: str | None) -> Iterator[str]:
    parameters = rule.get("parameters", {})
    exists = repository.git.tip(branch) is not None
    match rule["type"]:
        case "deletion" if after is None:
            yield "Cannot delete this protected branch"
        case "creation" if not exists and after is not None:
            yield "Cannot create ref due to creations being restricted."
        case "update" if exists and after is not None:
            yield "Cannot update this protected ref."
        case "pull_request" if after is not None and exists and not parameters.get("direct_pushes"):
            yield "Changes must be made through a pull request."
        case "required_status_checks" if after is not None and exists:
            yield from check_messages(repository, after, parameters)
        case "restrict" if not (isinstance(actor, Person) and actor.account.login in parameters["logins"]):
            yield "You're not authorized to push to this branch."


def denies_force(world: World, repository: Repository, branch: str, actor: Actor) -> bool:
    return any(
        rule["type"] == "non_fast_forward" and not bypasses(world, repository, source, rule, actor, merging=False)
        for source in sources(repository, branch)
        for rule in source.rules
    )
