"""One look at a branch: what its tip is, whether that is explained or approved, and what is to be applied where.

Level-triggered: whatever gave reason to look (a push, a merge, a due time, an approval), the same is looked at, so that
events may come twice, late, in any order or never.
"""

import msgspec

from checks import gate
from checks.report import RootReport
from ghapp.errors import JobError
from ghapp.flows import telling
from ghapp.flows.branch import environment_at_last, run_of_tip, runs_of_tip
from ghapp.flows.explaining import Judged, judge_push, verdict_at_merge
from ghapp.flows.finishing import finish, report_apply
from ghapp.flows.ground import Ground, config_at, fetch, short, survey
from ghapp.flows.showing import complete, show_progress
from ghapp.git import Mirror
from ghapp.jobs import SettleBranch
from ghapp.repository_config import Environment, RepositoryConfig
from ghapp.services import Services
from ghapp.store import Approval, KnownRepository, Last, Run
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName, RunId, TreeId


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One environment to bring to the commit: testing first where the config says so, then the branch's own."""

    run_id: RunId
    environment: EnvironmentName
    branch: BranchName
    sha: CommitSha
    tree: TreeId
    layers: tuple[tuple[str, ...], ...]
    reviews: dict[str, gate.Review]
    by_hand: bool
    counts_as_applied: bool
    """What a success makes of LAST; a commit that touches no root module inherits."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking at a branch: stages to apply, or none."""

    stages: tuple[Stage, ...] = ()


async def look_at_branch(services: Services, job: SettleBranch) -> Settlement:
    repository = await services.store.repositories.load(job.repository_id)
    if not repository.active:
        return Settlement()
    mirror = await fetch(services, repository)
    tip = await mirror.tip(job.branch)
    if tip is None:
        return Settlement()
    last = await services.store.branches.last_of_branch(repository.id, job.branch)
    try:
        found = await environment_at_last(services, repository, mirror, job.branch, tip)
    except JobError as error:
        if last is not None:
            await _show_broken_config(services, repository, mirror, last, job.branch, tip, str(error))
        return Settlement()
    if found is None:
        return Settlement()
    environment, config, last = found
    look = _Look(services, job, repository, mirror, environment, config, last, tip)
    return await look.settle()


async def _show_broken_config(
    services: Services,
    repository: KnownRepository,
    mirror: Mirror,
    last: Last,
    branch: BranchName,
    tip: CommitSha,
    cause: str,
) -> None:
    environment = Environment(name=last.environment, branch=branch, apply="manual", team="-")
    attempts = await runs_of_tip(services, repository, environment, tip)
    if attempts and attempts[-1].status == "completed":
        return
    run = await run_of_tip(services, repository, environment, tip, attempt=len(attempts[:-1]))
    await finish(services, repository, run, "failure", cause)


class _Look:
    """One look at a branch: what its parts share."""

    def __init__(
        self,
        services: Services,
        job: SettleBranch,
        repository: KnownRepository,
        mirror: Mirror,
        environment: Environment,
        config: RepositoryConfig,
        last: Last | None,
        tip: CommitSha,
    ) -> None:
        self._services = services
        self._job = job
        self._repository = repository
        self._mirror = mirror
        self._environment = environment
        self._config = config
        self._last = last
        self._tip = tip

    async def settle(self) -> Settlement:
        """Judge the tip."""
        await self._end_contained()
        attempts = await runs_of_tip(self._services, self._repository, self._environment, self._tip)
        approval = await self._approval(attempts)
        if self._last is not None and self._last.sha == self._tip and (approval is None or self._last.applied):
            for run in attempts:
                if run.status != "completed":
                    cause = f"nothing to apply: {self._environment.name} is at {short(self._tip)}"
                    await self._succeed(run, cause)
            return Settlement()
        if attempts and attempts[-1].status == "completed" and not await self._goes_on(attempts[-1], approval):
            return Settlement()
        number = len([run for run in attempts if run.status == "completed"])
        run = await run_of_tip(self._services, self._repository, self._environment, self._tip, attempt=number)
        try:
            return await self._judge(run, approval)
        except JobError as error:
            await finish(self._services, self._repository, run, "failure", str(error))
            return Settlement()

    async def _judge(self, run: Run, approval: Approval | None) -> Settlement:
        if self._last is None:
            return await self._held_or_approved(
                run,
                approval,
                f"the branch {self._environment.branch} is new to Planward; nothing explains what it holds",
            )
        if self._last.sha == self._tip:
            return await self._stages(run, Judged(), approval)
        commits = await self._mirror.first_parent_commits(self._last.sha, self._tip)
        if commits is None:
            return await self._held_or_approved(
                run,
                approval,
                f"{self._environment.branch} was forced: {short(self._tip)} does not follow "
                f"{short(self._last.sha)}, which {self._environment.name} is at",
            )
        waited = run.data.get("waited") or self._job.cause.startswith("due:")
        judged = await judge_push(
            self._services,
            self._repository,
            self._mirror,
            self._job.branch,
            self._last.sha,
            commits,
            ask_github=bool(waited),
        )
        await self._services.store.runs.remember(run.id, explains=list(judged.seen))
        if judged.explained:
            return await self._stages(run, judged, approval)
        if approval is not None:
            return await self._stages(run, judged, approval)
        if judged.may_still_come and not waited and self._services.settings.merge_wait_s > 0:
            await self._wait(run)
            return Settlement()
        await self._hold(run, f"{'; '.join(judged.reasons)}", people=judged.people)
        return Settlement()

    async def _end_contained(self) -> None:
        """Waiting pushes that the tip contains end here; so do those that are no longer on the branch."""
        for run in await self._services.store.runs.applies(self._repository.id, self._environment.name):
            if run.status == "completed" or run.head_sha == self._tip:
                continue
            contained = await self._mirror.has(run.head_sha) and await self._mirror.is_ancestor(run.head_sha, self._tip)
            cause = f"contained in {short(self._tip)}" if contained else f"no longer on {self._job.branch}"
            if self._last is not None and contained and await self._mirror.is_ancestor(run.head_sha, self._last.sha):
                cause = f"contained in {short(self._last.sha)}"
            await finish(self._services, self._repository, run, "cancelled", cause)
            await telling.comment(self._services, self._repository, run.data.get("explains", ()))

    async def _approval(self, attempts: list[Run]) -> Approval | None:
        """The newest decision of a person to apply this commit here, if no attempt has acted on it yet."""
        found = await self._services.store.approvals.of(
            self._repository.id, self._tip, kind="apply", environment=self._environment.name
        )
        acted = max((run.data.get("approved_at", 0) for run in attempts if run.status == "completed"), default=0)
        return found[-1] if found and found[-1].at > acted else None

    async def _goes_on(self, run: Run, approval: Approval | None) -> bool:
        """Whether a completed attempt is followed by another: somebody decided, or what held it is explained now."""
        if approval is not None or self._job.cause.startswith("rerun:"):
            return True
        return (
            run.conclusion == "action_required"
            and run.data.get("held_for") == "unexplained"
            and (self._job.cause.startswith(("closed:", "due:")))
        )

    async def _wait(self, run: Run) -> None:
        """Wait as a row: `closed` or the due time goes on."""
        await self._services.store.runs.remember(run.id, waited=True)
        due = SettleBranch(repository_id=self._repository.id, branch=self._job.branch, cause=f"due:{run.id}")
        await self._services.store.later.put(
            f"wait:{run.id}", msgspec.to_builtins(due), in_s=self._services.settings.merge_wait_s
        )

    async def _held_or_approved(self, run: Run, approval: Approval | None, reason: str) -> Settlement:
        if approval is not None:
            return await self._stages(run, Judged(), approval)
        people = await self._services.store.branches.pushers_since(self._repository.id, self._job.branch, self._last)
        await self._hold(run, reason, people=people)
        return Settlement()

    async def _hold(self, run: Run, reason: str, *, people: tuple[str, ...]) -> None:
        by = f" (by {', '.join(people)})" if people else ""
        cause = f"Not applied{by}: {reason}. Look at it, then apply it by hand, or revert it."
        await self._services.store.runs.remember(run.id, held_for="unexplained")
        await finish(
            self._services,
            self._repository,
            run,
            "action_required",
            cause,
            buttons=("apply",),
            paste=f"planward apply {self._tip} -e {self._environment.name}",
        )
        await telling.comment(self._services, self._repository, run.data.get("explains", ()))
        await telling.waiting(self._services, self._repository, run, cause)

    async def _succeed(self, run: Run, note: str) -> None:
        report = report_apply(self._services, self._repository, run, "success", None, notes=(note,))
        await complete(self._services, self._repository, run, [report], conclusion="success")

    async def _stages(self, run: Run, judged: Judged, approval: Approval | None) -> Settlement:
        """Lay out what is applied: what LAST..tip touches; on an adopted tip every root module."""
        if approval is not None:
            await self._services.store.runs.remember(run.id, approved_at=approval.at, approved_by=approval.by)
        config = await config_at(self._mirror, self._repository, self._tip)
        tree = await self._mirror.tree_of(self._tip)
        ground = await survey(self._services, self._mirror, config, tree)
        stages: list[Stage] = []
        first = self._environment.promote_from is None
        if first and config.environments[TESTING].apply == "on_merge":
            stages.append(await self._testing_stage(ground, tree))
        stages.append(await self._own_stage(run, ground, config, tree, judged, approval))
        await show_progress(self._services, self._repository, run, f"Applying {short(self._tip)}")
        return Settlement(stages=tuple(stages))

    async def _testing_stage(self, ground: Ground, tree: TreeId) -> Stage:
        testing = Environment(name=TESTING, branch=self._job.branch, team="-")
        last = await self._services.store.branches.last(self._repository.id, TESTING)
        attempts = await runs_of_tip(self._services, self._repository, testing, self._tip)
        number = len([run for run in attempts if run.status == "completed"])
        run = await run_of_tip(self._services, self._repository, testing, self._tip, attempt=number)
        dirs = await self._touched(ground, TESTING, last)
        return Stage(
            run_id=run.id,
            environment=TESTING,
            branch=self._job.branch,
            sha=self._tip,
            tree=tree,
            layers=ground.layers(TESTING, dirs),
            reviews=dict.fromkeys(dirs, gate.ExplainedMerge()),
            by_hand=False,
            counts_as_applied=True,
        )

    async def _own_stage(
        self,
        run: Run,
        ground: Ground,
        config: RepositoryConfig,
        tree: TreeId,
        judged: Judged,
        approval: Approval | None,
    ) -> Stage:
        name = self._environment.name
        adopted_tip = self._last is not None and self._last.sha == self._tip
        dirs = await self._touched(ground, name, None if adopted_tip else self._last)
        by_hand = "manual" in (self._environment.apply, config.environments[name].apply)
        return Stage(
            run_id=run.id,
            environment=name,
            branch=self._job.branch,
            sha=self._tip,
            tree=tree,
            layers=ground.layers(name, dirs),
            reviews=await self._reviews(dirs, judged, approval),
            by_hand=by_hand,
            counts_as_applied=bool(dirs) or (self._last is not None and self._last.applied),
        )

    async def _touched(self, ground: Ground, environment: EnvironmentName, last: Last | None) -> tuple[str, ...]:
        if last is None or not await self._mirror.has(last.sha):
            return tuple(ground.of(environment))
        return ground.touched(environment, await self._mirror.changed_paths(last.sha, self._tip)).dirs

    async def _reviews(
        self, dirs: tuple[str, ...], judged: Judged, approval: Approval | None
    ) -> dict[str, gate.Review]:
        """Say of each root module what was looked at before."""
        if approval is not None:
            review: gate.Review = (
                gate.ApprovedPlan(by=approval.by, plan_digests=frozenset(approval.digests))
                if approval.digests
                else gate.ApprovedCommit(by=approval.by)
            )
            return dict.fromkeys(dirs, review)
        if self._environment.promote_from is None:
            return dict.fromkeys(dirs, gate.ExplainedMerge())
        previews = await self._previews(judged.pull_requests[-1])
        return {
            directory: previews.get(directory) or gate.NotReviewed(why="it was not part of the preview")
            for directory in dirs
        }

    async def _previews(self, number: int) -> dict[str, gate.Previewed]:
        """The previews of the newest pull request that explains the tip, as they stood when it was merged."""
        pull_request = await self._services.store.pull_requests.find(self._repository.id, number)
        assert pull_request is not None
        verdict = await verdict_at_merge(self._services, self._mirror, pull_request)
        if verdict is None:
            return {}
        reports = await self._services.store.runs.root_reports(verdict.run_id)
        previews: dict[str, gate.Previewed] = {}
        for (part, root_module), raw in reports.items():
            report = msgspec.json.decode(raw, type=RootReport)
            if part == f"{number}:{self._environment.name}" and report.digest and report.shape_digest:
                previews[root_module] = gate.Previewed(
                    plan_digest=report.digest, shape_digest=report.shape_digest, follows_layer_below=False
                )
        return previews
