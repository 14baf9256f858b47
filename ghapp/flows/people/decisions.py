"""Record people's decisions, after asking GitHub whether they may decide.

Each decision is about one commit, and about what the person was shown.

The config at LAST says who may approve a commit for an environment: a commit cannot name its own approvers.
"""

import contextlib
from collections.abc import Sequence
from typing import Literal, assert_never

from checks.authority.release import Approver, Released, StillHeld, decide_release, may_help
from checks.settle import RequestedAction
from ghapp.events import Person
from ghapp.flows.check_run import OVERRIDDEN, PLAN
from ghapp.flows.environments import environment_at_last
from ghapp.flows.holds.head_people import has_contributed
from ghapp.flows.holds.held_tip import (
    VOTES,
    HeldTip,
    approved_so_far,
    changes_of,
    find_environment,
    is_approver,
    rules_of,
)
from ghapp.flows.holds.shown import refresh_deciders
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.github import Role, or_deferred
from ghapp.jobs import Replan, SettleBranch
from ghapp.jobs.causes import Approved as DecisionMade
from ghapp.repository_config import ConfigInvalid, RepositoryConfig
from ghapp.store import KnownPullRequest
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName

ApprovalResult = Literal["refused", "recorded", "released"]
"""The result of a person's approval. "recorded": it counts, but more approvals are needed."""
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
    """Record a person's decision about a head, and plan the head again. Returns False if they may not decide.

    The decision applies to each open pull request with this head, or only to the one with this `number`. It counts for
    the base that the pull request has now. `plans`: whether to plan again; otherwise the decision is recorded for a
    plan that follows anyway.
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
    """Whether a person has write access and meets the other conditions for this kind of decision."""
    github = await repo.github()
    if await github.role_of(person) < Role.WRITE:
        return False
    if kind == "preview":
        return await _may_preview(repo, sharing, person)
    return kind != "confirm_destroy" or await _may_confirm(repo, sharing, person)


async def _may_confirm(repo: Repo, sharing: Sequence[KnownPullRequest], person: Person) -> bool:
    """Whether a person with write access may confirm: with `four_eyes`, only if they did not contribute."""
    repo = await repo.fetch(pull_requests=[each.number for each in sharing])
    for pull_request in sharing:
        tip = await repo.mirror.tip(pull_request.base_branch)
        config = None if tip is None else await _config_of_base(repo, pull_request.base_branch, tip)
        if tip is None or config is None:
            return False
        if config.four_eyes and await has_contributed(repo, pull_request, tip, person):
            return False
    return True


async def _may_preview(repo: Repo, sharing: Sequence[KnownPullRequest], person: Person) -> bool:
    """Whether a person with write access may allow these previews.

    With `on_approval` and `four_eyes`, only people who did not contribute may.
    """
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
        if asks_another and await has_contributed(repo, pull_request, tip, person):
            return False
    return True


async def _config_of_base(repo: FetchedRepo, branch: BranchName, tip: CommitSha) -> RepositoryConfig | None:
    """The config for planning pull requests into a branch: the branch's own, or if that is invalid, the one at LAST."""
    with contextlib.suppress(ConfigInvalid):
        return await repo.config_at(tip)
    with contextlib.suppress(ConfigInvalid):
        found = await environment_at_last(repo, branch, tip)
        return None if found is None else found.config
    return None


async def approve_tip(
    repo: Repo,
    environment_name: EnvironmentName,
    sha: CommitSha,
    asked: RequestedAction,
    person: Person,
    key: str,
    *,
    override: bool = False,
) -> ApprovalResult:
    """Record a person's approval to plan a branch's tip or to apply its plan. If no more are needed, settle the branch.

    A tip without a plan is planned first, even if somebody asks to apply it. `override`: whether an administrator ends
    the hold alone. Returns "refused" if the commit is not the tip, if it is not judged yet, or if the person may
    not approve it.
    """
    repo = await repo.fetch()
    found = await find_environment(repo, environment_name)
    if found is None:
        return "refused"
    environment, _, last = found
    tip = await repo.mirror.tip(environment.branch)
    applies = await repo.store.runs.applies_of_commit(repo.id, sha)
    judged = [run for run in applies if run.environment == environment.name and run.status == "completed"]
    # As long as the tip is not judged, it may be unknown who merged or pushed it.
    is_judged = bool(judged) or (last is not None and last.sha == sha)
    did: ApprovalResult = "refused"
    if tip == sha and is_judged:
        newest = judged[-1] if judged else None
        held = HeldTip.of(found, sha, newest, asked)
        asked = held.asked
        decision = _Decision(repo, held, person)
        did = await (decision.override() if override else decision.approve())
        if did == "recorded" and newest is not None:
            await or_deferred(refresh_deciders(repo, newest, held))
    if did == "refused":
        refused = f"refused: {asked}{' --override' if override else ''}"
        await repo.store.approvals.audit(repo.id, who=person.login, did=refused, sha=sha, environment=environment_name)
    if did == "released":
        cause = DecisionMade(decision=key)
        await repo.services.enqueue(SettleBranch(repository_id=repo.id, branch=environment.branch, cause=cause))
    return did


class _Decision:
    """One person's decision about a held tip."""

    def __init__(self, repo: FetchedRepo, held: HeldTip, person: Person) -> None:
        self._repo = repo
        self._held = held
        self._person = person

    async def override(self) -> ApprovalResult:
        """End the hold as an administrator, alone."""
        github = await self._repo.github()
        if await github.role_of(self._person) < Role.ADMIN:
            return "refused"
        await self._record(self._held.asked, f"{self._person.login}{OVERRIDDEN}", self._person, audited=False)
        await self._audit(f"{self._held.asked} --override")
        return "released"

    async def approve(self) -> ApprovalResult:
        """Record an approval, and release the hold if no more approvals are needed."""
        repo, held, person = self._repo, self._held, self._person
        rules = await rules_of(repo, held)
        if not await is_approver(repo, rules.approvers, person):
            return "refused"
        found = await changes_of(repo, held, rules)
        if not may_help(found.changes, Approver(id=person.id, login=person.login), four_eyes=rules.four_eyes):
            return "refused"
        vote = VOTES[held.asked]
        await self._record(vote, person.login, person, audited=False)
        together = await approved_so_far(repo, held)
        match decide_release(found.changes, together, needed=rules.needed, four_eyes=rules.four_eyes):
            case Released():
                by = " and ".join(each.login for each in together)
                await self._record(held.asked, by, person if len(together) == 1 else None)
                return "released"
            case StillHeld():
                await self._audit(vote)
                return "recorded"
            case _ as never:
                assert_never(never)

    async def _audit(self, did: str) -> None:
        held = self._held
        await self._repo.store.approvals.audit(
            self._repo.id,
            who=self._person.login,
            did=did,
            sha=held.sha,
            environment=held.found.environment.name,
        )

    async def _record(self, kind: str, by: str, person: Person | None, *, audited: bool = True) -> None:
        held = self._held
        await self._repo.store.approvals.add(
            self._repo.id,
            kind=kind,
            environment=held.found.environment.name,
            sha=held.sha,
            by=by,
            by_id=None if person is None else person.id,
            digests=held.digests,
            audited=audited,
        )
