"""The story of a pull request: announced at once, planned from the merge result, judged, shown.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
"""

from collections.abc import Sequence

from ghapp.durable import step
from ghapp.events import PullRequestChanged, PullRequestClosed
from ghapp.flows.check_run import cancel_plan
from ghapp.flows.plan.announce import announce_event, announce_replan
from ghapp.flows.plan.conclude import conclude_plan
from ghapp.flows.plan.prepare import Part, prepare_plan
from ghapp.flows.repository import known_pull_request, record_repo
from ghapp.flows.root_module.job import RootJob, RootOutcome
from ghapp.flows.root_module.run import run_root_modules
from ghapp.jobs import PlanRun, Replan, SettleBranch
from ghapp.jobs.causes import PullRequestMerged
from ghapp.services import Services
from ghapp.values import TESTING, EnvironmentName, RunId


async def pull_request_changed(services: Services, event: PullRequestChanged, key: str) -> None:
    """A pull request was opened, pushed to, reopened, made ready, or given another base."""
    await step("announce", type(None), announce_event, services, event, key)


async def replan(services: Services, job: Replan) -> None:
    """Plan an open pull request anew, by ourselves or because somebody asked for it."""
    await step("announce", type(None), announce_replan, services, job)


async def run_plan(services: Services, job: PlanRun) -> None:
    """Carry out a run that was announced before."""
    await carry_out(services, job.run_id)


async def carry_out(services: Services, run_id: RunId) -> None:
    """Plan, judge and show one announced run."""
    parts = await step("prepare", tuple[Part, ...], prepare_plan, services, run_id)
    outcomes: list[RootOutcome] = []
    for part in parts:
        for environment, part_layers in ((TESTING, part.layers), (part.environment, part.preview_layers)):
            outcomes += await _plan_layers(services, run_id, part, environment, part_layers)
    await step("conclude", type(None), conclude_plan, services, run_id, parts, tuple(outcomes))


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
                base_sha=part.base_sha,
                root_module=root_module,
                operation="plan",
                blocked_by=_failed_below(outcomes),
            )
            for root_module in layer
        ]
        outcomes += await run_root_modules(services, jobs)
    return outcomes


def _failed_below(outcomes: Sequence[RootOutcome]) -> tuple[str, ...]:
    return tuple(outcome.root_module for outcome in outcomes if outcome.outcome not in ("planned", "applied"))


async def pull_request_closed(services: Services, event: PullRequestClosed, key: str) -> None:
    """A pull request was merged or given up."""
    await step("closed", type(None), _closed, services, event, key)


async def _closed(services: Services, event: PullRequestClosed, key: str) -> None:
    repo = await record_repo(services, event.repository, event.installation_id)
    await services.store.pull_requests.record(known_pull_request(repo.id, event))
    by = "the pull request was merged" if event.merged else "the pull request was closed"
    for run in await services.store.runs.unfinished_plans(repo.id, event.number):
        await cancel_plan(services, run, by=by)
    for other in await services.store.pull_requests.open_with_head(repo.id, event.head.sha):
        await services.enqueue(Replan(repository_id=repo.id, number=other.number, cause=key))
    if event.merged:
        await repo.fetch(pull_requests=[event.number])
        await services.enqueue(
            SettleBranch(
                repository_id=repo.id,
                branch=event.base.ref,
                cause=PullRequestMerged(number=event.number, merge_sha=event.merge_sha),
            )
        )
