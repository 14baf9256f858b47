"""The flow of a pull request: announce a run, plan the merge result, decide about the merge, and show the result.

A run is announced at once: Planward creates its check run on GitHub and enqueues a job that plans. Pull requests with
the same head share a run. The work for each of them is a part of the run.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
"""

from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from ghapp.durable import step
from ghapp.events import PullRequestChanged, PullRequestClosed
from ghapp.flows.check_run import after_applies, cancel_plan
from ghapp.flows.plan.announce import announce_event, announce_replan
from ghapp.flows.plan.conclude import conclude_plan
from ghapp.flows.plan.part import Part
from ghapp.flows.plan.prepare import prepare_plan
from ghapp.flows.repository import known_pull_request, record_repo
from ghapp.flows.root_module.count_state import count_removed
from ghapp.flows.root_module.job import RootJob, RootOutcome
from ghapp.flows.root_module.run import run_root_modules
from ghapp.jobs import PlanRun, Replan, SettleBranch
from ghapp.jobs.causes import PullRequestMerged
from ghapp.services import Services
from ghapp.store import Run
from ghapp.values import TESTING, EnvironmentName, RunId


async def pull_request_changed(services: Services, event: PullRequestChanged, key: str) -> None:
    """Announce a run for a pull request that was opened or changed."""
    await step("announce", type(None), announce_event, services, event, key)


async def replan(services: Services, job: Replan) -> None:
    """Announce another run for an open pull request."""
    await step("announce", type(None), announce_replan, services, job)


async def run_plan(services: Services, job: PlanRun) -> None:
    """Execute an announced run. If the base branch has a new commit that is still being applied, defer the job."""
    if not await step("wait", bool, _wait_for_apply, services, job):
        await carry_out(services, job.run_id)


async def _wait_for_apply(services: Services, job: PlanRun) -> bool:
    """Defer the job if the base has moved and is being applied. Returns whether the job was deferred.

    Only a `debounced` run waits. It was announced because its base had moved.
    """
    run = await services.store.runs.load(job.run_id)
    if not run.plan.debounced or not await _is_being_applied(services, run):
        return False
    again = msgspec.structs.replace(job, waited=job.waited + 1)
    key = after_applies(run.repository_id, run.branch, run.id)
    await services.store.deferred.defer(key, msgspec.to_builtins(again), in_s=services.timings.apply_check_s)
    if not await _is_being_applied(services, run):
        # When an apply ends, the deferred jobs of its branch become due. But this apply ended before the job was
        # deferred, so the job is made due here.
        await services.store.deferred.make_due(key)
    return True


async def _is_being_applied(services: Services, run: Run) -> bool:
    now = await services.store.runs.load(run.id)
    if now.cancel_reason is not None or now.status == "completed":
        return False
    applies = await services.store.runs.unfinished_applies_of_branch(run.repository_id, run.branch)
    return any(apply.apply.result is None for apply in applies)


async def carry_out(services: Services, run_id: RunId) -> None:
    """Plan the root modules of an announced run, decide about its pull requests, and show the result."""
    parts = await step("prepare", tuple[Part, ...], prepare_plan, services, run_id)
    outcomes: list[RootOutcome] = []
    for part in parts:
        outcomes += [*part.kept, *await _plan_part(services, run_id, part)]
    removed = await count_removed(services, tuple(job for part in parts for job in part.removed))
    await step("conclude", type(None), conclude_plan, services, run_id, parts, tuple(outcomes), removed)


async def _plan_part(services: Services, run_id: RunId, part: Part) -> list[RootOutcome]:
    """Plan one layer after the other. Each layer is planned in the target and in testing at the same time.

    A root module is in a later layer than the root modules that it builds on.
    """
    outcomes: list[RootOutcome] = []
    for target, testing in zip_longest(part.preview_layers, part.layers, fillvalue=()):
        jobs = [
            RootJob(
                run_id=run_id,
                part=f"{part.pull_request}:{environment}",
                environment=environment,
                tree=part.tree,
                config_sha=part.config_sha,
                base_sha=part.base_sha,
                root_module=root_module,
                operation="plan",
                blocked_by=_failed_below(outcomes, environment),
                lower={each.root_module: each.as_lower() for each in outcomes if each.environment == environment},
                from_fork=part.from_fork,
            )
            for environment, layer in ((part.environment, target), (TESTING, testing))
            for root_module in layer
        ]
        outcomes += await run_root_modules(services, jobs)
    return outcomes


def _failed_below(outcomes: Sequence[RootOutcome], environment: EnvironmentName) -> tuple[str, ...]:
    own = (outcome for outcome in outcomes if outcome.environment == environment)
    return tuple(outcome.root_module for outcome in own if outcome.outcome not in ("planned", "planned_at_apply"))


async def pull_request_closed(services: Services, event: PullRequestClosed, key: str) -> None:
    """Record that a pull request was closed, and cancel its runs. If it was merged, enqueue the job that applies it."""
    await step("closed", type(None), _record_closed, services, event, key)


async def _record_closed(services: Services, event: PullRequestClosed, key: str) -> None:
    repo = await record_repo(services, event.repository, event.installation_id)
    await services.store.pull_requests.record(known_pull_request(repo.id, event))
    by = "the pull request was merged" if event.merged else "the pull request was closed"
    for run in await services.store.runs.unfinished_plans(repo.id, event.number):
        await cancel_plan(services, run, by=by)
    for other in await services.store.pull_requests.open_with_head(repo.id, event.head.sha):
        await services.enqueue(Replan(repository_id=repo.id, number=other.number, cause=key))
    if event.merged:
        # To check the merge, SettleBranch repeats it with the pull request's head. Fetch the head now: SettleBranch
        # fetches only branches, and the pull request's branch may be deleted or in a fork.
        await repo.with_commits(event.head.sha, pull_requests=[event.number])
        await services.enqueue(
            SettleBranch(
                repository_id=repo.id,
                branch=event.base.ref,
                cause=PullRequestMerged(number=event.number, merge_sha=event.merge_sha),
            )
        )
