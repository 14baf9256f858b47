"""What is applied where: testing first where the config says so, then the branch's own environment."""

import asyncio
from collections.abc import Sequence

import msgspec

from checks import gate
from checks.errors import ConfigurationError
from checks.report import RootReport
from ghapp.errors import JobError
from ghapp.flows.apply.attempts import next_attempt
from ghapp.flows.apply.explain import Judged, verdict_at_merge
from ghapp.flows.check_run import OVERRIDDEN, runs_of_tip
from ghapp.flows.repository import FetchedRepo
from ghapp.flows.root_module.job import Reviewed
from ghapp.flows.survey import known_to, run_otherwise, survey_tree
from ghapp.repository_config import CONFIG_PATH, BranchEnvironment, ConfigInvalid
from ghapp.root_modules import Survey
from ghapp.store import Approval, Last, Run
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName, RunId, TreeId


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One environment to bring to the commit."""

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
    reviewed: Reviewed | None = None
    """Where the plans that were looked at are remembered."""
    may_rerun: str = ""
    """Who may press "Re-run" where it fails, in words."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking at a branch: stages to apply, or none. `busy`: the run that has an environment now."""

    stages: tuple[Stage, ...] = ()
    busy: RunId | None = None


async def prepare_stages(
    repo: FetchedRepo,
    environment: BranchEnvironment,
    last: Last | None,
    run: Run,
    judged: Judged,
    approval: Approval | None,
    *,
    everything: bool,
) -> Settlement:
    """Lay out what is applied: what LAST..tip touches; with `everything` every root module of the tip.

    Applies are one at a time for each environment: its turn is taken here, before it is asked what is to be done.
    """
    return await _Layout(repo, environment, last, run, judged, approval, everything).stages()


class _Layout:
    """One commit on its way into its environments: what its parts share."""

    def __init__(
        self,
        repo: FetchedRepo,
        environment: BranchEnvironment,
        last: Last | None,
        run: Run,
        judged: Judged,
        approval: Approval | None,
        everything: bool,
    ) -> None:
        self._repo = repo
        self._environment = environment
        self._last = last
        self._run = run
        self._tip = run.head_sha
        self._judged = judged
        self._approval = approval
        self._everything = everything

    async def stages(self) -> Settlement:
        config = await self._repo.config_at(self._tip)
        config.require_implemented()
        named = config.branch_environments.get(self._environment.name)
        if named is None:
            raise JobError(
                f"this commit takes {self._environment.name} out of .github/planward.yml while its branch "
                f"{self._environment.branch} is still applied: put it back, or leave the branch alone"
            )
        tree = await self._repo.mirror.tree_of(self._tip)
        survey = await survey_tree(self._repo, config, tree)
        if survey.misplaced is not None:
            raise ConfigInvalid((survey.misplaced,))
        runs: list[Run] = []
        if self._environment.promote_from is None and config.testing.apply == "on_merge":
            at = await self._repo.store.branches.last(self._repo.id, TESTING)
            if at is None or at.sha != self._tip or self._everything:
                runs.append(await next_attempt(self._repo, TESTING, self._environment.branch, self._tip))
        runs.append(self._run)
        for run in runs:
            holder = await self._repo.store.runs.claim_environment(run)
            if holder != run.id:
                return Settlement(busy=holder)
        stages = [await self._testing_stage(run, survey, tree) for run in runs[:-1]]
        by_hand = "manual" in (self._environment.apply, named.apply)
        stages.append(await self._own_stage(survey, tree, by_hand=by_hand))
        return Settlement(stages=tuple(stages))

    async def _testing_stage(self, run: Run, survey: Survey, tree: TreeId) -> Stage:
        last = await self._repo.store.branches.last(self._repo.id, TESTING)
        dirs = await self._touched(survey, TESTING, None if self._everything else last)
        return Stage(
            run_id=run.id,
            environment=TESTING,
            branch=run.branch,
            sha=self._tip,
            tree=tree,
            layers=_layers(survey, TESTING, dirs),
            reviews=dict.fromkeys(dirs, gate.ExplainedMerge()),
            by_hand=False,
            counts_as_applied=True,
            may_rerun=who_may_apply(self._environment.approvers),
        )

    async def _own_stage(self, survey: Survey, tree: TreeId, *, by_hand: bool) -> Stage:
        name = self._environment.name
        dirs = await self._touched(survey, name, None if self._everything else self._last)
        return Stage(
            run_id=self._run.id,
            environment=name,
            branch=self._run.branch,
            sha=self._tip,
            tree=tree,
            layers=await asyncio.to_thread(_layers, survey, name, dirs),
            reviews=await self._reviews(dirs),
            reviewed=await self._reviewed(),
            by_hand=by_hand,
            counts_as_applied=self._everything or bool(dirs) or (self._last is not None and self._last.applied),
            may_rerun=who_may_apply(self._environment.approvers),
        )

    async def _touched(self, survey: Survey, environment: EnvironmentName, last: Last | None) -> tuple[str, ...]:
        if last is None or not await self._repo.mirror.has(last.sha):
            return tuple(survey.of(environment))
        changed = await self._repo.mirror.changed_paths(last.sha, self._tip)
        dirs = (await asyncio.to_thread(survey.touched, environment, changed)).dirs
        if CONFIG_PATH not in changed:
            return dirs
        try:
            config = await self._repo.config_at(last.sha)
            before = await survey_tree(self._repo, config, last.sha)
        except JobError:  # a config that was broken says nothing of how anything ran
            return tuple(survey.of(environment))
        return known_to(survey, environment, (*dirs, *run_otherwise(environment, before, survey)))

    async def _reviews(self, dirs: tuple[str, ...]) -> dict[str, gate.Review]:
        """Say of each root module what was looked at before."""
        approval = self._approval
        if approval is not None:
            overrides = approval.by.endswith(OVERRIDDEN)
            review: gate.Review = (
                gate.ApprovedPlan(by=approval.by, plan_digests=frozenset(approval.digests), overrides=overrides)
                if approval.digests
                else gate.ApprovedCommit(by=approval.by, overrides=overrides)
            )
            return dict.fromkeys(dirs, review)
        if self._environment.promote_from is None:
            return dict.fromkeys(dirs, gate.ExplainedMerge())
        previews = await self._previews(self._judged.pull_requests[-1])
        return {
            directory: previews.get(directory) or gate.NotReviewed(why="it was not part of the preview")
            for directory in dirs
        }

    async def _reviewed(self) -> Reviewed | None:
        """The run whose plans a person looked at: the one that was held, or that of the preview."""
        name = self._environment.name
        if self._approval is not None:
            attempts = await runs_of_tip(self._repo, name, self._tip)
            held = [run for run in attempts if run.apply.held_for == "review"]
            return Reviewed(run_id=held[-1].id, part=name) if held else None
        if self._environment.promote_from is None:
            return None
        number = self._judged.pull_requests[-1]
        pull_request = await self._repo.store.pull_requests.find(self._repo.id, number)
        assert pull_request is not None
        verdict = await verdict_at_merge(self._repo, pull_request)
        return None if verdict is None else Reviewed(run_id=verdict.run_id, part=f"{number}:{name}")

    async def _previews(self, number: int) -> dict[str, gate.Previewed]:
        """The previews of the newest pull request that explains the tip, as they stood when it was merged."""
        pull_request = await self._repo.store.pull_requests.find(self._repo.id, number)
        assert pull_request is not None
        verdict = await verdict_at_merge(self._repo, pull_request)
        if verdict is None:
            return {}
        reports = await self._repo.store.runs.readable_root_reports(verdict.run_id)
        previews: dict[str, gate.Previewed] = {}
        for (part, root_module), raw in reports.items():
            report = msgspec.json.decode(raw, type=RootReport)
            if part == f"{number}:{self._environment.name}" and report.digest and report.shape_digest:
                previews[root_module] = gate.Previewed(
                    plan_digest=report.digest, shape_digest=report.shape_digest, follows_layer_below=False
                )
        return previews


def who_may_apply(approvers: Sequence[str]) -> str:
    """The people and teams that a config names as approvers, else the roles that may apply."""
    return " or ".join(f"`{each}`" for each in approvers) or "people with the role maintain or admin"


def _layers(survey: Survey, environment: EnvironmentName, dirs: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    try:
        return survey.layers(environment, dirs)
    except ConfigurationError as error:
        raise JobError(str(error)) from None
