"""Prepare a plan run: find its merge result, its root modules and their order, and who vouches for the code."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import msgspec

from checks import gate
from checks.errors import ConfigurationError
from checks.promotion import PromotionFacts, decide_promotion
from ghapp.errors import JobError, Unavailable
from ghapp.flows.check_run import show_progress
from ghapp.flows.environments import is_environment_branch
from ghapp.flows.holds.new_environments import is_in_force
from ghapp.flows.plan.config_fix import ConfigInUse, config_in_force, note_on_fix, prepare_config_fix
from ghapp.flows.plan.earlier_plans import keep_testing_plans
from ghapp.flows.plan.heads import is_open_with_head, numbers_of
from ghapp.flows.plan.merge_result import describe_conflict, diagnostics_of, merged_tree, survey_proposed
from ghapp.flows.plan.part import Part, hold_part
from ghapp.flows.plan.which_plans import decide_plans
from ghapp.flows.repository import FetchedRepo, Repo, load_repo, short
from ghapp.flows.root_module.count_state import RemovedJob
from ghapp.flows.survey import (
    describe_config_change,
    find_reconfigured,
    only_known,
    survey_merge_result,
    survey_tree,
    why_config_breaks,
    why_not_run,
)
from ghapp.git import Conflict
from ghapp.github import InstallationGone, InstallationSuspended
from ghapp.repository_config import (
    BranchEnvironment,
    ConfigInvalid,
)
from ghapp.root_modules import Survey
from ghapp.services import Services
from ghapp.store import KnownPullRequest, Run
from ghapp.values import TESTING, EnvironmentName, RunId, TreeId

DRAFT = "Not planned: this is a draft (`drafts: skip`). Mark it ready for review to have it planned."


async def prepare_plan(services: Services, run_id: RunId) -> tuple[Part, ...]:
    """For each pull request of the run, decide who vouches for it, and find its merge result and root modules."""
    run = await services.store.runs.load(run_id)
    if run.status == "completed" or run.cancel_reason is not None:
        return ()
    repo = await load_repo(services, run.repository_id)
    # Update the check run while the parts are prepared. This update must end before the check run is completed.
    showing = asyncio.create_task(show_progress(repo, run, "Planning"))
    try:
        parts = await _prepare_parts(repo, run)
    finally:
        await showing
    planned = {root for part in parts for layer in (*part.layers, *part.preview_layers) for root in layer}
    planned |= {outcome.root_module for part in parts for outcome in part.kept}
    root_modules = tuple(sorted(planned))
    await services.store.runs.change_plan(run_id, lambda state: replace(state, root_modules=root_modules))
    return tuple(parts)


async def _prepare_parts(repo: Repo, run: Run) -> list[Part]:
    repo = await _with_commits_of(repo, run)
    parts = []
    for number in numbers_of(run):
        pull_request = await repo.store.pull_requests.find(run.repository_id, number)
        if pull_request is None or not is_open_with_head(run, pull_request):
            continue
        base_sha = run.plan.bases[number]
        # In a merge queue, the base may be a commit that is not merged yet. So the config comes from the branch's tip.
        config_sha = base_sha if run.group is None else run.group.config_sha
        part = Part(
            pull_request=number,
            environment=run.environment,
            base_sha=base_sha,
            config_sha=config_sha,
            from_fork=pull_request.head_repository_id != repo.id,
        )
        try:
            found = await config_in_force(repo, pull_request, config_sha)
            if isinstance(found, ConfigInvalid):
                parts.append(await prepare_config_fix(repo, run, pull_request, found, part))
                continue
            config = found.config
            environment = config.environment_of_branch(pull_request.base_branch)
            if environment is None or not await is_environment_branch(repo, pull_request.base_branch):
                continue
            part = msgspec.structs.replace(
                part, environment=environment.name, config_sha=found.sha, four_eyes=config.four_eyes
            )
            if not await is_in_force(repo, environment):
                parts.append(msgspec.structs.replace(part, held=_describe_new_environment(environment)))
                continue
            parts.append(await _prepare_part(repo, run, pull_request, found, environment, part))
        except (Unavailable, InstallationGone, InstallationSuspended):
            raise
        except (JobError, ConfigurationError) as error:
            parts.append(msgspec.structs.replace(part, refused=str(error)))
    return parts


def _describe_new_environment(environment: BranchEnvironment) -> str:
    return (
        f"Not planned yet: the environment {environment.name} is new, and nobody has allowed it. To allow it, "
        f"somebody with the role maintain or admin presses Plan, then Apply, on the check run planward/apply "
        f"({environment.name}) of the newest commit of the branch {environment.branch}. After that, press Re-run here."
    )


async def _with_commits_of(repo: Repo, run: Run) -> FetchedRepo:
    """The repository with the run's commits, which are fetched if an earlier step ran on another machine."""
    commits = {run.head_sha, *run.plan.bases.values()}
    if run.group is not None:
        commits.add(run.group.config_sha)
    return await repo.with_commits(*commits, pull_requests=numbers_of(run))


async def _prepare_part(
    repo: FetchedRepo,
    run: Run,
    pull_request: KnownPullRequest,
    in_force: ConfigInUse,
    environment: BranchEnvironment,
    part: Part,
) -> Part:
    config = in_force.config
    if pull_request.draft and config.drafts == "skip":
        return msgspec.structs.replace(part, held=DRAFT)
    plans = await decide_plans(repo, run, pull_request, config, environment)
    if isinstance(plans, gate.Refuse):
        return msgspec.structs.replace(part, refused=plans.cause)
    part = msgspec.structs.replace(part, notes=plans.notes)
    if plans.first_hold is not None:
        return hold_part(part, run, plans.first_hold)
    tree = await merged_tree(repo.mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        return msgspec.structs.replace(part, refused=describe_conflict(tree, pull_request, part))
    changed = await repo.mirror.changed_paths(part.base_sha, tree)
    proposed = await survey_proposed(repo, changed, tree)
    invalid = proposed if isinstance(proposed, ConfigInvalid) else None
    refused = None if invalid is None else str(invalid)
    part = msgspec.structs.replace(part, tree=tree, diagnostics=() if invalid is None else diagnostics_of(invalid))
    broken = in_force.instead_of or (ConfigInvalid(config.unimplemented) if config.unimplemented else None)
    if broken is not None and not isinstance(proposed, Survey):
        return msgspec.structs.replace(part, refused=refused or str(broken))
    to_preview = plans.preview
    if environment.promote_from is not None:
        decision = await _check_promotion(repo, config.branch_environments[environment.promote_from], tree)
        if isinstance(decision, gate.Refuse):
            refused = refused or decision.cause
            to_preview = None
    survey = await survey_merge_result(repo, part.config_sha, tree)
    repo.services.surveys.keep(run.id, part.config_sha, tree, survey)
    before = await survey_tree(repo, config, part.base_sha)
    after = proposed if isinstance(proposed, Survey) else None
    impact = _Impact(survey, before, after)
    found = await asyncio.to_thread(survey.touched, environment.name, changed, before)
    misplaced = None if survey.misplaced is None else str(survey.misplaced)
    refused = refused or misplaced or await asyncio.to_thread(survey.not_supported, changed, found, before)
    # Check this even if there is no preview: otherwise the apply would fail after the merge.
    refused = refused or why_not_run(after or survey, environment.name, found.dirs)
    refused = refused or (None if after is None else why_config_breaks(before, after))
    preview: tuple[tuple[str, ...], ...] = ()
    if to_preview is not None:
        since = changed
        if environment.promote_from is not None:
            last = await repo.store.branches.last(repo.id, environment.name)
            since = await repo.mirror.changed_paths(part.base_sha if last is None else last.sha, tree)
        preview = await asyncio.to_thread(impact.layers, environment.name, since)
    layers = () if plans.testing is None else await asyncio.to_thread(impact.layers, TESTING, changed)
    kept = await keep_testing_plans(repo, run, pull_request.number, tree, survey, layers) if preview else ()
    removed = await asyncio.to_thread((after or survey).removed, environment.name, before)
    part = msgspec.structs.replace(
        part,
        removed=tuple(
            RemovedJob(
                run_id=run.id,
                environment=environment.name,
                sha=part.config_sha,
                root_module=each,
                may_be_read=isinstance(to_preview, gate.Vouched),
            )
            for each in removed
        ),
        layers=() if kept else layers,
        kept=kept,
        has_preview=to_preview is not None,
        refused=refused,
        notes=(
            *part.notes,
            *((note_on_fix(pull_request, in_force),) if in_force.instead_of else ()),
            *(() if after is None else describe_config_change(config, after.config)),
        ),
    )
    if isinstance(to_preview, gate.Hold) and preview:
        return hold_part(part, run, to_preview)
    return msgspec.structs.replace(part, preview_layers=preview)


class _Impact(NamedTuple):
    """Three surveys that show the effect of a pull request.

    `survey` is of the merge result and `before` of the base, both under the config in force. `after` is of the merge
    result under the config that the pull request proposes; None if it proposes none, or an invalid one.
    """

    survey: Survey
    before: Survey
    after: Survey | None

    def layers(self, environment: EnvironmentName, changed: Collection[str]) -> tuple[tuple[str, ...], ...]:
        """The affected root modules in an environment, in the layers in which they are planned."""
        found = self.survey.touched(environment, changed)
        dirs = (*found.dirs, *find_reconfigured(environment, self.before, self.after))
        return self.survey.layers(environment, only_known(self.survey, environment, dirs))


async def _check_promotion(
    repo: FetchedRepo,
    previous: BranchEnvironment,
    tree: TreeId,
) -> gate.Clear | gate.Refuse:
    """Decide about a promotion: the previous environment must have applied exactly this tree."""
    branches = repo.store.branches
    same = await branches.with_tree(repo.id, previous.name, tree)
    applied = await branches.last_applied(repo.id, previous.name)
    last = await branches.last(repo.id, previous.name)
    tip = await repo.mirror.tip(previous.branch)
    return decide_promotion(
        PromotionFacts(
            previous=previous.name,
            tree=tree,
            applied_trees=frozenset(each.tree for each in same if each.applied),
            adopted_trees=frozenset(each.tree for each in same if not each.applied),
            last_applied=short(applied.sha) if applied is not None else None,
            tip=tip or "",
            tip_differs_from_last=last is not None and tip is not None and tip != last.sha,
        )
    )
