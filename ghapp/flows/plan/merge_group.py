"""The flow of a merge queue's group: the group's commit is planned, and merged only if its check run passes.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#merge_group
"""

import re
from dataclasses import replace

from ghapp.durable import step
from ghapp.events import MergeGroupDestroyed, MergeGroupRequested
from ghapp.flows.check_run import PLAN, announce, cancel_plan, complete_check_run, run_id_for, run_report
from ghapp.flows.environments import environment_at_last
from ghapp.flows.plan.heads import record_started
from ghapp.flows.repository import Repo, load_repo, record_repo
from ghapp.jobs import PlanRun, Replan, ReplanGroup
from ghapp.services import Services
from ghapp.store import MergeGroup, PlanState, Run
from ghapp.values import BranchName, CommitSha, EnvironmentName

_PULL_REQUEST = re.compile(r"/pr-(\d+)-[0-9a-f]+$")


async def merge_group_requested(services: Services, event: MergeGroupRequested, key: str) -> None:
    """A merge queue asks whether it may merge this commit."""
    await step("announce", type(None), _announce_event, services, event, key)


async def replan_group(services: Services, job: ReplanGroup) -> None:
    """Plan a group's commit again."""
    await step("announce", type(None), _replan_group, services, job)


async def merge_group_destroyed(services: Services, event: MergeGroupDestroyed, key: str) -> None:
    """A merge queue discarded a group."""
    await step("group destroyed", type(None), _cancel_group, services, event, key)


async def _announce_event(services: Services, event: MergeGroupRequested, key: str) -> None:
    repo = await record_repo(services, event.repository, event.installation_id)
    named = _PULL_REQUEST.search(event.head_ref)
    number = int(named[1]) if named else 0
    repo = await repo.fetch(pull_requests=[number] if number else [])
    tip = await repo.mirror.tip(event.base_ref)
    if tip is None or not await repo.mirror.has(event.head_sha):
        return  # the queue has already discarded the group
    found = await environment_at_last(repo, event.base_ref, tip)
    if found is None:
        return
    pull_request = await services.store.pull_requests.find(repo.id, number)
    if pull_request is None or pull_request.state != "open":
        run = await _begin(
            repo, event.head_sha, event.base_sha, event.base_ref, found.environment.name, PlanState(), key
        )
        await _refuse(
            repo,
            run,
            f"Planward knows no open pull request for {event.head_ref}: remove its pull request from the merge queue "
            "and queue it again",
        )
        return
    group = MergeGroup(pull_request=number, head_sha=pull_request.head_sha, config_sha=tip)
    state = PlanState(bases={number: event.base_sha}, group=group)
    run = await _begin(repo, event.head_sha, event.base_sha, event.base_ref, found.environment.name, state, key)
    await _enqueue_plan(services, run)


async def _replan_group(services: Services, job: ReplanGroup) -> None:
    before = await services.store.runs.load(job.run_id)
    repo = await load_repo(services, before.repository_id)
    await cancel_plan(services, before, by="planned again")
    state = PlanState(bases=before.plan.bases, group=before.group)
    run = await _begin(repo, before.head_sha, before.base_sha, before.branch, before.environment, state, job.key)
    await _enqueue_plan(services, run)


async def _enqueue_plan(services: Services, run: Run) -> None:
    if run.status != "completed":
        await services.enqueue(PlanRun(run_id=run.id, repository_id=run.repository_id))


async def _begin(
    repo: Repo,
    head_sha: CommitSha,
    base_sha: CommitSha,
    branch: BranchName,
    environment: EnvironmentName,
    state: PlanState,
    key: str,
) -> Run:
    run_id = run_id_for(key)
    attempt = await repo.store.runs.count_attempts(repo.id, head_sha, PLAN, besides=run_id)
    run = await repo.store.runs.begin(
        Run(
            id=run_id,
            repository_id=repo.id,
            operation="plan",
            environment=environment,
            branch=branch,
            head_sha=head_sha,
            base_sha=base_sha,
            pull_request=None,
            attempt=attempt,
            check_run_name=PLAN,
            state=replace(state, job=key),
        )
    )
    if run.status == "completed":
        return run
    run = await announce(repo, run, status="queued", summary="Waiting to be planned")
    await record_started(repo.services, run)
    return run


async def _refuse(repo: Repo, run: Run, cause: str) -> None:
    report = run_report(repo, run, "failure", cause)
    await complete_check_run(repo, run, [report], conclusion="failure")


async def _cancel_group(services: Services, event: MergeGroupDestroyed, key: str) -> None:
    """Cancel the group's plans. If its pull request has left the queue, plan the pull request again."""
    repo = await record_repo(services, event.repository, event.installation_id)
    for run in await services.store.runs.of_head(repo.id, event.head_sha, PLAN):
        if run.group is None:
            continue
        await cancel_plan(services, run, by=f"the merge queue dropped this: {event.reason}")
        if event.reason == "dequeued":
            await services.enqueue(Replan(repository_id=repo.id, number=run.group.pull_request, cause=key))
