"""The stages of an apply: testing first if the config says so, then the branch's own environment."""

import asyncio
import contextlib

import msgspec

from checks import gate
from checks.authority.deciders import who_decides
from checks.errors import ConfigurationError
from checks.plan.parity import Parity
from ghapp.errors import JobError
from ghapp.flows.apply import texts
from ghapp.flows.apply.attempts import next_attempt
from ghapp.flows.apply.explain import Judgement, verdict_at_merge
from ghapp.flows.check_run import OVERRIDDEN, runs_of_tip
from ghapp.flows.holds.held_tip import approvers_in_force
from ghapp.flows.repository import FetchedRepo
from ghapp.flows.root_module.count_state import RemovedJob
from ghapp.flows.root_module.job import Reviewed
from ghapp.flows.survey import find_reconfigured, only_known, survey_tree
from ghapp.repository_config import CONFIG_PATH, BranchEnvironment, ConfigInvalid, RepositoryConfig
from ghapp.root_modules import RootModuleSettings, Survey
from ghapp.sealing import UnsealError
from ghapp.store import Approval, Last, Run
from ghapp.values import TESTING, BranchName, CommitSha, EnvironmentName, RunId, TreeId


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """The work to bring one environment to the commit."""

    run_id: RunId
    environment: EnvironmentName
    branch: BranchName
    sha: CommitSha
    tree: TreeId
    layers: tuple[tuple[str, ...], ...]
    reviews: dict[str, gate.Review]
    by_hand: bool
    counts_as_applied: bool
    """Whether this commit counts as applied when it becomes LAST.

    A commit that touches no root module counts as applied only if the previous LAST does.
    """
    plan_only: bool = False
    """Whether the stage is only planned (with plan credentials) and shown. Then any change is held."""
    must_be_approved: str | None = None
    """Why the stage ends in a hold even if no root module changes; None if it succeeds in that case."""
    previews: tuple[Reviewed, ...] = ()
    """The places where the reviewed plans are stored."""
    compared: bool = False
    """Whether plans are compared with the reviewed ones. If the config asks for a preview and there is none, they are
    compared with an empty plan."""
    removed: tuple[RemovedJob, ...] = ()
    """The removed root modules."""
    planned_at_apply: frozenset[str] = frozenset()
    """The root modules that could not be planned on the pull request."""
    parity: Parity = "danger"
    confirm: tuple[str, ...] = ()
    confirmed: frozenset[str] = frozenset()
    """The confirmations that people gave on the merged pull requests that the commit came from."""
    may_rerun: str = ""
    """Who may press "Re-run" after a failure, as text."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The result of examining a branch: the stages to apply, in order.

    If another run is using one of the environments, `busy` is that run and there are no stages.
    """

    stages: tuple[Stage, ...] = ()
    busy: RunId | None = None


async def prepare_stages(
    repo: FetchedRepo,
    environment: BranchEnvironment,
    last: Last | None,
    run: Run,
    judged: Judgement,
    approval: Approval | None,
    *,
    everything: bool,
    plan_only: str | None = None,
) -> Settlement:
    """Determine the root modules to apply: those that LAST..tip touches, or with `everything` all of them.

    `plan_only` is the reason why the tip is only planned and shown; None if it is applied where the gate allows it.
    Each environment has one apply at a time, so the environments are claimed before the stages are built.
    """
    return await _StageBuilder(repo, environment, last, run, judged, approval, everything, plan_only).stages()


class _StageBuilder:
    """Builds the stages for one commit."""

    def __init__(
        self,
        repo: FetchedRepo,
        environment: BranchEnvironment,
        last: Last | None,
        run: Run,
        judged: Judgement,
        approval: Approval | None,
        everything: bool,
        plan_only: str | None,
    ) -> None:
        self._repo = repo
        self._environment = environment
        self._last = last
        self._run = run
        self._tip = run.head_sha
        self._judged = judged
        self._approval = approval
        self._everything = everything
        self._plan_only = plan_only
        self._may_rerun = ""

    async def stages(self) -> Settlement:
        config = await self._repo.config_at(self._tip)
        config.require_implemented()
        named = config.branch_environments.get(self._environment.name)
        if named is None:
            raise JobError(
                f"this commit removes the environment {self._environment.name} from .github/planward.yml, but its "
                f"branch {self._environment.branch} still exists: merge a change that puts it back, or delete the "
                "branch"
            )
        tree = await self._repo.mirror.tree_of(self._tip)
        survey = await survey_tree(self._repo, config, tree)
        if survey.misplaced is not None:
            raise ConfigInvalid((survey.misplaced,))
        runs: list[Run] = []
        if self._environment.promote_from is None and config.testing.apply == "on_merge":
            at = await self._repo.store.branches.last(self._repo.id, TESTING)
            if self._plan_only is None and (at is None or at.sha != self._tip or self._everything):
                runs.append(await next_attempt(self._repo, TESTING, self._environment.branch, self._tip))
        runs.append(self._run)
        for run in runs:
            holder = await self._repo.store.runs.claim_environment(run)
            if holder != run.id:
                return Settlement(busy=holder)
        self._may_rerun = who_decides(await approvers_in_force(self._repo, self._environment, self._last))
        stages = [await self._testing_stage(run, survey, tree) for run in runs[:-1]]
        by_hand = "manual" in (self._environment.apply, named.apply)
        parity: Parity = "hold" if "hold" in (self._environment.parity, named.parity) else "danger"
        own = await self._own_stage(config, survey, tree, by_hand=by_hand, parity=parity)
        stages.append(await self._hold_changed_secrets(own, survey))
        return Settlement(stages=tuple(stages))

    async def _testing_stage(self, run: Run, survey: Survey, tree: TreeId) -> Stage:
        last = await self._repo.store.branches.last(self._repo.id, TESTING)
        dirs = await self._touched_dirs(survey, TESTING, None if self._everything else last)
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
            may_rerun=self._may_rerun,
        )

    async def _own_stage(
        self, config: RepositoryConfig, survey: Survey, tree: TreeId, *, by_hand: bool, parity: Parity
    ) -> Stage:
        name = self._environment.name
        dirs = await self._touched_dirs(survey, name, None if self._everything else self._last)
        previews, planned_at_apply = await self._reviewed_plans()
        return Stage(
            run_id=self._run.id,
            environment=name,
            branch=self._run.branch,
            sha=self._tip,
            tree=tree,
            layers=await asyncio.to_thread(_layers, survey, name, dirs),
            reviews=dict.fromkeys(dirs, self._review()),
            previews=tuple(previews),
            compared=bool(previews) or (self._approval is None and self._environment.preview != "never"),
            planned_at_apply=planned_at_apply,
            removed=await self._removed_root_modules(survey, name),
            by_hand=by_hand,
            parity=parity,
            confirm=await self._confirm_words(survey),
            confirmed=await self._given_confirmations(),
            plan_only=self._plan_only is not None,
            must_be_approved=await self._must_be_approved(config),
            counts_as_applied=self._everything or bool(dirs) or (self._last is not None and self._last.applied),
            may_rerun=self._may_rerun,
        )

    async def _hold_changed_secrets(self, stage: Stage, survey: Survey) -> Stage:
        """Hold each root module that reads different secrets than it did at LAST.

        The preview on the pull request may have used the secrets that the config at LAST names.
        """
        if self._last is None or not await self._repo.mirror.has(self._last.sha):
            return stage
        if CONFIG_PATH not in await self._repo.mirror.changed_paths(self._last.sha, self._tip):
            return stage
        try:
            config = await self._repo.config_at(self._last.sha)
            before = await survey_tree(self._repo, config, self._last.sha)
        except JobError:  # with a broken config at LAST, the old secrets are unknown
            return stage
        old, new = before.layout.get(stage.environment, ()), survey.of(stage.environment)
        others = {each.dir for each in old if each.dir in new and _secrets_of(each) != _secrets_of(new[each.dir])}
        held = gate.NotReviewed(why="it reads different secrets than its plan on the pull request did")
        reviews = {
            name: held if name in others and not isinstance(review, gate.ApprovedPlan | gate.ApprovedCommit) else review
            for name, review in stage.reviews.items()
        }
        return msgspec.structs.replace(stage, reviews=reviews)

    async def _must_be_approved(self, config: RepositoryConfig) -> str | None:
        """Why a tip that is only planned has to be approved even if no root module changes."""
        if self._plan_only is None:
            return None
        name = self._environment.name
        if self._last is None:
            return texts.new_environment(name)
        if self._last.sha == self._tip:
            return None
        if CONFIG_PATH in await self._repo.mirror.changed_paths(self._last.sha, self._tip):
            return texts.new_config(CONFIG_PATH)
        if self._environment.promote_from is None and config.testing.apply == "on_merge":
            return texts.TESTING_FIRST
        return None

    async def _touched_dirs(self, survey: Survey, environment: EnvironmentName, last: Last | None) -> tuple[str, ...]:
        if last is None or not await self._repo.mirror.has(last.sha):
            return tuple(survey.of(environment))
        changed = await self._repo.mirror.changed_paths(last.sha, self._tip)
        dirs = (await asyncio.to_thread(survey.touched, environment, changed)).dirs
        if CONFIG_PATH not in changed:
            return dirs
        try:
            config = await self._repo.config_at(last.sha)
            before = await survey_tree(self._repo, config, last.sha)
        except JobError:  # the config at LAST is broken, so the settings of the root modules there are unknown
            return tuple(survey.of(environment))
        return only_known(survey, environment, (*dirs, *find_reconfigured(environment, before, survey)))

    def _review(self) -> gate.Review:
        """The review that preceded the apply."""
        approval = self._approval
        if self._plan_only is not None:
            return gate.NotReviewed(why=self._plan_only)
        if approval is None:
            return gate.ExplainedMerge()
        overrides = approval.by.endswith(OVERRIDDEN)
        if approval.digests:
            return gate.ApprovedPlan(by=approval.by, plan_digests=frozenset(approval.digests), overrides=overrides)
        return gate.ApprovedCommit(by=approval.by, overrides=overrides)

    async def _reviewed_plans(self) -> tuple[list[Reviewed], frozenset[str]]:
        """Where the reviewed plans are stored.

        If the tip was held and then approved, they are the plans that the hold showed. Otherwise, they are the
        previews. Also returns the root modules that could not be planned on the pull request.
        """
        name = self._environment.name
        if self._plan_only is not None:
            return [], frozenset()
        if self._approval is not None:
            attempts = await runs_of_tip(self._repo, name, self._tip)
            held = [run for run in attempts if run.apply.held_for == "review"]
            return [Reviewed(run_id=run.id, part=name) for run in held[-1:]], frozenset()
        previews: list[Reviewed] = []
        later: set[str] = set()
        for number in self._judged.pull_requests:
            for run_id in await self._runs_at_merge(number):
                preview = Reviewed(run_id=run_id, part=f"{number}:{name}")
                try:
                    reports = await self._repo.store.runs.root_reports(run_id)
                except UnsealError:
                    # The key that encrypted these reports is gone. They still count as a preview, so that the plan is
                    # compared. But nobody can read their changes. So each change counts as unseen unless another
                    # preview shows it.
                    previews.append(preview)
                    continue
                own = {key: raw for key, raw in reports.items() if key[0].startswith(f"{number}:")}
                if any(part == preview.part for part, _ in own):
                    previews.append(preview)
                later |= {root_module for (_, root_module), raw in own.items() if _is_planned_at_apply(raw)}
        return previews, frozenset(later)

    async def _runs_at_merge(self, number: int) -> tuple[RunId, ...]:
        """The runs whose verdicts let a pull request merge: its own, and the run of the merge queue's commit."""
        pull_request = await self._repo.store.pull_requests.find(self._repo.id, number)
        assert pull_request is not None
        assert pull_request.merge_sha is not None
        verdict = await verdict_at_merge(self._repo, pull_request)
        group = await self._repo.store.pull_requests.newest_verdict(
            self._repo.id,
            number,
            base_branch=pull_request.base_branch,
            head_sha=pull_request.merge_sha,
            finished=True,
        )
        return tuple(each.run_id for each in (verdict, group) if each is not None)

    async def _removed_root_modules(self, survey: Survey, environment: EnvironmentName) -> tuple[RemovedJob, ...]:
        """The root modules that exist at LAST and no longer at the tip."""
        last = self._last
        if last is None or not await self._repo.mirror.has(last.sha):
            return ()
        changed = await self._repo.mirror.changed_paths(last.sha, self._tip)
        existing = {entry.path for entry in await self._repo.mirror.list_tree(self._tip)}
        if CONFIG_PATH not in changed and existing.issuperset(changed):
            return ()
        try:
            before = await survey_tree(self._repo, await self._repo.config_at(last.sha), last.sha)
        except JobError:  # with a broken config at LAST, it is unknown which root modules existed
            return ()
        return tuple(
            RemovedJob(run_id=self._run.id, environment=environment, sha=last.sha, root_module=each)
            for each in await asyncio.to_thread(survey.removed, environment, before)
        )

    async def _confirm_words(self, survey: Survey) -> tuple[str, ...]:
        """The kinds of changes that need confirmation, by the config at LAST or by the commit's own config."""
        words = survey.config.confirm
        if self._last is not None and await self._repo.mirror.has(self._last.sha):
            with contextlib.suppress(ConfigInvalid):
                words = (*(await self._repo.config_at(self._last.sha)).confirm, *words)
        return tuple(dict.fromkeys(words))

    async def _given_confirmations(self) -> frozenset[str]:
        """The confirmations that people gave on the merged pull requests that the commits came from."""
        found: set[str] = set()
        for number in self._judged.pull_requests:
            pull_request = await self._repo.store.pull_requests.find(self._repo.id, number)
            assert pull_request is not None
            given = await self._repo.store.approvals.for_pull_request(
                self._repo.id,
                pull_request.head_sha,
                number=number,
                base_branch=pull_request.base_branch,
                kind="confirm_destroy",
            )
            found.update(each for approval in given for each in approval.digests)
        return frozenset(found)


class _Outcome(msgspec.Struct):
    outcome: str


def _is_planned_at_apply(report: bytes) -> bool:
    return msgspec.json.decode(report, type=_Outcome).outcome == "planned_at_apply"


def _secrets_of(settings: RootModuleSettings) -> tuple[object, ...]:
    """The team whose secrets a root module reads, and their paths."""
    return settings.team, settings.secrets


def _layers(survey: Survey, environment: EnvironmentName, dirs: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    try:
        return survey.layers(environment, dirs)
    except ConfigurationError as error:
        raise JobError(str(error)) from None
