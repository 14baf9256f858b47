"""The story of a pull request: announced at once, planned from the merge result, judged, shown.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
"""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec

from checks import gate
from checks.diagnostic import Diagnostic
from checks.errors import ConfigurationError
from checks.report import Conclusion, RootReport, RunReport
from ghapp.durable import side_by_side, step
from ghapp.errors import JobError
from ghapp.events import Person, PullRequestChanged
from ghapp.flows import promotion, telling
from ghapp.flows.branch import is_named
from ghapp.flows.ending import end_plan
from ghapp.flows.ground import (
    Ground,
    adopt,
    as_known,
    blob_url,
    config_at,
    fetch,
    github_of,
    proposed_config,
    see_repository,
    short,
    survey,
)
from ghapp.flows.reconfigured import known_to, left_behind, not_planned_yet, run_otherwise
from ghapp.flows.root_module import RootJob, RootOutcome, run_root_module
from ghapp.flows.showing import PLAN, announce, complete, show_progress
from ghapp.git import Conflict, GitError, Mirror, MissingObject
from ghapp.github import Role
from ghapp.jobs import PlanAnew, PlanRun
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, Environment, RepositoryConfig
from ghapp.services import Services
from ghapp.store import KnownPullRequest, KnownRepository, Run
from ghapp.values import TESTING, CommitSha, EnvironmentName, RunId, TreeId


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What came of announcing: the run to carry out now, if there is one."""

    run_id: RunId | None
    wait_s: float = 0


async def pull_request_changed(services: Services, event: PullRequestChanged, key: str) -> None:
    """A pull request was opened, pushed to, reopened, made ready, or given another base."""
    announced = await step("announce", Announced, _announce_event, services, event, key)
    await _go_on(services, announced)


async def plan_anew(services: Services, job: PlanAnew) -> None:
    """Plan an open pull request anew, by ourselves or because somebody asked for it."""
    announced = await step("announce", Announced, _announce_anew, services, job)
    await _go_on(services, announced)


async def plan_run(services: Services, job: PlanRun) -> None:
    """Carry out a run that was announced before."""
    await carry_out(services, job.run_id)


async def _go_on(services: Services, announced: Announced) -> None:
    if announced.run_id is None:
        return
    if announced.wait_s:
        return  # the row of `later` carries it out
    await carry_out(services, announced.run_id)


# --- announce --------------------------------------------------------------------------------------------------------


async def _announce_event(services: Services, event: PullRequestChanged, key: str) -> Announced:
    repository = await see_repository(services, event.repository, event.installation_id)
    seen = KnownPullRequest(
        repository_id=repository.id,
        number=event.number,
        state="open",
        head_sha=event.head.sha,
        head_repository_id=event.head.repository_id,
        base_branch=event.base.ref,
        url=event.url,
        author=event.author.login,
        author_id=event.author.id,
        author_is_bot=event.author.is_bot,
        draft=event.draft,
        title=event.title,
    )
    try:
        mirror = await fetch(services, repository, pull_requests=[event.number])
        if not await _is_news(services, mirror, seen):
            now = await (await github_of(services, repository)).pull_request(event.number)
            if now is None or not now.is_open or now.head.sha != event.head.sha:
                return Announced(run_id=None)
            seen = as_known(repository, now)
        await services.store.pull_requests.see(seen)
        return await _announce(services, repository, mirror, seen, key, wait_s=0)
    except GitError as error:
        return await _refuse(services, repository, seen, event.base.sha, key, str(error))


async def _is_news(services: Services, mirror: Mirror, seen: KnownPullRequest) -> bool:
    """Whether a delivery fits what is known already. They come in any order: another may be older than what came."""
    if await mirror.pull_request_head(seen.number) not in (None, seen.head_sha):
        return False
    known = await services.store.pull_requests.find(seen.repository_id, seen.number)
    return known is None or (known.state, known.base_branch) == ("open", seen.base_branch)


async def _announce_anew(services: Services, job: PlanAnew) -> Announced:
    repository = await services.store.repositories.load(job.repository_id)
    pull_request = await services.store.pull_requests.find(job.repository_id, job.number)
    if pull_request is None or pull_request.state != "open" or not repository.active:
        return Announced(run_id=None)
    mirror = await fetch(services, repository, pull_requests=[job.number])
    wait_s = services.settings.debounce_s if job.debounced else 0
    return await _announce(services, repository, mirror, pull_request, job.key, wait_s=wait_s)


async def _refuse(
    services: Services,
    repository: KnownRepository,
    pull_request: KnownPullRequest,
    base_sha: CommitSha,
    key: str,
    cause: str,
) -> Announced:
    """Say on the pull request why not even its environment could be found out."""
    run = await services.store.runs.begin(
        Run(
            id=_run_id(key),
            repository_id=repository.id,
            operation="plan",
            environment=EnvironmentName(pull_request.base_branch),
            branch=pull_request.base_branch,
            head_sha=pull_request.head_sha,
            base_sha=base_sha,
            pull_request=pull_request.number,
            attempt=0,
            check_run_name=PLAN,
            data={"bases": {str(pull_request.number): base_sha}, "job": key},
        )
    )
    run = await announce(services, repository, run, status="in_progress", summary="Fetching the repository")
    await judge_all(services, run, "failure")
    await complete(
        services, repository, run, [_report(services, repository, run, "failure", cause)], conclusion="failure"
    )
    return Announced(run_id=None)


def _run_id(key: str) -> RunId:
    return RunId(hashlib.sha256(key.encode()).hexdigest()[:24])


async def _announce(
    services: Services,
    repository: KnownRepository,
    mirror: Mirror,
    pull_request: KnownPullRequest,
    key: str,
    *,
    wait_s: float,
) -> Announced:
    """Make the check run appear, take older ones out of force, and say what to carry out."""
    base_sha = await mirror.tip(pull_request.base_branch)
    if base_sha is None:
        return Announced(run_id=None)
    try:
        config = await config_at(mirror, repository, base_sha)
    except ConfigInvalid:
        environment_name = EnvironmentName(pull_request.base_branch)
    else:
        environment = config.environment_of_branch(pull_request.base_branch)
        if environment is not None and not await is_named(services, repository, mirror, pull_request.base_branch):
            environment = None  # a branch does not make itself an environment's
        if environment is not None:
            await adopt(services, repository, mirror, config)
        if environment is None:
            await _end_runs_of(services, pull_request, by="its base is no environment's branch any more")
            return Announced(run_id=None)
        environment_name = environment.name
    sharing = await services.store.pull_requests.open_with_head(repository.id, pull_request.head_sha)
    bases = {str(pull_request.number): base_sha}
    for each in sharing:
        tip = await mirror.tip(each.base_branch)
        if tip is not None:
            bases[str(each.number)] = tip
    before = await services.store.runs.of_head(repository.id, pull_request.head_sha, PLAN)
    run_id = _run_id(key)
    run = await services.store.runs.begin(
        Run(
            id=run_id,
            repository_id=repository.id,
            operation="plan",
            environment=environment_name,
            branch=pull_request.base_branch,
            head_sha=pull_request.head_sha,
            base_sha=base_sha,
            pull_request=pull_request.number,
            attempt=len([run for run in before if run.id != run_id]),
            check_run_name=PLAN,
            data={"bases": bases, "debounced": bool(wait_s), "job": key},
        )
    )
    if run.status == "completed":
        return Announced(run_id=None)
    await _supersede(services, run)
    await judge_all(services, run, "in_progress")
    run = await announce(
        services,
        repository,
        run,
        status="in_progress" if wait_s else "queued",
        summary="Waiting for a moment, then planned anew: the base branch moved" if wait_s else "Waiting to be planned",
    )
    if wait_s:
        await services.store.later.put(
            f"plan:{run.repository_id}:{run.pull_request}", msgspec.to_builtins(PlanRun(run_id=run.id)), in_s=wait_s
        )
    return Announced(run_id=run.id, wait_s=wait_s)


async def _supersede(services: Services, run: Run) -> None:
    """End the unfinished runs that this one takes the place of: of its pull requests, and of its head."""
    older = list(await services.store.runs.of_head(run.repository_id, run.head_sha, PLAN))
    for number in _numbers(run):
        older += await services.store.runs.of_pull_request(run.repository_id, number)
    for each in older:
        if each.id != run.id and each.created_at <= run.created_at:
            by = "planned anew" if each.head_sha == run.head_sha else f"a newer commit arrived: {short(run.head_sha)}"
            await end_plan(services, each, by=by)


async def _end_runs_of(services: Services, pull_request: KnownPullRequest, *, by: str) -> None:
    for run in await services.store.runs.of_pull_request(pull_request.repository_id, pull_request.number):
        await end_plan(services, run, by=by)


async def judge_all(services: Services, run: Run, conclusion: str) -> None:
    """Note what `planward/plan` says of all that the run is about."""
    for number in _numbers(run):
        pull_request = await services.store.pull_requests.find(run.repository_id, number)
        if pull_request is not None and still_about(run, pull_request):
            await judge_head(services, run, pull_request, conclusion)


def _numbers(run: Run) -> tuple[int, ...]:
    """The open pull requests that shared the head when the run was announced."""
    return tuple(sorted(int(number) for number in run.data["bases"]))


def decided_sha(run: Run) -> CommitSha:
    """The commit about which people decide: the head of the pull request, also where a queue made a group of it."""
    group = run.data.get("group")
    return run.head_sha if group is None else CommitSha(group["head_sha"])


def still_about(run: Run, pull_request: KnownPullRequest) -> bool:
    """Whether a pull request is open and still has the head that the run is about."""
    return pull_request.state == "open" and pull_request.head_sha == decided_sha(run)


async def judge_head(services: Services, run: Run, pull_request: KnownPullRequest, conclusion: str) -> None:
    """Note what `planward/plan` says of this pull request on the run's commit."""
    await services.store.pull_requests.judge(
        run.repository_id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=run.head_sha,
        base_sha=run.data["bases"][str(pull_request.number)],
        run_id=run.id,
        conclusion=conclusion,
    )


# --- carry out -------------------------------------------------------------------------------------------------------


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
    diagnostics: tuple[Diagnostic, ...] = ()
    """What is wrong with the config as the pull request would have it."""


async def carry_out(services: Services, run_id: RunId) -> None:
    """Plan, judge and show one announced run."""
    parts = await step("prepare", tuple[Part, ...], _prepare, services, run_id)
    outcomes: list[RootOutcome] = []
    for part in parts:
        for environment, part_layers in ((TESTING, part.layers), (part.environment, part.preview_layers)):
            outcomes += await _plan_layers(services, run_id, part, environment, part_layers)
    await step("conclude", type(None), _conclude, services, run_id, parts, tuple(outcomes))


async def _plan_layers(
    services: Services,
    run_id: RunId,
    part: Part,
    environment: EnvironmentName,
    part_layers: Sequence[Sequence[str]],
) -> list[RootOutcome]:
    outcomes: list[RootOutcome] = []
    for layer in part_layers:
        jobs = [
            RootJob(
                run_id=run_id,
                part=f"{part.pull_request}:{environment}",
                environment=environment,
                tree=part.tree,
                config_sha=part.config_sha,
                root_module=root_module,
                operation="plan",
                blocked_by=_failed_below(outcomes),
            )
            for root_module in layer
        ]
        outcomes += await side_by_side(
            [step(f"plan {job.part} {job.root_module}", RootOutcome, run_root_module, services, job) for job in jobs]
        )
    return outcomes


def _failed_below(outcomes: Sequence[RootOutcome]) -> tuple[str, ...]:
    return tuple(outcome.root_module for outcome in outcomes if outcome.outcome not in ("planned", "applied"))


async def _prepare(services: Services, run_id: RunId) -> tuple[Part, ...]:
    """Decide for each pull request what is planned: who vouches for it, what it merges to, what it touches."""
    run = await services.store.runs.load(run_id)
    if run.status == "completed" or run.ended_by is not None:
        return ()
    repository = await services.store.repositories.load(run.repository_id)
    await show_progress(services, repository, run, "Planning")
    mirror = await fetch(services, repository, pull_requests=_numbers(run))
    parts = []
    for number in _numbers(run):
        pull_request = await services.store.pull_requests.find(run.repository_id, number)
        if pull_request is None or not still_about(run, pull_request):
            continue
        base_sha = CommitSha(run.data["bases"][str(number)])
        # What a merge queue builds on may not be merged yet: its config is not in force.
        config_sha = CommitSha(run.data.get("group", {}).get("config_sha", base_sha))
        part = Part(pull_request=number, environment=run.environment, base_sha=base_sha, config_sha=config_sha)
        try:
            config = await config_at(mirror, repository, config_sha)
            environment = config.environment_of_branch(pull_request.base_branch)
            if environment is None or not await is_named(services, repository, mirror, pull_request.base_branch):
                continue
            part = msgspec.structs.replace(part, environment=environment.name)
            parts.append(
                await _prepare_part(services, repository, mirror, run, pull_request, config, environment, part)
            )
        except (JobError, ConfigurationError) as error:
            parts.append(msgspec.structs.replace(part, refused=str(error)))
    planned = {root for part in parts for layer in (*part.layers, *part.preview_layers) for root in layer}
    await services.store.runs.remember(run_id, root_modules=sorted(planned))
    return tuple(parts)


async def _prepare_part(
    services: Services,
    repository: KnownRepository,
    mirror: Mirror,
    run: Run,
    pull_request: KnownPullRequest,
    config: RepositoryConfig,
    environment: Environment,
    part: Part,
) -> Part:
    if pull_request.draft and config.drafts == "skip":
        return msgspec.structs.replace(part, held="A draft: it is planned when it is marked ready for review.")
    vouched = await _vouch(services, repository, run, pull_request, config)
    if isinstance(vouched, gate.Refuse):
        return msgspec.structs.replace(part, refused=vouched.cause)
    if isinstance(vouched, gate.Hold):
        paste = f"planward approve {run.head_sha}"
        return msgspec.structs.replace(part, held=vouched.cause, button=vouched.button, paste=paste)
    tree = await _merged(mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        files = ", ".join(f"`{path}`" for path in tree.paths[:5]) + (" …" if len(tree.paths) > 5 else "")
        return msgspec.structs.replace(
            part,
            refused=f"Conflict with {pull_request.base_branch} at {short(part.base_sha)} in {files}: "
            f"merge {pull_request.base_branch} into the pull request and resolve it.",
        )
    proposed = await _proposed(services, repository, mirror, part.base_sha, tree)
    invalid = proposed if isinstance(proposed, ConfigInvalid) else None
    refused = None if invalid is None else str(invalid)
    part = msgspec.structs.replace(part, tree=tree, diagnostics=() if invalid is None else _at_lines(invalid))
    preview_in: EnvironmentName | None = None
    if environment.promote_from is not None:
        decision = await promotion.judge(services, repository, mirror, config, environment, tree)
        if isinstance(decision, gate.Refuse):
            refused = refused or decision.cause
        else:
            preview_in = environment.name
    ground = await survey(services, mirror, config, tree)
    before = await survey(services, mirror, config, part.base_sha)
    found = ground.touched(TESTING, await mirror.changed_paths(part.base_sha, tree), before)
    after = proposed if isinstance(proposed, Ground) else None
    preview: tuple[tuple[str, ...], ...] = ()
    if preview_in is not None:
        last = await services.store.branches.last(repository.id, preview_in)
        since = await mirror.changed_paths(part.base_sha if last is None else last.sha, tree)
        dirs = (*ground.touched(preview_in, since).dirs, *run_otherwise(preview_in, before, after))
        preview = ground.layers(preview_in, known_to(ground, preview_in, dirs))
    dirs = (*found.dirs, *run_otherwise(TESTING, before, after))
    return msgspec.structs.replace(
        part,
        layers=ground.layers(TESTING, known_to(ground, TESTING, dirs)),
        preview_layers=preview,
        refused=refused,
        notes=(*left_behind(found, ground, after), *not_planned_yet(ground, after)),
    )


async def _proposed(
    services: Services, repository: KnownRepository, mirror: Mirror, base_sha: CommitSha, tree: TreeId
) -> Ground | ConfigInvalid | None:
    """The tree under the config that a pull request changes, or what is wrong with it; the base's is in force."""
    if CONFIG_PATH not in await mirror.changed_paths(base_sha, tree):
        return None
    try:
        return await survey(services, mirror, await proposed_config(mirror, repository, tree), tree)
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
    if run.data.get("group") is not None:
        return await mirror.tree_of(run.head_sha)
    return await mirror.merge_tree(base_sha, run.head_sha)


async def _vouch(
    services: Services,
    repository: KnownRepository,
    run: Run,
    pull_request: KnownPullRequest,
    config: RepositoryConfig,
) -> gate.Vouched | gate.Hold | gate.Refuse:
    if run.data.get("group") is not None:
        said = await services.store.pull_requests.verdicts(
            repository.id,
            pull_request.number,
            base_branch=pull_request.base_branch,
            head_sha=pull_request.head_sha,
        )
        finished = [verdict.conclusion for verdict in said if verdict.conclusion != "in_progress"]
        return gate.vouch_group(number=pull_request.number, passed=finished[:1] == ["success"])
    approvals = await services.store.approvals.of(
        repository.id, pull_request.head_sha, kind="approve_plan", environment=TESTING
    )
    same_repository = pull_request.head_repository_id == repository.id
    can_write = False
    if same_repository and not pull_request.author_is_bot and not approvals:
        github = await github_of(services, repository)
        author = Person(login=pull_request.author, id=pull_request.author_id)
        can_write = await github.role_of(author) >= Role.WRITE
    return gate.vouch(
        author=pull_request.author,
        same_repository=same_repository,
        author_is_bot=pull_request.author_is_bot,
        author_can_write=can_write,
        trusted_bots=config.trusted_bots,
        approved_by=approvals[-1].by if approvals else None,
    )


# --- conclude --------------------------------------------------------------------------------------------------------


async def _conclude(services: Services, run_id: RunId, parts: Sequence[Part], outcomes: Sequence[RootOutcome]) -> None:
    """Turn what was found into verdicts and the check run's conclusion."""
    run = await services.store.runs.load(run_id)
    if run.status == "completed":
        return
    repository = await services.store.repositories.load(run.repository_id)
    if run.ended_by is not None or not parts:
        cause = f"Cancelled: {run.ended_by or 'the pull request was closed'}"
        await complete(
            services, repository, run, [_report(services, repository, run, "cancelled", cause)], conclusion="cancelled"
        )
        return
    reports = {
        key: msgspec.json.decode(raw, type=RootReport)
        for key, raw in (await services.store.runs.root_reports(run_id)).items()
    }
    judged: list[tuple[Part, RunReport, tuple[str, ...]]] = []
    for part in parts:
        own = [outcome for outcome in outcomes if outcome.part.startswith(f"{part.pull_request}:")]
        decision = await _decide(services, run, part, own)
        conclusion, why, button = _in_words(decision, own)
        roots = tuple(reports[(outcome.part, outcome.root_module)] for outcome in own if outcome.environment == TESTING)
        previews = tuple(
            reports[(outcome.part, outcome.root_module)] for outcome in own if outcome.environment != TESTING
        )
        notes = (*part.notes, *_notes(own))
        report = _report(
            services, repository, run, conclusion, why, notes=notes, roots=roots, previews=previews, paste=part.paste
        )
        report = msgspec.structs.replace(report, diagnostics=part.diagnostics)
        if button == "confirm_destroy":
            report = msgspec.structs.replace(report, paste=f"planward confirm {run.head_sha}")
        judged.append((part, report, (button,) if button else ()))
    judged.sort(key=lambda each: _WORST_FIRST.index(each[1].conclusion))
    await services.store.runs.remember(run.id, digests=sorted({each.digest for each in outcomes if each.digest}))
    for part, report, _ in judged:
        pull_request = await services.store.pull_requests.find(run.repository_id, part.pull_request)
        if pull_request is not None and still_about(run, pull_request):
            await judge_head(services, run, pull_request, report.conclusion)
    worst = judged[0][1].conclusion
    shown = [report for _, report, _ in judged]
    if len(judged) > 1:
        shown = [msgspec.structs.replace(report, pull_request=part.pull_request) for part, report, _ in judged]
    buttons = tuple(dict.fromkeys(button for _, _, own in judged for button in own))
    if run.data.get("group") is None:
        for part, report, _ in judged:
            await telling.planned(
                services,
                repository,
                run,
                report,
                number=part.pull_request,
                environment=part.environment,
                config_sha=part.config_sha,
            )
    changed_lines = await _changed_lines(services, run, parts)
    await complete(services, repository, run, shown, conclusion=worst, buttons=buttons, changed_lines=changed_lines)


async def _changed_lines(services: Services, run: Run, parts: Sequence[Part]) -> dict[str, list[range]]:
    """The lines that the pull requests change, as they are after the merge."""
    mirror = services.mirrors.open(run.repository_id)
    assert mirror is not None
    found: dict[str, list[range]] = {}
    for part in parts:
        if part.tree:
            with contextlib.suppress(MissingObject):  # the base was forced away meanwhile: then in any order
                for path, lines in (await mirror.changed_lines(part.base_sha, part.tree)).items():
                    found.setdefault(path, []).extend(lines)
    return found


_WORST_FIRST: tuple[Conclusion, ...] = ("failure", "timed_out", "cancelled", "action_required", "success")


async def _decide(
    services: Services, run: Run, part: Part, outcomes: Sequence[RootOutcome]
) -> gate.Clear | gate.Hold | gate.Refuse:
    if part.held is not None:
        return gate.Hold(cause=part.held, button=part.button)
    if part.refused is not None and not outcomes:
        return gate.Refuse(cause=part.refused)
    repository = await services.store.repositories.load(run.repository_id)
    mirror = services.mirrors.open(run.repository_id)
    assert mirror is not None
    config = await config_at(mirror, repository, part.config_sha)
    head_sha = decided_sha(run)
    confirmed = await services.store.approvals.of(
        run.repository_id, head_sha, kind="confirm_destroy", environment=TESTING
    )
    decision = gate.decide_merge(
        roots=[outcome.verdict() for outcome in outcomes],
        confirmed_digests={digest for approval in confirmed for digest in approval.digests},
        policies=config.policies,
        testing_apply=config.environments[TESTING].apply,
    )
    if part.refused is not None and not isinstance(decision, gate.Refuse):
        return gate.Refuse(cause=part.refused)
    rejected = await services.store.approvals.of(run.repository_id, head_sha, kind="reject", environment=TESTING)
    if rejected and not isinstance(decision, gate.Refuse):
        return gate.Refuse(cause=f"Rejected by {rejected[-1].by}: push another commit to go on.")
    if isinstance(decision, gate.Hold) and run.data.get("group") is not None:
        # Nobody looks at a queue's commit: what has to be decided is decided on the pull request.
        return gate.Refuse(
            cause=f"{decision.cause.rstrip('.')}: bring #{part.pull_request} up to date, decide it there, and queue it "
            "again."
        )
    return decision


def _in_words(
    decision: gate.Clear | gate.Hold | gate.Refuse, outcomes: Sequence[RootOutcome]
) -> tuple[Conclusion, str | None, str | None]:
    match decision:
        case gate.Clear():
            return "success", None, None
        case gate.Hold(cause=cause, button=button):
            return "action_required", cause, button
        case gate.Refuse(cause=cause):
            bad = [outcome.outcome for outcome in outcomes if outcome.outcome in ("failed", "timed_out")]
            return ("timed_out" if bad and set(bad) == {"timed_out"} else "failure"), cause, None


def _notes(outcomes: Sequence[RootOutcome]) -> tuple[str, ...]:
    empty = [outcome for outcome in outcomes if outcome.environment == TESTING and outcome.state_empty]
    if not empty:
        return ()
    return (
        'The state of testing is empty, so all is "to add". '
        "`testing: {apply: on_merge}` in .github/planward.yml keeps testing at what was merged.",
    )


def _report(
    services: Services,
    repository: KnownRepository,
    run: Run,
    conclusion: Conclusion,
    cause: str | None,
    *,
    notes: tuple[str, ...] = (),
    roots: tuple[RootReport, ...] = (),
    previews: tuple[RootReport, ...] = (),
    paste: str | None = None,
) -> RunReport:
    return RunReport(
        operation="plan",
        environment=TESTING,
        repository=repository.full_name,
        commit_sha=run.head_sha,
        conclusion=conclusion,
        cause=cause,
        notes=notes,
        roots=roots,
        previews=previews,
        paste=paste,
        blob_url=blob_url(repository, run.head_sha),
        run_url=services.run_url(run.id),
    )
