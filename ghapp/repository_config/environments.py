"""Read the environments of a repository: those in the file, or else the default ones whose branches exist."""

from collections.abc import Collection, Mapping
from typing import Final

from ghapp.repository_config import keys, words
from ghapp.repository_config.document import Value
from ghapp.repository_config.forms import Entries
from ghapp.repository_config.model import BranchEnvironment, Testing
from ghapp.repository_config.references import find_cycle, unknown_environment
from ghapp.values import TESTING, BranchName, EnvironmentName

Environments = tuple[Testing, dict[EnvironmentName, BranchEnvironment]]
STAGING: Final = EnvironmentName("staging")
PRODUCTION: Final = EnvironmentName("production")


def default_environments(team: str, branches: Collection[str]) -> Environments:
    """testing, and staging and production if their branches exist."""
    found: dict[EnvironmentName, BranchEnvironment] = {}
    for name in (STAGING, PRODUCTION):
        if name in branches:
            promote_from = STAGING if name == PRODUCTION and STAGING in found else None
            found[name] = BranchEnvironment(name=name, branch=BranchName(name), promote_from=promote_from, team=team)
    return Testing(team=team), found


def read_environments(entries: Entries, team: str) -> Environments:
    """The environments in the file, and testing, which always exists.

    Missing settings have defaults: the branch of the same name, and `promote_from: staging` for production if staging
    is listed too.
    """
    names = [name for name, entry in entries.items() if _is_name(name, entry, entries)]
    testing = _read_testing(entries[TESTING], team) if TESTING in names else Testing(team=team)
    others = {
        EnvironmentName(name): _read_environment(entries[name], EnvironmentName(name), names, team)
        for name in names
        if name != TESTING
    }
    _refuse_shared_branches(others, entries)
    _refuse_cycles(others, entries)
    _refuse_no_plan_at_all(testing, others, entries)
    return testing, others


def _is_name(name: str, entry: Value, entries: Mapping[str, Value]) -> bool:
    if not words.fits(words.ENVIRONMENT, name):
        entry.refuse("must have a name of letters, digits, _ and -", at=entry.key_position)
        return False
    if name.casefold() == words.TEAMS_OWN:
        entry.refuse(
            f'must not be "{name}": kv/TEAM/planward says which repositories may use the team\'s secrets',
            at=entry.key_position,
        )
        return False
    # GitHub treats deployments to "Staging" and to "staging" as the same environment.
    other = next(other for other in entries if other.lower() == name.lower())
    if other != name:
        entry.refuse(f'differs from "{other}" only by case; choose another name', at=entry.key_position)
        return False
    return True


def _read_testing(value: Value, team: str) -> Testing:
    entries = keys.TESTING.read(value) or {}
    apply, plan = keys.TESTING_APPLY.of(entries), keys.TESTING_PLAN.of(entries) or "always"
    if plan == "never" and apply != "never":
        value.refuse_below("plan", f"never means that testing is left out, but apply is {apply}; remove one of them")
    return Testing(apply=apply, plan=plan, team=keys.TESTING_TEAM.of(entries) or team)


def _read_environment(value: Value, name: EnvironmentName, names: Collection[str], team: str) -> BranchEnvironment:
    entries = keys.ENVIRONMENT.read(value) or {}
    return BranchEnvironment(
        name=name,
        branch=BranchName(keys.BRANCH.of(entries) or name),
        promote_from=_read_promote_from(keys.PROMOTE_FROM.of(entries), name, names),
        preview=keys.PREVIEW.of(entries),
        apply=keys.BRANCH_APPLY.of(entries),
        parity=keys.PARITY.of(entries),
        approvals=keys.APPROVALS.of(entries),
        approvers=keys.APPROVERS.of(entries),
        team=keys.ENVIRONMENT_TEAM.of(entries) or team,
    )


def _read_promote_from(value: Value | None, name: EnvironmentName, names: Collection[str]) -> EnvironmentName | None:
    if value is None:
        return STAGING if name == PRODUCTION and STAGING in names else None
    if value.is_null:
        return None
    source = keys.ENVIRONMENT_NAME.read(value)
    if source is None:
        return None
    if source == TESTING:
        value.refuse("testing has no branch to promote from; name another environment")
        return None
    wrong = unknown_environment(source, [each for each in names if each not in (TESTING, name)])
    if source == name:
        wrong = "an environment cannot be promoted from itself"
    if wrong:
        value.refuse(wrong)
        return None
    return EnvironmentName(source)


def _refuse_shared_branches(
    environments: Mapping[EnvironmentName, BranchEnvironment], entries: Mapping[str, Value]
) -> None:
    owners: dict[str, EnvironmentName] = {}
    for name, environment in environments.items():
        owner = owners.setdefault(environment.branch, name)
        if owner != name:
            entries[name].refuse_below(
                "branch", f'{owner} and {name} have the same branch "{environment.branch}"; give each its own'
            )


def _refuse_cycles(environments: Mapping[EnvironmentName, BranchEnvironment], entries: Mapping[str, Value]) -> None:
    cycle = find_cycle({name: (each.promote_from,) if each.promote_from else () for name, each in environments.items()})
    if cycle:
        circle = " promoted from ".join(cycle)
        entries[cycle[0]].refuse_below("promote_from", f"forms a cycle: {circle}; remove one promote_from")


def _refuse_no_plan_at_all(
    testing: Testing, environments: Mapping[EnvironmentName, BranchEnvironment], entries: Mapping[str, Value]
) -> None:
    for name, environment in environments.items():
        if testing.plan == "never" and environment.preview == "never":
            entries[name].refuse_below(
                "preview",
                f"never, together with testing: {{plan: never}}, leaves pull requests into {environment.branch} "
                "without any plan; set one of them to always",
            )
