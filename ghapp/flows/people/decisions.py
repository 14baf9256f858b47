"""Who may decide what, asked of GitHub at that moment; recorded, and bound to a commit and to what was shown.

Whether a person may let a commit into an environment is read from the config at LAST: a commit does not name its own
approvers.
"""

import contextlib
from collections.abc import Sequence
from typing import Literal, assert_never

from checks.authority.release import Approver, Change, Released, StillHeld, decide_release, may_help
from ghapp.events import Person
from ghapp.flows.check_run import OVERRIDDEN, PLAN
from ghapp.flows.environments import EnvironmentInForce, environment_at_last, in_force
from ghapp.flows.people.changes import changes_since
from ghapp.flows.people.head_people import had_a_part
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.github import Role
from ghapp.jobs import Replan, SettleBranch
from ghapp.jobs.causes import Approved as DecisionMade
from ghapp.repository_config import BranchEnvironment, ConfigInvalid, RepositoryConfig
from ghapp.store import KnownPullRequest, Last, Run
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName

Approved = Literal["refused", "recorded", "released"]
"""What became of a person's approval: `recorded` counts, and others are missing yet."""
Kind = Literal["approve_plan", "preview", "confirm_destroy", "reject"]


async def decide_head(
    repo: Repo,
    head: CommitSha,
    kind: Kind,
    person: Person,
    key: str,
    *,
    number: int | None = None,
    plans: bool = True,
) -> bool:
    """Record what a person decided about a head, if they may, and have it planned anew. False: they may not.

    It holds for each pull request that has this head now, and its base now; with a `number` for that one alone. Without
    `plans` it is recorded for a plan that comes anyway.
    """
    sharing = await repo.store.pull_requests.open_with_head(repo.id, head)
    if number is not None:
        sharing = tuple(each for each in sharing if each.number == number)
    if not sharing or not await _may_decide(repo, sharing, kind, person):
        await repo.store.approvals.audit(repo.id, who=person.login, did=f"refused: {kind}", sha=head)
        return False
    digests: Sequence[str] = ()
    if kind == "confirm_destroy":
        newest = await repo.store.runs.newest_of_head(repo.id, head, PLAN)
        digests = newest.plan.confirmations if newest is not None else ()
    for pull_request in sharing:
        await repo.store.approvals.add(
            repo.id,
            kind=kind,
            environment=TESTING,
            sha=head,
            by=person.login,
            by_id=person.id,
            pull_request=pull_request.number,
            base_branch=pull_request.base_branch,
            digests=digests,
            audited=pull_request is sharing[0],
        )
    if plans:
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
    if kind == "preview":
        return await _may_preview(repo, sharing, person)
    own = [each for each in sharing if each.author_id == person.id]
    if kind != "confirm_destroy" or not own:
        return True
    repo = await repo.fetch()
    for pull_request in own:
        tip = await repo.mirror.tip(pull_request.base_branch)
        if tip is None or (await repo.config_at(tip)).four_eyes:
            return False
    return True


async def _may_preview(repo: Repo, sharing: Sequence[KnownPullRequest], person: Person) -> bool:
    """Whether a person with write may have these previewed: with `on_approval`, what they had no part in."""
    repo = await repo.fetch(pull_requests=[each.number for each in sharing])
    for pull_request in sharing:
        tip = await repo.mirror.tip(pull_request.base_branch)
        if tip is None:
            return False
        config = await _config_of_base(repo, pull_request.base_branch, tip)
        environment = None if config is None else config.environment_of_branch(pull_request.base_branch)
        if config is None or environment is None:
            return False
        asks_another = environment.preview == "on_approval" and config.four_eyes
        if asks_another and await had_a_part(repo, pull_request, tip, person):
            return False
    return True


async def _config_of_base(repo: FetchedRepo, branch: BranchName, tip: CommitSha) -> RepositoryConfig | None:
    """The config by which a pull request into a branch is planned: its own, else the one at LAST."""
    with contextlib.suppress(ConfigInvalid):
        return await repo.config_at(tip)
    with contextlib.suppress(ConfigInvalid):
        found = await environment_at_last(repo, branch, tip)
        return None if found is None else found.config
    return None


async def approve_apply(
    repo: Repo,
    environment_name: EnvironmentName,
    sha: CommitSha,
    person: Person,
    key: str,
    *,
    override: bool = False,
) -> Approved:
    """Record that a person lets a branch's tip in; once enough people did, it is settled.

    `override`: an administrator ends the hold alone. "refused": it is not the tip, or they may not.
    """
    repo = await repo.fetch()
    found = await find_environment(repo, environment_name)
    if found is None:
        return "refused"
    environment, config, last = found
    tip = await repo.mirror.tip(environment.branch)
    applies = await repo.store.runs.applies_of_commit(repo.id, sha)
    judged = [run for run in applies if run.environment == environment.name and run.status == "completed"]
    # Before it is judged, who merged or pushed it may not have been told yet.
    is_judged = bool(judged) or (last is not None and last.sha == sha)
    did: Approved = "refused"
    if tip == sha and is_judged:
        shown = [run for run in judged if run.conclusion == "action_required"]
        hold = _Hold(repo, environment, config, last, sha, shown[-1] if shown else None)
        did = await (hold.override(person) if override else hold.approve(person))
    if did == "refused":
        refused = "refused: apply --override" if override else "refused: apply"
        await repo.store.approvals.audit(repo.id, who=person.login, did=refused, sha=sha, environment=environment_name)
    if did == "released":
        cause = DecisionMade(decision=key)
        await repo.services.enqueue(SettleBranch(repository_id=repo.id, branch=environment.branch, cause=cause))
    return did


class _Hold:
    """A hold of a branch's tip, and who has approved it. `shown`: the run that shows it; None for an adopted tip."""

    def __init__(
        self,
        repo: FetchedRepo,
        environment: BranchEnvironment,
        config: RepositoryConfig,
        last: Last | None,
        sha: CommitSha,
        shown: Run | None,
    ) -> None:
        self._repo = repo
        self._environment = environment
        self._config = config
        self._last = last
        self._sha = sha
        self._digests = shown.apply.digests if shown is not None else ()
        self._explained = shown is not None and shown.apply.held_for != "unexplained"

    async def override(self, person: Person) -> Approved:
        """End the hold by an administrator alone."""
        github = await self._repo.github()
        if await github.role_of(person) < Role.ADMIN:
            return "refused"
        await self._record("apply", f"{person.login}{OVERRIDDEN}", person, audited=False)
        await self._audit("apply --override", person)
        return "released"

    async def approve(self, person: Person) -> Approved:
        """Record an approval, and release the hold where it was the last that was missing."""
        repo, environment = self._repo, self._environment
        approvers, four_eyes, needed = environment.approvers, self._config.four_eyes, environment.approvals
        if self._last is None:
            approvers, four_eyes, needed = await _rules_of_a_new_branch(repo, environment.name)
        needed = max(needed, await self._asked_by_commit())
        if not await is_approver(repo, approvers, person):
            return "refused"
        changes: tuple[Change, ...] = ()
        if four_eyes and (self._last is None or self._last.sha != self._sha):
            changes = await changes_since(
                repo, environment, self._config, self._last, self._sha, explained=self._explained
            )
        if not may_help(changes, Approver(id=person.id, login=person.login), four_eyes=four_eyes):
            return "refused"
        await self._record("approve_apply", person.login, person, audited=False)
        given = await repo.store.approvals.of(repo.id, self._sha, kind="approve_apply", environment=environment.name)
        people = {
            each.by_id: each.by for each in given if each.by_id is not None and each.digests == tuple(self._digests)
        }
        together = [Approver(id=id, login=login) for id, login in people.items()]
        match decide_release(changes, together, needed=needed, four_eyes=four_eyes):
            case Released():
                await self._record("apply", " and ".join(people.values()), person if len(people) == 1 else None)
                return "released"
            case StillHeld():
                await self._audit("approve_apply", person)
                return "recorded"
            case _ as never:
                assert_never(never)

    async def _asked_by_commit(self) -> int:
        """How many approvals the commit's own config asks for: the stricter of both holds."""
        try:
            config = await self._repo.config_at(self._sha)
        except ConfigInvalid:
            return 1  # nothing is applied under it
        own = config.branch_environments.get(self._environment.name)
        return 1 if own is None else own.approvals

    async def _audit(self, did: str, person: Person) -> None:
        name = self._environment.name
        await self._repo.store.approvals.audit(
            self._repo.id, who=person.login, did=did, sha=self._sha, environment=name
        )

    async def _record(self, kind: str, by: str, person: Person | None, *, audited: bool = True) -> None:
        await self._repo.store.approvals.add(
            self._repo.id,
            kind=kind,
            environment=self._environment.name,
            sha=self._sha,
            by=by,
            by_id=None if person is None else person.id,
            digests=self._digests,
            audited=audited,
        )


async def find_environment(repo: FetchedRepo, name: EnvironmentName) -> EnvironmentInForce | None:
    """The environment of this name with the config at its LAST; one that is new, by the tip of its branch."""
    last = await repo.store.branches.last(repo.id, name)
    if last is not None:
        config = await repo.config_at(last.sha)
        environment = config.branch_environments.get(name)
        return None if environment is None else EnvironmentInForce(environment, config, last)
    for branch, tip in (await repo.mirror.branches()).items():
        try:
            found = await environment_at_last(repo, branch, tip)
        except ConfigInvalid:
            continue  # another branch's, which says nothing of this one
        if found is not None and found.environment.name == name:
            return found
    return None


async def may_apply_again(
    repo: FetchedRepo,
    environment: BranchEnvironment,
    config: RepositoryConfig,
    last: Last | None,
    person: Person,
) -> bool:
    """Whether a person is an approver at LAST: what was let in once may be tried again by each of them."""
    approvers = environment.approvers
    if last is None:
        approvers, _, _ = await _rules_of_a_new_branch(repo, environment.name)
    return await is_approver(repo, approvers, person)


async def _rules_of_a_new_branch(repo: FetchedRepo, name: EnvironmentName) -> tuple[tuple[str, ...], bool, int]:
    """Who allows a new environment: whoever maintains the repository, since no config may name its own approvers.

    `four_eyes` and `approvals` are the strictest of the configs in force.
    """
    configs = await in_force(repo)
    named = [config.branch_environments[name] for config in configs if name in config.branch_environments]
    four_eyes = any(config.four_eyes for config in configs) or not configs
    return (), four_eyes, max((each.approvals for each in named), default=1)


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
