"""Who may decide what, asked of GitHub at that moment; recorded, and bound to a commit and to what was shown.

Whether a person may let a commit into an environment is read from the config at LAST: a commit does not name its own
approvers.
"""

from collections.abc import Sequence
from typing import Literal

from ghapp.events import Person
from ghapp.flows.check_run import PLAN
from ghapp.flows.environments import EnvironmentInForce, environment_at_last, in_force
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.github import Role
from ghapp.jobs import Replan, SettleBranch
from ghapp.jobs.causes import Approved
from ghapp.repository_config import BranchEnvironment, RepositoryConfig
from ghapp.store import KnownPullRequest, Last
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName

Kind = Literal["approve_plan", "confirm_destroy", "reject"]


async def decide_head(repo: Repo, head: CommitSha, kind: Kind, person: Person, key: str) -> bool:
    """Record what a person decided about a head, if they may, and have it planned anew. False: they may not."""
    sharing = await repo.store.pull_requests.open_with_head(repo.id, head)
    if not sharing or not await _may_decide(repo, sharing, kind, person):
        await repo.store.approvals.audit(repo.id, who=person.login, did=f"refused: {kind}", sha=head)
        return False
    digests: Sequence[str] = ()
    if kind == "confirm_destroy":
        newest = await repo.store.runs.newest_of_head(repo.id, head, PLAN)
        digests = newest.plan.digests if newest is not None else ()
    await repo.store.approvals.add(repo.id, kind=kind, environment=TESTING, sha=head, by=person.login, digests=digests)
    await repo.services.enqueue(Replan(repository_id=repo.id, number=sharing[0].number, cause=key))
    return True


async def _may_decide(
    repo: Repo,
    sharing: Sequence[KnownPullRequest],
    kind: Kind,
    person: Person,
) -> bool:
    """Whether a person has write, and is not the author of what they would confirm, unless a team of one may."""
    github = await repo.github()
    if await github.role_of(person) < Role.WRITE:
        return False
    own = [each for each in sharing if each.author_id == person.id]
    if kind != "confirm_destroy" or not own:
        return True
    repo = await repo.fetch()
    for pull_request in own:
        tip = await repo.mirror.tip(pull_request.base_branch)
        if tip is None or (await repo.config_at(tip)).four_eyes:
            return False
    return True


async def approve_apply(
    repo: Repo,
    environment_name: EnvironmentName,
    sha: CommitSha,
    person: Person,
    key: str,
) -> bool:
    """Record that a person lets a branch's tip in, and settle it. False: it is not the tip, or they may not."""
    repo = await repo.fetch()
    found = await find_environment(repo, environment_name)
    if found is None:
        return False
    environment, config, last = found
    tip = await repo.mirror.tip(environment.branch)
    applies = await repo.store.runs.applies_of_commit(repo.id, sha)
    judged = [run for run in applies if run.environment == environment.name and run.status == "completed"]
    # Before it is judged, who merged or pushed it may not have been told yet.
    is_judged = bool(judged) or (last is not None and last.sha == sha)
    allowed = tip == sha and is_judged
    if not allowed or not await may_apply(repo, environment, config, last, sha, person):
        await repo.store.approvals.audit(
            repo.id, who=person.login, did="refused: apply", sha=sha, environment=environment_name
        )
        return False
    shown = [run for run in judged if run.conclusion == "action_required"]
    await repo.store.approvals.add(
        repo.id,
        kind="apply",
        environment=environment.name,
        sha=sha,
        by=person.login,
        digests=shown[-1].apply.digests if shown else (),
    )
    await repo.services.enqueue(
        SettleBranch(repository_id=repo.id, branch=environment.branch, cause=Approved(decision=key))
    )
    return True


async def find_environment(repo: FetchedRepo, name: EnvironmentName) -> EnvironmentInForce | None:
    """The environment of this name with the config at its LAST; one that is new, by the tip of its branch."""
    last = await repo.store.branches.last(repo.id, name)
    if last is not None:
        config = await repo.config_at(last.sha)
        environment = config.branch_environments.get(name)
        return None if environment is None else EnvironmentInForce(environment, config, last)
    for branch, tip in (await repo.mirror.branches()).items():
        found = await environment_at_last(repo, branch, tip)
        if found is not None and found.environment.name == name:
            return found
    return None


async def may_apply(
    repo: FetchedRepo,
    environment: BranchEnvironment,
    config: RepositoryConfig,
    last: Last | None,
    tip: CommitSha,
    person: Person,
) -> bool:
    """Whether a person is an approver at LAST, and no author, pusher or merger of what came since."""
    approvers, four_eyes = environment.approvers, config.four_eyes
    if last is None:
        approvers, four_eyes = await _rules_of_a_new_branch(repo, environment.name)
    if not await is_approver(repo, approvers, person):
        return False
    if not four_eyes:
        return True
    people = await _people_since(repo, environment.branch, last, tip)
    return person.login.casefold() not in {login.casefold() for login in people}


async def _rules_of_a_new_branch(repo: FetchedRepo, name: EnvironmentName) -> tuple[tuple[str, ...], bool]:
    """Approvers and `four_eyes` as configs that are in force have them: a new branch does not bring its own."""
    configs = await in_force(repo)
    named = [config.branch_environments[name] for config in configs if name in config.branch_environments]
    return (named[0].approvers if named else ()), any(config.four_eyes for config in configs) or not configs


async def is_approver(repo: Repo, approvers: Sequence[str], person: Person) -> bool:
    """Whether a person is one of the approvers, by name or by team; where none are named, maintains the repository."""
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


async def _people_since(
    repo: FetchedRepo,
    branch: BranchName,
    last: Last | None,
    tip: CommitSha,
) -> set[str]:
    """Who wrote, pushed or merged anything in LAST..tip."""
    commits = None if last is None else await repo.mirror.first_parent_commits(last.sha, tip)
    since = commits or (tip,)
    people = set(await repo.store.branches.pushers_since(repo.id, branch, last))
    # Also who pushed them before the branch was forced back, and then once more.
    people |= await repo.store.branches.pushers_of(repo.id, branch, since)
    for pull_request in await repo.store.pull_requests.merged_as(repo.id, since):
        people |= {pull_request.author, pull_request.merged_by or ""}
    return people
