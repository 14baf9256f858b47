"""Prepare a plan run: find its merge result, its root modules and their order, and who vouches for the code."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, assert_never

import msgspec

from checks import gate
from checks.diagnostic import Diagnostic
from checks.errors import ConfigurationError
from checks.promotion import PromotionFacts, decide_promotion
from ghapp.errors import JobError, Unavailable
from ghapp.flows.check_run import show_progress
from ghapp.flows.environments import is_environment_branch
from ghapp.flows.holds.new_environments import is_in_force
from ghapp.flows.plan.earlier_plans import keep_testing_plans
from ghapp.flows.plan.heads import is_open_with_head, numbers_of
from ghapp.flows.plan.which_plans import decide_plans, decide_vouching
from ghapp.flows.repository import FetchedRepo, Repo, load_repo, short
from ghapp.flows.root_module.count_state import RemovedJob
from ghapp.flows.root_module.job import RootOutcome
from ghapp.flows.survey import (
    describe_config_change,
    find_reconfigured,
    only_known,
    survey_merge_result,
    survey_tree,
    why_config_breaks,
    why_not_run,
)
from ghapp.git import Conflict, Mirror
from ghapp.github import InstallationGone, InstallationSuspended
from ghapp.repository_config import (
    CONFIG_PATH,
    BranchEnvironment,
    ConfigInvalid,
    Problem,
    RepositoryConfig,
    is_config,
)
from ghapp.root_modules import Survey
from ghapp.services import Services
from ghapp.store import KnownPullRequest, Run
from ghapp.values import TESTING, CommitSha, EnvironmentName, RunId, TreeId

DRAFT = "Not planned: this is a draft (`drafts: skip`). Mark it ready for review to have it planned."


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One pull request's part of a plan run. Open pull requests with the same head share a run."""

    pull_request: int
    environment: EnvironmentName
    """The environment of the pull request's base branch."""
    base_sha: CommitSha
    config_sha: CommitSha
    tree: TreeId = TreeId("")
    layers: tuple[tuple[str, ...], ...] = ()
    preview_layers: tuple[tuple[str, ...], ...] = ()
    kept: tuple[RootOutcome, ...] = ()
    """Testing's plans from the previous run, for root modules that are not planned again."""
    has_preview: bool = False
    """Whether the pull request gets a preview, now or after somebody has allowed the preview."""
    refused: str | None = None
    """Why the check run has to fail, even if all plans succeed; None if there is no such reason."""
    held: str | None = None
    """Why nothing happens until a person acts; None if nobody has to. If a button is enough, `button` names it. If a
    comment is enough, `paste` is its text."""
    button: Literal["approve_plan", "preview", "confirm_destroy", "apply"] | None = None
    paste: str | None = None
    notes: tuple[str, ...] = ()
    removed: tuple[RemovedJob, ...] = ()
    """The root modules that the pull request removes."""
    from_fork: bool = False
    four_eyes: bool = True
    """Whether people who wrote or pushed the pull request are excluded from confirming what it destroys."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Errors in the config that the pull request proposes."""


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
            found = await _config_in_force(repo, pull_request, config_sha)
            if isinstance(found, ConfigInvalid):
                parts.append(await _prepare_config_fix(repo, run, pull_request, found, part))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConfigInUse:
    """The config under which a pull request is planned.

    If the base's own config is invalid, this is the config at LAST, and `instead_of` is the error in the base's
    config.
    """

    config: RepositoryConfig
    sha: CommitSha
    instead_of: ConfigInvalid | None = None


async def _config_in_force(
    repo: FetchedRepo, pull_request: KnownPullRequest, base: CommitSha
) -> _ConfigInUse | ConfigInvalid:
    """The base's config. If it is invalid, the config at LAST; if that is not usable either, the base's error."""
    try:
        return _ConfigInUse(config=await repo.config_at(base), sha=base)
    except ConfigInvalid as invalid:
        last = await repo.store.branches.last_of_branch(repo.id, pull_request.base_branch)
        if last is None or not await repo.mirror.has(last.sha):
            return invalid
        try:
            return _ConfigInUse(config=await repo.config_at(last.sha), sha=last.sha, instead_of=invalid)
        except ConfigInvalid:
            return invalid


async def _prepare_config_fix(
    repo: FetchedRepo, run: Run, pull_request: KnownPullRequest, invalid: ConfigInvalid, part: Part
) -> Part:
    """Prepare a pull request whose base has an unusable config. It passes only if it corrects the config and changes
    nothing else."""
    vouched = await decide_vouching(repo, run, pull_request)
    if isinstance(vouched, gate.Refuse):
        return msgspec.structs.replace(part, refused=vouched.cause)
    if isinstance(vouched, gate.Hold):
        return _hold(part, run, vouched)
    tree = await _merged_tree(repo.mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        return msgspec.structs.replace(part, refused=_describe_conflict(tree, pull_request, part))
    changed = await repo.mirror.changed_paths(part.base_sha, tree)
    proposed = await _survey_proposed(repo, changed, tree)
    match proposed:
        case None:
            return msgspec.structs.replace(part, refused=str(invalid))
        case ConfigInvalid():
            return msgspec.structs.replace(
                part, tree=tree, refused=str(proposed), diagnostics=_diagnostics_of(proposed)
            )
        case Survey() if others := sorted(path for path in changed if not is_config(path)):
            refused = (
                f"the config of {pull_request.base_branch} cannot be used ({invalid}), so nothing can be planned under "
                f"it: correct {CONFIG_PATH} in a pull request of its own and merge that first; this one changes "
                f"`{others[0]}`, too"
            )
            return msgspec.structs.replace(part, tree=tree, refused=refused)
        case Survey(misplaced=Problem() as misplaced):
            return msgspec.structs.replace(part, tree=tree, refused=str(misplaced))
        case Survey():
            named = proposed.config.environment_of_branch(pull_request.base_branch)
            then = (
                f"With this config, {pull_request.base_branch} is not the branch of an environment."
                if named is None
                else f"With this config, the environment {named.name} is new. The first push to its branch is held "
                "until somebody with the role maintain or admin presses Plan and then Apply on its check run."
            )
            return msgspec.structs.replace(
                part, tree=tree, notes=(f"Nothing is planned: {_describe_fix(pull_request, invalid)}. {then}",)
            )
        case _ as never:
            assert_never(never)


def _describe_fix(pull_request: KnownPullRequest, invalid: ConfigInvalid) -> str:
    return f"the config of {pull_request.base_branch} cannot be used ({invalid}), and merging this corrects it"


def _note_on_fix(pull_request: KnownPullRequest, in_force: _ConfigInUse) -> str:
    invalid = in_force.instead_of
    assert invalid is not None
    return f"Planned under the config of {short(in_force.sha)}: {_describe_fix(pull_request, invalid)}"


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


def _describe_conflict(conflict: Conflict, pull_request: KnownPullRequest, part: Part) -> str:
    files = ", ".join(f"`{path}`" for path in conflict.paths[:5]) + (" …" if len(conflict.paths) > 5 else "")
    base = pull_request.base_branch
    return (
        f"Conflict with {base} at {short(part.base_sha)} in {files}: merge {base} into the pull request's branch, "
        "resolve the conflict and push."
    )


async def _prepare_part(
    repo: FetchedRepo,
    run: Run,
    pull_request: KnownPullRequest,
    in_force: _ConfigInUse,
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
        return _hold(part, run, plans.first_hold)
    tree = await _merged_tree(repo.mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        return msgspec.structs.replace(part, refused=_describe_conflict(tree, pull_request, part))
    changed = await repo.mirror.changed_paths(part.base_sha, tree)
    proposed = await _survey_proposed(repo, changed, tree)
    invalid = proposed if isinstance(proposed, ConfigInvalid) else None
    refused = None if invalid is None else str(invalid)
    part = msgspec.structs.replace(part, tree=tree, diagnostics=() if invalid is None else _diagnostics_of(invalid))
    broken = in_force.instead_of or (ConfigInvalid(config.unimplemented) if config.unimplemented else None)
    if broken is not None and not isinstance(proposed, Survey):
        return msgspec.structs.replace(part, refused=refused or str(broken))
    to_preview = plans.preview
    if environment.promote_from is not None:
        decision = await check_promotion(repo, config.branch_environments[environment.promote_from], tree)
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
            *((_note_on_fix(pull_request, in_force),) if in_force.instead_of else ()),
            *(() if after is None else describe_config_change(config, after.config)),
        ),
    )
    if isinstance(to_preview, gate.Hold) and preview:
        return _hold(part, run, to_preview)
    return msgspec.structs.replace(part, preview_layers=preview)


def _hold(part: Part, run: Run, hold: gate.Hold) -> Part:
    verb = "approve" if hold.button == "approve_plan" else "preview"
    paste = f"planward {verb} {run.head_sha}"
    return msgspec.structs.replace(part, held=hold.cause, button=hold.button, paste=paste)


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


async def _survey_proposed(repo: FetchedRepo, changed: Collection[str], tree: TreeId) -> Survey | ConfigInvalid | None:
    """Survey the tree under the config that a pull request proposes, or return that config's error.

    None if the pull request does not change the config.
    """
    if CONFIG_PATH not in changed:
        return None
    try:
        return await survey_tree(repo, await repo.proposed_config(tree), tree)
    except ConfigInvalid as invalid:
        return invalid


def _diagnostics_of(invalid: ConfigInvalid) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(
            severity="error",
            summary=f"{problem.key}: {problem.message}" if problem.key else problem.message,
            path=problem.path,
            start_line=problem.line,
            end_line=problem.line,
            start_column=problem.column,
            end_column=problem.column,
        )
        for problem in invalid.problems
    )


async def _merged_tree(mirror: Mirror, run: Run, base_sha: CommitSha) -> TreeId | Conflict:
    """The tree of the merge result. A merge queue's commit is itself a merge result."""
    if run.group is not None:
        return await mirror.tree_of(run.head_sha)
    return await mirror.merge_tree(base_sha, run.head_sha)


async def check_promotion(
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
