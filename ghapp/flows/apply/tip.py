"""Examine the tip of a branch: is it explained or approved, and what has to be applied where?

A tip is explained if its commits since LAST came with merged pull requests that were green (docs/gates.md).

This is level-triggered: each event (a push, a merge, a due time, an approval) only causes an examination of the current
facts. So an event may arrive twice, late or out of order, and if it is lost, the next one makes up for it. This module
collects the facts, and `checks.settle` decides.
"""

from dataclasses import replace
from functools import partial
from typing import assert_never, get_args

import msgspec

from checks import settle
from checks.explain import Explained
from ghapp.errors import JobError, Unavailable
from ghapp.flows.apply import texts
from ghapp.flows.apply.attempts import complete_apply, erase_decided_plans, hold_apply, next_attempt
from ghapp.flows.apply.contained import end_contained, show_contained_merges, succeed
from ghapp.flows.apply.explain import NO_JUDGEMENT, Judgement, explain_commits
from ghapp.flows.apply.stages import Settlement, prepare_stages
from ghapp.flows.check_run import runs_of_tip, show_progress
from ghapp.flows.environments import EnvironmentInForce, environment_at_last
from ghapp.flows.holds.held_tip import HeldTip
from ghapp.flows.holds.new_environments import reviewed_entry
from ghapp.flows.holds.shown import show_replaced
from ghapp.flows.notifications.chat_messages import notify_waiting
from ghapp.flows.notifications.results import show_result
from ghapp.flows.repository import FetchedRepo, Repo, load_repo, short
from ghapp.github import InstallationGone, InstallationSuspended
from ghapp.jobs import SettleBranch
from ghapp.jobs.causes import EnvironmentBusy, EnvironmentWanted, Rerun, WaitEnded
from ghapp.services import Services
from ghapp.store import Approval, Last, Run
from ghapp.values import BranchName, CommitSha, RunId

_BUSY_RETRY_S = 2.0


async def examine_tip(services: Services, job: SettleBranch) -> Settlement:
    """Decide about the branch's tip and show the decision on it. Returns the stages to apply now."""
    repo = await load_repo(services, job.repository_id)
    if not repo.known.active:
        return Settlement()
    shown = await _show_results(repo, job.branch)
    repo = await repo.fetch()
    tip = await repo.mirror.tip(job.branch)
    if tip is None:
        return Settlement()
    last = await services.store.branches.last_of_branch(repo.id, job.branch)
    try:
        found = await environment_at_last(repo, job.branch, tip)
    except JobError as error:
        # Without a LAST, the unusable config is the tip's own. Then the branch's environment is unknown, and so is the
        # check run that should show the problem. So nothing is shown, and the next push examines the branch again.
        if last is not None:
            await _show_broken_config(repo, last, job.branch, tip, str(error))
        return Settlement()
    if found is None:
        return Settlement()
    # The result of this tip's apply has just been shown: there is nothing to decide.
    if any((run.environment, run.head_sha) == (found.environment.name, tip) for run in shown):
        return Settlement()
    return await _Tip(repo, job, found, tip).run()


async def _show_results(repo: Repo, branch: BranchName) -> list[Run]:
    """Show stored results that could not be shown before. Returns their runs."""
    unfinished = await repo.store.runs.unfinished_applies_of_branch(repo.id, branch)
    with_result = [run for run in unfinished if run.apply.result is not None]
    for run in with_result:
        await show_result(repo, run.id)
    return with_result


async def _show_broken_config(repo: Repo, last: Last, branch: BranchName, tip: CommitSha, cause: str) -> None:
    """Show on the tip why the config at LAST cannot be used, unless the tip's newest apply run is completed."""
    attempts = await runs_of_tip(repo, last.environment, tip)
    if attempts and attempts[-1].status == "completed":
        return
    run = await next_attempt(repo, last.environment, branch, tip)
    await complete_apply(repo, run, "failure", cause)


class _Tip:
    """One examination of a branch's tip, with the state that its methods share."""

    def __init__(
        self,
        repo: FetchedRepo,
        job: SettleBranch,
        found: EnvironmentInForce,
        tip: CommitSha,
    ) -> None:
        self._repo = repo
        self._job = job
        self._found = found
        self._environment = found.environment
        self._last = found.last
        self._tip = tip
        self._rerun = isinstance(job.cause, Rerun)

    async def run(self) -> Settlement:
        """Examine the tip. Returns the stages to apply now."""
        await end_contained(self._repo, self._found, self._tip)
        await self._end_cancelled()
        attempts = await runs_of_tip(self._repo, self._environment.name, self._tip)
        attempt = _newest_state(attempts)
        approval = await self._approval(attempts)
        at_last = self._last is not None and self._last.sha == self._tip
        if not at_last and settle.is_settled(attempt, asked=_requested_action(approval), rerun=self._rerun):
            return Settlement()
        try:
            return await self._decide(attempts, attempt, approval)
        except (Unavailable, InstallationGone, InstallationSuspended):
            raise  # `run_job` defers or drops the job
        except JobError as error:
            await complete_apply(self._repo, await self._ensure_run(), "failure", str(error))
            return Settlement()

    async def _decide(self, attempts: list[Run], attempt: settle.Attempt, approval: Approval | None) -> Settlement:
        waited = self._has_waited(attempts)
        judged, history = await self._history(ask_github=waited)
        # GitHub may show the conclusion of a merged pull request's `planward/plan` before Planward has recorded it.
        # Then wait longer, even if the time is up: as soon as it is recorded, the branch is examined again.
        waited = waited and not judged.verdict_pending
        decision = settle.decide_tip(
            history, attempt=attempt, asked=_requested_action(approval), rerun=self._rerun, waited=waited
        )
        match decision:
            case settle.LeaveAlone():
                return Settlement()
            case settle.UpToDate():
                for run in attempts:
                    if run.status != "completed":
                        await succeed(self._repo, run)
                return Settlement()
            case settle.Wait():
                await self._wait(await self._ensure_run(judged))
                return Settlement()
            case settle.HoldTip():
                run = await self._ensure_run(judged, history)
                await self._hold(run, await self._why_held(history, judged))
                return Settlement()
            case settle.PlanTip(everything=everything):
                assert approval is not None
                why = await self._why_plan_only(history, judged, approval)
                run = await self._ensure_run(judged, history)
                return await self._prepare(run, judged, approval, everything=everything, why_plan_only=why)
            case settle.ApplyTip(everything=everything):
                run = await self._ensure_run(judged, history)
                return await self._prepare(run, judged, approval, everything=everything)
            case _ as never:
                assert_never(never)

    async def _history(self, *, ask_github: bool) -> tuple[Judgement, settle.History]:
        """What explains the tip, and its position relative to LAST."""
        if self._last is None:
            return NO_JUDGEMENT, settle.NoLast()
        if self._last.sha == self._tip:
            return NO_JUDGEMENT, settle.AtLast(adopted=not self._last.applied)
        commits = await self._repo.mirror.first_parent_commits(self._last.sha, self._tip)
        if commits is None:
            return NO_JUDGEMENT, settle.Forced()
        judged = await explain_commits(
            self._repo,
            self._job.branch,
            self._last.sha,
            commits,
            ask_github=ask_github,
        )
        await show_contained_merges(self._repo, self._found, self._tip, commits)
        assert judged.explanation is not None
        event_may_arrive = judged.may_still_arrive and self._repo.services.settings.merge_wait_s > 0
        may_still_arrive = event_may_arrive or judged.verdict_pending
        return judged, settle.FollowsLast(explanation=judged.explanation, may_still_arrive=may_still_arrive)

    async def _why_unexplained(self, history: settle.History, judged: Judgement) -> str:
        name, branch = self._environment.name, self._environment.branch
        match history:
            case settle.NoLast():
                reviewed = await reviewed_entry(self._repo, self._environment)
                return texts.new_branch(name, branch, in_force=reviewed is not None)
            case settle.Forced():
                assert self._last is not None
                return texts.forced(branch, tip=short(self._tip), last=short(self._last.sha), environment=name)
            case _:
                return "; ".join(judged.reasons)

    async def _why_plan_only(self, history: settle.History, judged: Judgement, approval: Approval) -> str:
        """The reason why the plan is shown but not applied. In messages, this text follows the root module's name."""
        if isinstance(history, settle.AtLast):
            return texts.adopted(approval.by)
        if isinstance(judged.explanation, Explained):
            return texts.asked_for(approval.by)
        return texts.vouched(approval.by, await self._why_unexplained(history, judged))

    async def _why_held(self, history: settle.History, judged: Judgement) -> str:
        """Why the tip is held, who brought its commits, and what people can do: plan and apply it, or undo it."""
        if judged.explanation is not None:
            parts = zip(judged.reasons, judged.people, strict=True)
            return texts.not_applied("; ".join(texts.brought(reason, people) for reason, people in parts))
        pushers = await self._repo.store.branches.pushers_since(self._repo.id, self._job.branch, self._last)
        why = await self._why_unexplained(history, judged)
        reason = texts.brought(why, [f"pushed by {login}" for login in pushers])
        branch = self._environment.branch
        if self._last is None:
            return texts.not_applied(reason, or_else=texts.delete_branch(branch))
        return texts.not_applied(reason, or_else=texts.push_last(branch, short(self._last.sha)))

    async def _ensure_run(self, judged: Judgement = NO_JUDGEMENT, history: settle.History | None = None) -> Run:
        """Return the unfinished attempt at the tip; create and announce one if there is none.

        Also show on older holds that this attempt replaced them, and store in the attempt what `judged` and `history`
        say about the tip.
        """
        run = await next_attempt(self._repo, self._environment.name, self._environment.branch, self._tip)
        await show_replaced(self._repo, run)
        if judged.explanation is not None:
            await self._repo.store.runs.change_apply(run.id, partial(replace, explains=judged.seen))
        if history is not None:
            unexplained = not isinstance(history, settle.AtLast) and not isinstance(judged.explanation, Explained)
            change = partial(replace, unexplained=unexplained)
            await self._repo.store.runs.change_apply(run.id, change)
        return await self._repo.store.runs.load(run.id)

    async def _end_cancelled(self) -> None:
        """Complete the attempts that another flow cancelled, before the tip is examined."""
        for run in await runs_of_tip(self._repo, self._environment.name, self._tip):
            if run.status != "completed" and run.cancel_reason is not None:
                await complete_apply(self._repo, run, "cancelled", f"Cancelled: {run.cancel_reason}")

    async def _approval(self, attempts: list[Run]) -> Approval | None:
        """The newest decision by people to plan or apply this commit here, unless an attempt has already used it.

        After "Re-run" of a requested plan, the decision for that plan counts again.
        """
        found: list[Approval] = []
        for kind in get_args(settle.RequestedAction):
            found += await self._repo.store.approvals.of(
                self._repo.id, self._tip, kind=kind, environment=self._environment.name
            )
        found.sort(key=lambda each: each.at)
        carried_out_at = max((run.apply.approved_at for run in attempts if run.status == "completed"), default=0)
        if self._rerun and attempts and attempts[-1].apply.plan_only:
            return next((each for each in reversed(found) if each.kind == "plan"), None)
        return found[-1] if found and found[-1].at > carried_out_at else None

    def _has_waited(self, attempts: list[Run]) -> bool:
        """Whether the unfinished attempt has waited long enough for an explanation."""
        if not attempts or attempts[-1].status == "completed":
            return False
        due_at = attempts[-1].apply.wait_until
        return due_at is not None and self._repo.store.clock() >= due_at

    async def _wait(self, run: Run) -> None:
        """Record the wait and schedule its end.

        This job ends. A `closed` event or the end of the wait enqueues another one, which examines the branch again.
        """
        if run.apply.wait_until is not None:
            return
        wait_s = self._repo.services.settings.merge_wait_s
        until = self._repo.store.clock() + wait_s
        await self._repo.store.runs.change_apply(run.id, lambda state: replace(state, wait_until=until))
        due = SettleBranch(repository_id=self._repo.id, branch=self._job.branch, cause=WaitEnded(run_id=run.id))
        await self._repo.store.deferred.defer(f"wait:{run.id}", msgspec.to_builtins(due), in_s=wait_s)

    async def _hold(self, run: Run, cause: str) -> None:
        await self._repo.store.runs.change_apply(run.id, lambda state: replace(state, held_for="unexplained"))
        await erase_decided_plans(self._repo.services, run)
        await notify_waiting(self._repo, run, cause)
        held = HeldTip(found=self._found, sha=self._tip, asked="plan", explained=False)
        await hold_apply(self._repo, run, cause, held)

    async def _prepare(
        self,
        run: Run,
        judged: Judgement,
        approval: Approval | None,
        *,
        everything: bool,
        why_plan_only: str | None = None,
    ) -> Settlement:
        """Prepare the stages, and show that they begin.

        If another run is using one of their environments, there are no stages, and the branch is examined again later.
        """
        if approval is not None:
            at, by = approval.at, None if why_plan_only else approval.by
            change = partial(replace, approved_at=at, approved_by=by, plan_only=why_plan_only is not None)
            await self._repo.store.runs.change_apply(run.id, change)
        settlement = await prepare_stages(
            self._repo,
            self._environment,
            self._last,
            run,
            judged,
            approval,
            everything=everything,
            plan_only=why_plan_only,
        )
        if settlement.busy is not None:
            await self._check_again_later(run, settlement.busy)
            return Settlement()
        await show_progress(self._repo, run, f"{'Planning' if why_plan_only else 'Applying'} {short(self._tip)}")
        return settlement

    async def _check_again_later(self, run: Run, busy: RunId) -> None:
        """Another branch's apply is using an environment: examine that branch now and this one again later."""
        number = run.apply.busy_retries + 1
        await self._repo.store.runs.change_apply(run.id, lambda state: replace(state, busy_retries=number))
        if number == 1:
            await show_progress(self._repo, run, "Waiting for the apply of another branch")
        holder = await self._repo.store.runs.load(busy)
        cause = EnvironmentBusy(run_id=run.id, attempt=number)
        await self._repo.services.enqueue(
            SettleBranch(
                repository_id=self._repo.id,
                branch=holder.branch,
                cause=EnvironmentWanted(run_id=run.id, holder=holder.id),
            )
        )
        again = SettleBranch(repository_id=self._repo.id, branch=self._job.branch, cause=cause)
        await self._repo.store.deferred.defer(cause.text, msgspec.to_builtins(again), in_s=_BUSY_RETRY_S)


def _requested_action(approval: Approval | None) -> settle.RequestedAction | None:
    """The action that people requested by their newest decision."""
    return None if approval is None else "plan" if approval.kind == "plan" else "apply"


def _newest_state(attempts: list[Run]) -> settle.Attempt:
    """The state of the newest attempt at the tip."""
    if not attempts:
        return "none"
    newest = attempts[-1]
    if newest.status != "completed":
        return "unfinished"
    match newest.conclusion:
        case "success":
            return "applied"
        case "action_required" if newest.apply.replaced_by is not None:
            return "cancelled"  # the branch moved to another tip, and back to this one
        case "action_required":
            return "unexplained" if newest.apply.held_for == "unexplained" else "held"
        case "cancelled":
            return "cancelled"
        case _:
            return "failed"
