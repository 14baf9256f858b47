"""A tip that waits for people: its rules, its subject, and the approvals so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checks.authority.release import Approver
from checks.settle import Asked
from ghapp.events import Person
from ghapp.flows.environments import EnvironmentInForce, environment_at_last, in_force
from ghapp.flows.holds.changes import Changes, changes_since
from ghapp.flows.holds.new_environments import reviewed_entry
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.github import Role
from ghapp.repository_config import BranchEnvironment, ConfigInvalid
from ghapp.store import Last, Run
from ghapp.values import CommitSha, EnvironmentName

VOTES: Mapping[Asked, str] = {"plan": "vouch", "apply": "approve_apply"}
"""The kind under which each person's approval is stored; the decision itself is stored under the requested action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who may approve a tip, and how many people it takes."""

    approvers: tuple[str, ...]
    four_eyes: bool
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTip:
    """A tip of an environment's branch. `asked` is the action to approve: planning it, or applying the shown plan."""

    found: EnvironmentInForce
    sha: CommitSha
    asked: Asked
    explained: bool
    digests: tuple[str, ...] = ()
    """The digests of the plans that it shows."""

    @classmethod
    def of(cls, found: EnvironmentInForce, sha: CommitSha, newest: Run | None, asked: Asked) -> "HeldTip":
        """A tip with its newest run, None if it was adopted. If it shows no plan yet, planning comes first."""
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
    """The rules at LAST. `approvals` applies only to applying, not to planning."""
    environment, config, last = held.found
    if last is None:
        rules = await rules_of_a_new_branch(repo, environment)
    else:
        rules = Rules(approvers=environment.approvers, four_eyes=config.four_eyes, needed=environment.approvals)
    needed = 1 if held.asked == "plan" else max(rules.needed, await _asked_by_commit(repo, held))
    return Rules(approvers=rules.approvers, four_eyes=rules.four_eyes, needed=needed)


async def _asked_by_commit(repo: FetchedRepo, held: HeldTip) -> int:
    """The number of approvals in the commit's own config: the stricter of the two applies."""
    try:
        config = await repo.config_at(held.sha)
    except ConfigInvalid:
        return 1  # nothing is applied under it
    own = config.branch_environments.get(held.found.environment.name)
    return 1 if own is None else own.approvals


async def rules_of_a_new_branch(repo: FetchedRepo, environment: BranchEnvironment) -> Rules:
    """The rules for the first commit of a branch: its approvers if its entry was reviewed, otherwise the maintainers
    of the repository, since no config may name its own.

    `four_eyes` and `approvals` are the strictest of the configs in force.
    """
    name = environment.name
    reviewed = await reviewed_entry(repo, environment)
    configs = [each.config for each in await in_force(repo)]
    named = [config.branch_environments[name] for config in configs if name in config.branch_environments]
    return Rules(
        approvers=() if reviewed is None else reviewed.branch_environments[name].approvers,
        four_eyes=any(config.four_eyes for config in configs) or not configs,
        needed=max((each.approvals for each in named), default=1),
    )


async def changes_of(repo: FetchedRepo, held: HeldTip, rules: Rules) -> Changes:
    """The commits that a hold is about; none without four eyes, or if nothing is new. Raises GitHubError."""
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
            continue  # another branch's config, which does not decide about this one
        if found is not None and found.environment.name == name:
            return found
    return None


async def may_apply_again(repo: FetchedRepo, found: EnvironmentInForce, person: Person) -> bool:
    """Whether a person is an approver at LAST: any of them may retry a commit that was approved once."""
    return await is_approver(repo, await approvers_in_force(repo, found.environment, found.last), person)


async def approvers_in_force(repo: FetchedRepo, environment: BranchEnvironment, last: Last | None) -> tuple[str, ...]:
    """The approvers at LAST; for a new branch, those in the entry that a reviewed pull request brought."""
    return (await rules_of_a_new_branch(repo, environment)).approvers if last is None else environment.approvers


async def is_approver(repo: Repo, approvers: Sequence[str], person: Person) -> bool:
    """Whether a person is an approver by name or team; if none are named, whether they maintain the repository."""
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
