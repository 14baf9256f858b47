"""Find events that never arrived and runs that never ended, and enqueue the missing jobs."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import msgspec

from ghapp.durable import patiently, step
from ghapp.errors import Unavailable
from ghapp.events import PullRequestChanged
from ghapp.flows.check_run import cancel_plan, runs_of_tip
from ghapp.flows.environments import environment_at_last
from ghapp.flows.maintenance.abandoned import end_abandoned_runs
from ghapp.flows.maintenance.deliveries import note_arrival, redeliver
from ghapp.flows.repository import FetchedRepo, Repo, known_pull_request, load_repo
from ghapp.github import PullRequestSeen
from ghapp.jobs import NEXT_KEY_S, EventJob, Job, Reconcile, ReconcileDeliveries, Replan, SettleBranch
from ghapp.jobs.causes import Missed
from ghapp.log import log
from ghapp.repository_config import ConfigInvalid
from ghapp.services import Services
from ghapp.store import KnownPullRequest

SOONER_S = 30.0
"""The wait before the next reconciliation if this one is incomplete. GitHub may ask for a longer one."""
EACH_REPOSITORY_S = 3600
"""The interval for comparing a repository with GitHub, which takes about one call and one fetch."""


async def reconcile_deliveries(services: Services, job: ReconcileDeliveries) -> None:
    """Find failed deliveries and runs that nobody will finish, and enqueue a comparison of each repository."""
    await step(
        "enqueue the next reconciliation",
        type(None),
        enqueue_reconciliation,
        services,
        services.timings.reconcile_every_s,
    )
    await step("end abandoned runs", type(None), end_abandoned_runs, services)
    await step("enqueue repositories", type(None), _enqueue_repositories, services)
    try:
        again_soon = await step("redeliver", bool, redeliver, services, job.at)
    except Unavailable as error:
        # Other jobs are deferred after this error. Do not defer this one: the next reconciliation is already enqueued.
        in_s = min(max(error.retry_after_s or 0.0, SOONER_S), services.timings.reconcile_every_s)
        log.warning("reconciliation_deferred", reason=str(error), in_s=in_s)
        await step("enqueue an earlier reconciliation", type(None), enqueue_reconciliation, services, in_s)
        return
    if again_soon:
        in_s = min(SOONER_S, services.timings.reconcile_every_s)
        await step("enqueue an earlier reconciliation", type(None), enqueue_reconciliation, services, in_s)


async def event_arrived(services: Services) -> None:
    """Reconcile at once if this event is the first one since a probe: a redelivery that tests the connection."""
    if await patiently("note arrival", partial(note_arrival, services)):
        await patiently("look again", partial(enqueue_reconciliation, services, 0))


async def reconcile(services: Services, job: Reconcile) -> None:
    """Compare GitHub's state of a repository with Planward's, and enqueue what is missing."""
    await step("reconcile", type(None), _reconcile, services, job)


async def enqueue_first_reconciliation(services: Services) -> None:
    """Enqueue a reconciliation at the start of a worker, even if one is pending.

    A killed worker may have begun the pending reconciliation. Then the pending one continues after its last recorded
    step, and perhaps does not ask GitHub again, although deliveries have failed since then.
    """
    await enqueue_reconciliation(services, 0)


async def enqueue_reconciliation(services: Services, in_s: float) -> None:
    """Enqueue the next reconciliation; there is one for all workers. It begins in a second at the earliest."""
    in_s = max(in_s, NEXT_KEY_S)
    due = ReconcileDeliveries(at=int(services.store.clock() + in_s))
    await services.store.deferred.defer("look for missed", msgspec.to_builtins(due), in_s=in_s)


async def _enqueue_repositories(services: Services) -> None:
    """Enqueue a comparison of each repository once an hour, after the current redeliveries have arrived."""
    cause = str(int(services.store.clock() // EACH_REPOSITORY_S))
    for repository in await services.store.repositories.all_active():
        job = Reconcile(repository_id=repository.id, cause=cause)
        await services.store.deferred.defer(
            f"reconcile:{repository.id}", msgspec.to_builtins(job), in_s=services.timings.after_redeliveries_s
        )


async def _reconcile(services: Services, job: Reconcile) -> None:
    repo = await load_repo(services, job.repository_id)
    if not repo.known.active:
        return
    repo = await repo.fetch()
    await _reconcile_pull_requests(repo)
    await _reconcile_branches(repo)


async def _reconcile_pull_requests(repo: Repo) -> None:
    github = await repo.github(priority="cosmetic")
    open_now = {each.number: each for each in await github.open_pull_requests()}
    for known in await repo.store.pull_requests.all_open(repo.id):
        if known.number not in open_now:
            await _close(repo, known, await github.pull_request(known.number))
    pending = await repo.services.pending()
    for seen in open_now.values():
        await _plan_if_missed(repo, seen, pending)


async def _close(repo: Repo, known: KnownPullRequest, seen: PullRequestSeen | None) -> None:
    """Record the end of a pull request whose event never arrived. A merge is judged when its branch is settled."""
    if seen is not None and seen.is_open:
        return
    if seen is not None and seen.merged_at is not None and seen.merge_sha is not None:
        merged = replace(
            known,
            state="merged",
            head_sha=seen.head.sha,
            base_branch=seen.base.ref,
            merge_sha=seen.merge_sha,
            merged_at=float(seen.merged_at),
        )
        await repo.store.pull_requests.record(merged)
    else:
        await repo.store.pull_requests.close_unmerged(repo.id, (known.number,))
    for run in await repo.store.runs.unfinished_plans(repo.id, known.number):
        await cancel_plan(repo.services, run, by="the pull request was closed")


async def _plan_if_missed(repo: Repo, seen: PullRequestSeen, pending: Sequence[Job]) -> None:
    """Plan an open pull request that has no plan for its head and base, or that is no longer a draft."""
    known = await repo.store.pull_requests.find(repo.id, seen.number)
    now = known_pull_request(repo.id, seen)
    if any(_covers(job, now) for job in pending):
        return  # the pull request's delivery is being processed
    if now != known:
        await repo.store.pull_requests.record(now)
    judged = await repo.store.pull_requests.newest_verdict(
        repo.id, now.number, base_branch=now.base_branch, head_sha=now.head_sha
    )
    ready = known is not None and known.draft and not now.draft
    planning = await repo.store.runs.unfinished_plans_of_commit(repo.id, now.head_sha)
    planned = judged is not None or any(now.number in run.plan.bases for run in planning)
    if not planned or ready:
        cause = f"missed:{now.base_branch}:{now.head_sha}:{'draft' if now.draft else 'ready'}"
        await repo.services.enqueue(Replan(repository_id=repo.id, number=now.number, cause=cause))


def _covers(job: Job, known: KnownPullRequest) -> bool:
    """Whether a job processes the event that gave a pull request this head and base."""
    match job:
        case EventJob(event=PullRequestChanged() as event):
            seen = (event.repository.id, event.number, event.head.sha, event.base.ref)
            return seen == (known.repository_id, known.number, known.head_sha, known.base_branch)
        case _:
            return False


async def _reconcile_branches(repo: FetchedRepo) -> None:
    """Settle environments whose branch's tip is neither LAST nor judged."""
    for branch, tip in (await repo.mirror.branches()).items():
        try:
            found = await environment_at_last(repo, branch, tip)
        except ConfigInvalid:
            continue  # the flow of the next push shows this on the commit
        if found is None:
            continue
        environment, _, last = found
        if (last is not None and last.sha == tip) or await runs_of_tip(repo, environment.name, tip):
            continue
        await repo.services.enqueue(SettleBranch(repository_id=repo.id, branch=branch, cause=Missed(tip=tip)))
