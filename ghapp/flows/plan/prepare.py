"""What a plan run has to do: who vouches for the code, what it merges to, what that touches, in which order."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, assert_never

import msgspec

from checks import gate
from checks.diagnostic import Diagnostic
from checks.errors import ConfigurationError
from ghapp.errors import JobError, Unavailable
from ghapp.events import Person
from ghapp.flows.check_run import show_progress
from ghapp.flows.environments import is_named
from ghapp.flows.plan.heads import numbers_of, still_about
from ghapp.flows.repository import FetchedRepo, Repo, load_repo, short
from ghapp.flows.survey import (
    broken_by,
    cannot_run,
    changed_config,
    known_to,
    left_behind,
    not_planned_yet,
    run_otherwise,
    survey_tree,
)
from ghapp.git import Conflict, Mirror
from ghapp.github import InstallationGone, InstallationSuspended, Role
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
from ghapp.store.commit_people import head_of
from ghapp.values import TESTING, CommitSha, EnvironmentName, RunId, TreeId


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has to do for one of the pull requests that share its head."""

    pull_request: int
    environment: EnvironmentName
    """The environment of the pull request's base branch."""
    base_sha: CommitSha
    config_sha: CommitSha
    tree: TreeId = TreeId("")
    layers: tuple[tuple[str, ...], ...] = ()
    preview_layers: tuple[tuple[str, ...], ...] = ()
    refused: str | None = None
    held: str | None = None
    button: Literal["approve_plan", "confirm_destroy", "apply"] | None = None
    paste: str | None = None
    notes: tuple[str, ...] = ()
    from_fork: bool = False
    diagnostics: tuple[Diagnostic, ...] = ()
    """What is wrong with the config as the pull request would have it."""


async def prepare_plan(services: Services, run_id: RunId) -> tuple[Part, ...]:
    """Decide for each pull request what is planned: who vouches for it, what it merges to, what it touches."""
    run = await services.store.runs.load(run_id)
    if run.status == "completed" or run.cancel_reason is not None:
        return ()
    repo = await load_repo(services, run.repository_id)
    # Nothing waits for GitHub to have it; the run does not end before.
    showing = asyncio.create_task(show_progress(repo, run, "Planning"))
    try:
        parts = await _prepare_parts(repo, run)
    finally:
        await showing
    planned = {root for part in parts for layer in (*part.layers, *part.preview_layers) for root in layer}
    root_modules = tuple(sorted(planned))
    await services.store.runs.change_plan(run_id, lambda state: replace(state, root_modules=root_modules))
    return tuple(parts)


async def _prepare_parts(repo: Repo, run: Run) -> list[Part]:
    repo = await _with_commits_of(repo, run)
    parts = []
    for number in numbers_of(run):
        pull_request = await repo.store.pull_requests.find(run.repository_id, number)
        if pull_request is None or not still_about(run, pull_request):
            continue
        base_sha = run.plan.bases[number]
        # What a merge queue builds on may not be merged yet: its config is not in force.
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
                parts.append(await _prepare_mending(repo, run, pull_request, found, part))
                continue
            config = found.config
            environment = config.environment_of_branch(pull_request.base_branch)
            if environment is None or not await is_named(repo, pull_request.base_branch):
                continue
            part = msgspec.structs.replace(part, environment=environment.name, config_sha=found.sha)
            if await repo.store.branches.last_of_branch(repo.id, pull_request.base_branch) is None:
                parts.append(msgspec.structs.replace(part, held=_not_in_force(environment)))
                continue
            parts.append(await _prepare_part(repo, run, pull_request, found, environment, part))
        except (Unavailable, InstallationGone, InstallationSuspended):
            raise
        except (JobError, ConfigurationError) as error:
            parts.append(msgspec.structs.replace(part, refused=str(error)))
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class _InForce:
    """The config that is in force for a base. `instead_of`: what is wrong with the base's own."""

    config: RepositoryConfig
    sha: CommitSha
    instead_of: ConfigInvalid | None = None


async def _config_in_force(
    repo: FetchedRepo, pull_request: KnownPullRequest, base: CommitSha
) -> _InForce | ConfigInvalid:
    """The base's config; where that cannot be read, the one at LAST, and where there is none, what is wrong."""
    try:
        return _InForce(config=await repo.config_at(base), sha=base)
    except ConfigInvalid as invalid:
        last = await repo.store.branches.last_of_branch(repo.id, pull_request.base_branch)
        if last is None or not await repo.mirror.has(last.sha):
            return invalid
        try:
            return _InForce(config=await repo.config_at(last.sha), sha=last.sha, instead_of=invalid)
        except ConfigInvalid:
            return invalid


async def _prepare_mending(
    repo: FetchedRepo, run: Run, pull_request: KnownPullRequest, invalid: ConfigInvalid, part: Part
) -> Part:
    """A pull request into a base under which nothing can be planned: one that mends the config alone passes."""
    waiting = await _not_vouched(repo, run, pull_request, (), part)
    if waiting is not None:
        return waiting
    tree = await _merged(repo.mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        return msgspec.structs.replace(part, refused=_conflict(tree, pull_request, part))
    changed = await repo.mirror.changed_paths(part.base_sha, tree)
    proposed = await _proposed(repo, changed, tree)
    match proposed:
        case None:
            return msgspec.structs.replace(part, refused=str(invalid))
        case ConfigInvalid():
            return msgspec.structs.replace(part, tree=tree, refused=str(proposed), diagnostics=_at_lines(proposed))
        case Survey() if others := sorted(path for path in changed if not is_config(path)):
            refused = (
                f"the config of {pull_request.base_branch} cannot be used ({invalid}), so nothing can be planned under "
                f"it: mend {CONFIG_PATH} in a pull request of its own first; this one changes `{others[0]}`, too"
            )
            return msgspec.structs.replace(part, tree=tree, refused=refused)
        case Survey(misplaced=Problem() as misplaced):
            return msgspec.structs.replace(part, tree=tree, refused=str(misplaced))
        case Survey():
            named = proposed.config.environment_of_branch(pull_request.base_branch)
            then = (
                f"{pull_request.base_branch} is no environment's branch under it."
                if named is None
                else f"The environment {named.name} is new then: its first push is held until somebody with the role "
                "maintain or admin allows it."
            )
            return msgspec.structs.replace(
                part, tree=tree, notes=(f"Nothing is planned: {_mends(pull_request, invalid)}. {then}",)
            )
        case _ as never:
            assert_never(never)


def _mends(pull_request: KnownPullRequest, invalid: ConfigInvalid) -> str:
    return f"the config of {pull_request.base_branch} cannot be used ({invalid}), and merging this mends it"


def _mended(pull_request: KnownPullRequest, in_force: _InForce) -> str:
    invalid = in_force.instead_of
    assert invalid is not None
    return f"Planned under the config of {short(in_force.sha)}: {_mends(pull_request, invalid)}"


def _not_in_force(environment: BranchEnvironment) -> str:
    return (
        f"Not planned yet: the environment {environment.name} is new, and not in force. Somebody with the role "
        f"maintain or admin has to allow it: press Apply on planward/apply ({environment.name}) at the tip of "
        f"{environment.branch}, then Re-run here."
    )


async def _with_commits_of(repo: Repo, run: Run) -> FetchedRepo:
    """The mirror as it was fetched when the run was announced; fetched here where that was elsewhere."""
    commits = {run.head_sha, *run.plan.bases.values()}
    if run.group is not None:
        commits.add(run.group.config_sha)
    return await repo.with_commits(*commits, pull_requests=numbers_of(run))


async def _not_vouched(
    repo: FetchedRepo, run: Run, pull_request: KnownPullRequest, trusted_bots: Collection[str], part: Part
) -> Part | None:
    """The part where nobody vouches for the code; None where somebody does."""
    vouched = await _vouch(repo, run, pull_request, trusted_bots)
    if isinstance(vouched, gate.Refuse):
        return msgspec.structs.replace(part, refused=vouched.cause)
    if isinstance(vouched, gate.Hold):
        paste = f"planward approve {run.head_sha}"
        return msgspec.structs.replace(part, held=vouched.cause, button=vouched.button, paste=paste)
    return None


def _conflict(conflict: Conflict, pull_request: KnownPullRequest, part: Part) -> str:
    files = ", ".join(f"`{path}`" for path in conflict.paths[:5]) + (" …" if len(conflict.paths) > 5 else "")
    base = pull_request.base_branch
    return (
        f"Conflict with {base} at {short(part.base_sha)} in {files}: merge {base} into the pull request and resolve it."
    )


async def _prepare_part(
    repo: FetchedRepo,
    run: Run,
    pull_request: KnownPullRequest,
    in_force: _InForce,
    environment: BranchEnvironment,
    part: Part,
) -> Part:
    config = in_force.config
    if pull_request.draft and config.drafts == "skip":
        return msgspec.structs.replace(part, held="A draft: it is planned when it is marked ready for review.")
    waiting = await _not_vouched(repo, run, pull_request, config.trusted_bots, part)
    if waiting is not None:
        return waiting
    tree = await _merged(repo.mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        return msgspec.structs.replace(part, refused=_conflict(tree, pull_request, part))
    changed = await repo.mirror.changed_paths(part.base_sha, tree)
    proposed = await _proposed(repo, changed, tree)
    invalid = proposed if isinstance(proposed, ConfigInvalid) else None
    refused = None if invalid is None else str(invalid)
    part = msgspec.structs.replace(part, tree=tree, diagnostics=() if invalid is None else _at_lines(invalid))
    broken = in_force.instead_of or (ConfigInvalid(config.unimplemented) if config.unimplemented else None)
    if broken is not None and not isinstance(proposed, Survey):
        return msgspec.structs.replace(part, refused=refused or str(broken))
    preview_in: EnvironmentName | None = None
    if environment.promote_from is not None:
        decision = await check_promotion(repo, config.branch_environments[environment.promote_from], tree)
        if isinstance(decision, gate.Refuse):
            refused = refused or decision.cause
        else:
            preview_in = environment.name
    survey = await survey_tree(repo, config, tree)
    repo.services.surveys.keep(run.id, part.config_sha, tree, survey)
    before = await survey_tree(repo, config, part.base_sha)
    found = await asyncio.to_thread(survey.touched, TESTING, changed, before)
    misplaced = None if survey.misplaced is None else str(survey.misplaced)
    refused = refused or misplaced or await asyncio.to_thread(survey.not_supported, changed, found, before)
    after = proposed if isinstance(proposed, Survey) else None
    # Also where the target is not planned here: its apply would fail after the merge.
    in_target = await asyncio.to_thread(survey.touched, environment.name, changed)
    refused = refused or cannot_run(after or survey, environment.name, in_target.dirs)
    refused = refused or (None if after is None else broken_by(before, after))
    preview: tuple[tuple[str, ...], ...] = ()
    if preview_in is not None:
        last = await repo.store.branches.last(repo.id, preview_in)
        since = await repo.mirror.changed_paths(part.base_sha if last is None else last.sha, tree)
        dirs = (
            *(await asyncio.to_thread(survey.touched, preview_in, since)).dirs,
            *run_otherwise(preview_in, before, after),
        )
        preview = await asyncio.to_thread(survey.layers, preview_in, known_to(survey, preview_in, dirs))
    dirs = (*found.dirs, *run_otherwise(TESTING, before, after))
    return msgspec.structs.replace(
        part,
        layers=await asyncio.to_thread(survey.layers, TESTING, known_to(survey, TESTING, dirs)),
        preview_layers=preview,
        refused=refused,
        notes=(
            *((_mended(pull_request, in_force),) if in_force.instead_of else ()),
            *(() if after is None else changed_config(config, after.config)),
            *left_behind(found, survey, after),
            *not_planned_yet(survey, after),
        ),
    )


async def _proposed(repo: FetchedRepo, changed: Collection[str], tree: TreeId) -> Survey | ConfigInvalid | None:
    """The tree under the config that a pull request changes, or what is wrong with it; the base's is in force."""
    if CONFIG_PATH not in changed:
        return None
    try:
        return await survey_tree(repo, await repo.proposed_config(tree), tree)
    except ConfigInvalid as invalid:
        return invalid


def _at_lines(invalid: ConfigInvalid) -> tuple[Diagnostic, ...]:
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


async def _merged(mirror: Mirror, run: Run, base_sha: CommitSha) -> TreeId | Conflict:
    """The tree that merging gives; a merge queue's commit is the merge."""
    if run.group is not None:
        return await mirror.tree_of(run.head_sha)
    return await mirror.merge_tree(base_sha, run.head_sha)


async def _vouch(
    repo: Repo,
    run: Run,
    pull_request: KnownPullRequest,
    trusted_bots: Collection[str],
) -> gate.Vouched | gate.Hold | gate.Refuse:
    if run.group is not None:
        said = await repo.store.pull_requests.newest_verdict(
            repo.id,
            pull_request.number,
            base_branch=pull_request.base_branch,
            head_sha=pull_request.head_sha,
            finished=True,
        )
        passed = said is not None and said.conclusion == "success"
        return gate.vouch_group(number=pull_request.number, passed=passed)
    approvals = await repo.store.approvals.for_pull_request(
        repo.id,
        pull_request.head_sha,
        number=pull_request.number,
        base_branch=pull_request.base_branch,
        kind="approve_plan",
    )
    same_repository = pull_request.head_repository_id == repo.id
    can_write, pusher = False, None
    if same_repository and not pull_request.author_is_bot and not approvals:
        github = await repo.github()
        author = Person(login=pull_request.author, id=pull_request.author_id)
        can_write = await github.role_of(author) >= Role.WRITE
    if same_repository and not approvals:
        pusher = await _pusher_who_may_not_vouch(repo, pull_request, trusted_bots)
    return gate.vouch(
        author=pull_request.author,
        same_repository=same_repository,
        author_is_bot=pull_request.author_is_bot,
        author_can_write=can_write,
        trusted_bots=trusted_bots,
        pushed_by=pusher,
        approved_by=approvals[-1].by if approvals else None,
    )


async def check_promotion(
    repo: FetchedRepo,
    before: BranchEnvironment,
    tree: TreeId,
) -> gate.Clear | gate.Refuse:
    """Compare the tree that a pull request brings with those that the environment before has applied."""
    branches = repo.store.branches
    same = await branches.with_tree(repo.id, before.name, tree)
    applied = await branches.last_applied(repo.id, before.name)
    last = await branches.last(repo.id, before.name)
    tip = await repo.mirror.tip(before.branch)
    return gate.decide_promotion(
        gate.PromotionFacts(
            before=before.name,
            tree=tree,
            applied_trees=frozenset(each.tree for each in same if each.applied),
            adopted_trees=frozenset(each.tree for each in same if not each.applied),
            last_applied=short(applied.sha) if applied is not None else None,
            tip=tip or "",
            tip_in_progress=last is not None and tip is not None and tip != last.sha,
        )
    )


async def _pusher_who_may_not_vouch(
    repo: Repo, pull_request: KnownPullRequest, trusted_bots: Collection[str]
) -> str | None:
    """Who pushed this head and could not vouch for it: somebody without write access, or a bot that is not trusted."""
    found = await repo.store.commit_people.pushes(repo.id, [pull_request.head_sha], [head_of(pull_request.number)])
    pushers = {push.pusher_id: push.pusher for push in found if push.after == pull_request.head_sha and push.pusher_id}
    github = await repo.github()
    for id, login in pushers.items():
        if id == pull_request.author_id or login in trusted_bots:
            continue
        if login.endswith("[bot]") or await github.role_of(Person(login=login, id=id)) < Role.WRITE:
            return login
    return None
