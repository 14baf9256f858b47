"""A tip that waits for people: the rules for deciding about it, its commits, and the approvals so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checks.authority.release import Approver
from checks.settle import RequestedAction
from ghapp.events import Person
from ghapp.flows.environments import EnvironmentInForce, configs_in_force, environment_at_last
from ghapp.flows.holds.changes import Changes, changes_since
from ghapp.flows.holds.new_environments import reviewed_entry
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.github import Role
from ghapp.repository_config import BranchEnvironment, ConfigInvalid
from ghapp.store import Last, Run
from ghapp.values import CommitSha, EnvironmentName

VOTES: Mapping[RequestedAction, str] = {"plan": "vouch", "apply": "approve_apply"}
"""For each action, the kind under which the store keeps one person's approval of it. Once enough people have approved,
the store gets an approval of the kind "plan" or "apply", too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The people who may approve a tip, and how many of them are needed."""

    approvers: tuple[str, ...]
    four_eyes: bool
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTip:
    """A held tip of an environment's branch. `asked` is the action to approve: planning, or applying the shown plan."""

    found: EnvironmentInForce
    sha: CommitSha
    asked: RequestedAction
    explained: bool
    digests: tuple[str, ...] = ()
    """The digests of the plans that the hold shows."""

    @classmethod
    def of(cls, found: EnvironmentInForce, sha: CommitSha, newest: Run | None, asked: RequestedAction) -> "HeldTip":
        """Make one from the tip's newest run, which is None if the tip was adopted.

        If no plan is shown yet, `asked` becomes "plan".
        """
        if newest is None or (newest.conclusion, newest.apply.held_for) != ("action_required", "review"):
            asked = "plan"
        return cls(
            found=found,
            sha=sha,
            asked=asked,
            explained=newest is not None and not newest.apply.is_unexplained,
            digests=newest.apply.digests if newest is not None and asked == "apply" else (),
        )


async def rules_of(repo: FetchedRepo, held: HeldTip) -> Rules:
    """The rules of the config at LAST, with the commit's own `approvals` if that number is higher.

    For planning, one approval is enough, whatever `approvals` says.
    """
    environment, config, last = held.found
    if last is None:
        rules = await rules_of_new_branch(repo, environment)
    else:
        rules = Rules(approvers=environment.approvers, four_eyes=config.four_eyes, needed=environment.approvals)
    needed = 1 if held.asked == "plan" else max(rules.needed, await _approvals_in_own_config(repo, held))
    return Rules(approvers=rules.approvers, four_eyes=rules.four_eyes, needed=needed)


async def _approvals_in_own_config(repo: FetchedRepo, held: HeldTip) -> int:
    """The number of approvals that the commit's own config requires."""
    try:
        config = await repo.config_at(held.sha)
    except ConfigInvalid:
        return 1  # nothing is applied under an invalid config
    own = config.branch_environments.get(held.found.environment.name)
    return 1 if own is None else own.approvals


async def rules_of_new_branch(repo: FetchedRepo, environment: BranchEnvironment) -> Rules:
    """The rules for the first commit of a branch.

    If the environment's entry in the config was reviewed, its approvers decide; otherwise the repository's maintainers
    decide, since a config that nobody has reviewed cannot say who may approve it. `four_eyes` and `approvals` are the
    strictest of the configs in force.
    """
    name = environment.name
    reviewed = await reviewed_entry(repo, environment)
    configs = [each.config for each in await configs_in_force(repo)]
    named = [config.branch_environments[name] for config in configs if name in config.branch_environments]
    return Rules(
        approvers=() if reviewed is None else reviewed.branch_environments[name].approvers,
        four_eyes=any(config.four_eyes for config in configs) or not configs,
        needed=max((each.approvals for each in named), default=1),
    )


async def changes_of(repo: FetchedRepo, held: HeldTip, rules: Rules) -> Changes:
    """The commits that a hold is about; none without `four_eyes`, or if the tip is LAST. Raises GitHubError."""
    environment, config, last = held.found
    if not rules.four_eyes or (last is not None and last.sha == held.sha):
        return Changes()
    return await changes_since(repo, environment, config, last, held.sha, explained=held.explained)


async def approved_so_far(repo: Repo, held: HeldTip) -> tuple[Approver, ...]:
    """The people who approved the shown state of the hold, oldest first."""
    name = held.found.environment.name
    given = await repo.store.approvals.of(repo.id, held.sha, kind=VOTES[held.asked], environment=name)
    people = {each.by_id: each.by for each in given if each.by_id is not None and each.digests == held.digests}
    return tuple(Approver(id=id, login=login) for id, login in people.items())


async def find_environment(repo: FetchedRepo, name: EnvironmentName) -> EnvironmentInForce | None:
    """The environment of this name with the config at its LAST; for a new one, at the tip of its branch."""
    last = await repo.store.branches.last(repo.id, name)
    if last is not None:
        config = await repo.config_at(last.sha)
        environment = config.branch_environments.get(name)
        return None if environment is None else EnvironmentInForce(environment, config, last)
    for branch, tip in (await repo.mirror.branches()).items():
        try:
            found = await environment_at_last(repo, branch, tip)
        except ConfigInvalid:
            continue  # the config of another branch, which does not matter here
        if found is not None and found.environment.name == name:
            return found
    return None


async def may_apply_again(repo: FetchedRepo, found: EnvironmentInForce, person: Person) -> bool:
    """Whether a person is an approver at LAST. Any approver may retry a commit that was approved before."""
    return await is_approver(repo, await approvers_in_force(repo, found.environment, found.last), person)


async def approvers_in_force(repo: FetchedRepo, environment: BranchEnvironment, last: Last | None) -> tuple[str, ...]:
    """The approvers at LAST. For a new branch, those in its entry in the config if that was reviewed."""
    return (await rules_of_new_branch(repo, environment)).approvers if last is None else environment.approvers


async def is_approver(repo: Repo, approvers: Sequence[str], person: Person) -> bool:
    """Whether a person is one of the approvers, by login or team.

    If there are no approvers, whether the person is a maintainer.
    """
    github = await repo.github()
    if not approvers:
        return await github.role_of(person) >= Role.MAINTAIN
    for approver in approvers:
        organization, _, team = approver.rpartition("/")
        if organization:
            if await github.is_team_member(organization, team, person):
                return True
        elif approver.casefold() == person.login.casefold():
            return True
    return False
