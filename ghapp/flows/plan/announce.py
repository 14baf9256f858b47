"""Announce a plan run: create its check run, cancel older runs, and enqueue the plan."""

from functools import partial

import msgspec

from ghapp.errors import Unavailable
from ghapp.events import PullRequestChanged
from ghapp.flows.check_run import PLAN, announce, cancel_plan, complete_check_run, run_id_for, run_report
from ghapp.flows.environments import adopt, is_environment_branch
from ghapp.flows.plan.heads import numbers_of, record_started, record_verdicts
from ghapp.flows.repository import FetchedRepo, Repo, known_pull_request, load_repo, record_repo, short
from ghapp.git import GitError
from ghapp.jobs import PlanRun, Replan
from ghapp.repository_config import ConfigInvalid
from ghapp.services import Services
from ghapp.store import KnownPullRequest, PlanState, Run
from ghapp.store.commit_people import head_of
from ghapp.values import NO_COMMIT, CommitSha, EnvironmentName


async def announce_event(services: Services, event: PullRequestChanged, key: str) -> None:
    """Announce the plan for a delivery, unless the pull request is closed or has a newer head by now."""
    repo = await record_repo(services, event.repository, event.installation_id)
    seen = known_pull_request(repo.id, event)
    await _record_pusher(repo, event)
    try:
        repo = await repo.fetch(pull_requests=[event.number])
        if not await _is_current(repo, seen):
            now = await (await repo.github()).pull_request(event.number)
            if now is None or not now.is_open or now.head.sha != event.head.sha:
                return
            seen = known_pull_request(repo.id, now)
        await services.store.pull_requests.record(seen)
        await _announce(repo, seen, key)
    except Unavailable:
        raise
    except GitError as error:
        await _refuse(repo, seen, event.base.sha, key, str(error))


async def _record_pusher(repo: Repo, event: PullRequestChanged) -> None:
    """Record who pushed a head. For forks, there is no other source for that."""
    if event.action == "synchronize" or (event.action == "opened" and event.from_fork):
        known = await repo.store.pull_requests.find(repo.id, event.number)
        before = NO_COMMIT if known is None or known.head_sha == event.head.sha else known.head_sha
        await repo.store.branches.record_push(
            repo.id, head_of(event.number), before, event.head.sha, event.sender.login, event.sender.id or None
        )


async def _is_current(repo: FetchedRepo, seen: KnownPullRequest) -> bool:
    """Whether a delivery still agrees with the mirror and the recorded state: deliveries arrive in any order."""
    if await repo.mirror.pull_request_head(seen.number) not in (None, seen.head_sha):
        return False
    known = await repo.store.pull_requests.find(seen.repository_id, seen.number)
    return known is None or (known.state, known.base_branch) == ("open", seen.base_branch)


async def announce_replan(services: Services, job: Replan) -> None:
    """Announce a new plan of a pull request that is still open."""
    repo = await load_repo(services, job.repository_id)
    pull_request = await services.store.pull_requests.find(job.repository_id, job.number)
    if pull_request is None or pull_request.state != "open" or not repo.known.active:
        return
    repo = await repo.fetch(pull_requests=[job.number])
    await _announce(repo, pull_request, job.key, debounced=job.debounced)


async def _refuse(
    repo: Repo,
    pull_request: KnownPullRequest,
    base_sha: CommitSha,
    key: str,
    cause: str,
) -> None:
    """Show on the pull request why the repository could not be fetched or read."""
    if await repo.store.pull_requests.find(repo.id, pull_request.number) is None:
        # Without the record, "Re-run" would find no pull request to plan again.
        await repo.store.pull_requests.record(pull_request)
    run = await repo.store.runs.begin(
        Run(
            id=run_id_for(key),
            repository_id=repo.id,
            operation="plan",
            environment=EnvironmentName(pull_request.base_branch),
            branch=pull_request.base_branch,
            head_sha=pull_request.head_sha,
            base_sha=base_sha,
            pull_request=pull_request.number,
            attempt=0,
            check_run_name=PLAN,
            state=PlanState(bases={pull_request.number: base_sha}, job=key),
        )
    )
    run = await announce(repo, run, status="in_progress", summary="Fetching the repository")
    report = run_report(repo, run, "failure", cause)
    shown = partial(record_verdicts, repo.services, run, "failure")
    await complete_check_run(repo, run, [report], conclusion="failure", on_shown=shown)


async def _announce(
    repo: FetchedRepo,
    pull_request: KnownPullRequest,
    key: str,
    *,
    debounced: bool = False,
) -> None:
    """Create the check run, cancel older runs, and enqueue the plan.

    A `debounced` run is planned only when its base has not moved for a moment and the apply of that base has ended.
    """
    base_sha = await repo.mirror.tip(pull_request.base_branch)
    if base_sha is None:
        return
    try:
        config = await repo.config_at(base_sha)
    except ConfigInvalid:
        environment_name = EnvironmentName(pull_request.base_branch)
    else:
        environment = config.environment_of_branch(pull_request.base_branch)
        if environment is not None and not await is_environment_branch(repo, pull_request.base_branch):
            environment = None  # a branch's own config cannot make it an environment's branch
        if environment is not None:
            await adopt(repo, config)
        if environment is None:
            await _cancel_runs_of(repo.services, pull_request, by="its base is no longer the branch of an environment")
            return
        environment_name = environment.name
    sharing = await repo.store.pull_requests.open_with_head(repo.id, pull_request.head_sha)
    bases = {pull_request.number: base_sha}
    for each in sharing:
        tip = await repo.mirror.tip(each.base_branch)
        if tip is not None:
            bases[each.number] = tip
    run_id = run_id_for(key)
    attempt = await repo.store.runs.count_attempts(repo.id, pull_request.head_sha, PLAN, besides=run_id)
    run = await repo.store.runs.begin(
        Run(
            id=run_id,
            repository_id=repo.id,
            operation="plan",
            environment=environment_name,
            branch=pull_request.base_branch,
            head_sha=pull_request.head_sha,
            base_sha=base_sha,
            pull_request=pull_request.number,
            attempt=attempt,
            check_run_name=PLAN,
            state=PlanState(bases=bases, debounced=debounced, job=key),
        )
    )
    if run.status == "completed":
        return
    await _supersede(repo.services, run)
    run = await announce(
        repo,
        run,
        status="in_progress" if debounced else "queued",
        summary="The base branch moved: this is planned again once the apply of the base branch has ended"
        if debounced
        else "Waiting to be planned",
    )
    if run.cancel_reason is None:
        await record_started(repo.services, run)
    due = PlanRun(run_id=run.id, repository_id=run.repository_id)
    if debounced:
        # Each run has its own row: two concurrent moves of the base would overwrite a shared one.
        await repo.store.deferred.defer(due.key, msgspec.to_builtins(due), in_s=repo.services.settings.debounce_s)
    else:
        await repo.services.enqueue(due)


async def _supersede(services: Services, run: Run) -> None:
    """Cancel the unfinished runs of the same head or the same pull requests, which this one replaces."""
    older = list(await services.store.runs.unfinished_plans_of_commit(run.repository_id, run.head_sha))
    for number in numbers_of(run):
        older += await services.store.runs.unfinished_plans(run.repository_id, number)
    for each in older:
        if (each.created_at, each.id) < (run.created_at, run.id):
            by = "planned again" if each.head_sha == run.head_sha else f"a newer commit arrived: {short(run.head_sha)}"
            await cancel_plan(services, each, by=by)


async def _cancel_runs_of(services: Services, pull_request: KnownPullRequest, *, by: str) -> None:
    for run in await services.store.runs.unfinished_plans(pull_request.repository_id, pull_request.number):
        await cancel_plan(services, run, by=by)
