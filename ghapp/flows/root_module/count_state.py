"""Count the resources in the state of a root module that is about to be removed."""

import asyncio

import msgspec

from checks.errors import PlanFormatError
from checks.plan.state import count_resources
from checks.report import RemovedRoot
from ghapp.durable import park, step
from ghapp.errors import JobError
from ghapp.flows.repository import load_repo
from ghapp.flows.root_module.private_modules import checkout_with_modules, module_access
from ghapp.flows.root_module.root_run import RootRun
from ghapp.flows.root_module.run import machine_of
from ghapp.flows.root_module.run_log import open_log
from ghapp.flows.root_module.stopping import take_slot, watch_for_stop
from ghapp.flows.root_module.terraform_plan import init_with_modules, require_allowed
from ghapp.flows.survey import survey_of_run
from ghapp.log import log
from ghapp.services import Services
from ghapp.values import CommitSha, EnvironmentName, RunId


class RemovedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A removed root module, which still exists at the commit `sha`, and the environment with its state."""

    run_id: RunId
    environment: EnvironmentName
    sha: CommitSha
    """A commit whose code may read the environment's secrets, since it is already in force."""
    root_module: str
    may_be_read: bool = True
    """Whether the run may use the environment's credentials at all."""


async def count_removed(services: Services, jobs: tuple[RemovedJob, ...]) -> tuple[RemovedRoot, ...]:
    """Count the resources in the states of removed root modules, each as one durable step."""
    return tuple(
        [await step(f"count {job.environment} {job.root_module}", RemovedRoot, _count, services, job) for job in jobs]
    )


async def _count(services: Services, job: RemovedJob) -> RemovedRoot:
    resources: int | None = None
    try:
        resources = None if not job.may_be_read else await _resources(services, job)
    except (JobError, PlanFormatError) as error:
        # The report then shows the removal without the number.
        log.info("removed_state_not_read", root_module=job.root_module, reason=type(error).__name__)
    return RemovedRoot(root_module=job.root_module, environment=job.environment, resources=resources)


async def _resources(services: Services, job: RemovedJob) -> int | None:
    run = await services.store.runs.load(job.run_id)
    repo = await (await load_repo(services, run.repository_id)).with_commits(job.sha)
    tree = await repo.mirror.tree_of(job.sha)
    survey = await survey_of_run(repo, job.run_id, job.sha, tree)
    root_run = RootRun(survey, job.environment, job.root_module, digest_key=services.digest_key)
    if root_run.settings.cause is not None:
        return None
    part = f"{job.environment} {job.root_module}"
    async with watch_for_stop(services, job.run_id) as stop, take_slot(services, run.repository_id, "plan", stop):
        if services.stopping.is_set():
            await park()
        if stop.requested.is_set():
            return None
        machine = await machine_of(services, run.repository_id)
        authority = await repo.authority()
        async with root_run.prepare(
            machine,
            operation="plan",
            authority=authority,
            given=services.settings.server_variables.given(authority.repository, job.environment, "plan"),
            checkout=checkout_with_modules(
                repo,
                tree,
                use="plan",
                pointers=root_run.pointers,
                read=await asyncio.to_thread(root_run.pointers_read),
                submodules=await asyncio.to_thread(root_run.submodules_read),
                from_fork=False,
            ),
            open_log=lambda mask: open_log(services.store, job.run_id, part, mask),
        ) as (terraform, workdir, lines, _):
            initialised, access = await init_with_modules(
                lambda with_modules: terraform.init(
                    with_modules, lines, stop, timeout_s=services.settings.plan_timeout_s
                ),
                workdir,
                lambda further: module_access(repo, root_run.root_module, further, from_fork=False),
                log=lines,
                learn=root_run.learner(lines),
            )
            if initialised.done and machine.sources is not None:
                await asyncio.to_thread(require_allowed, machine.sources, access, workdir, job.environment)
            state_json = await terraform.show_state(workdir) if initialised.done else None
            return None if state_json is None else await asyncio.to_thread(count_resources, state_json)
