"""The plan file of a hold: it is stored when the plan is shown, and applied unchanged when the plan is approved.

It still passes through the gate, which compares its digest with the approved ones.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from checks import gate
from checks.authority.sources import AllowedSources
from checks.plan import Plan, read_plan
from ghapp.errors import JobError
from ghapp.flows.root_module.job import RootJob
from ghapp.flows.root_module.plan_reading import read_in_time
from ghapp.flows.root_module.terraform_plan import (
    Log,
    OpenModules,
    Planned,
    init_with_modules,
    no_module_access,
    require_allowed,
)
from ghapp.log import log as logger
from ghapp.processes import Stop
from ghapp.services import Services
from ghapp.store import KeptPlan, StoreUnavailable
from ghapp.store.kept_plans import MOST_BYTES
from ghapp.terraform import Finished, Terraform, Workdir
from ghapp.values import RepositoryId

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedFile:
    """A plan file that somebody approved, and the engine that made it."""

    content: bytes = field(repr=False)
    engine: str


async def find_approved_file(services: Services, job: RootJob) -> ApprovedFile | None:
    """Find the plan file that was approved for this root module; None if there is none or a new plan is needed."""
    if not isinstance(job.review, gate.ApprovedPlan) or job.values_follow:
        return None
    for shown in job.previews:
        kept = await services.store.kept_plans.find(shown.run_id, job.root_module)
        is_this = kept is not None and (kept.sha, kept.environment) == (job.config_sha, job.environment)
        if kept is None or not is_this or kept.digest not in job.review.plan_digests:
            continue
        content = await services.store.kept_plans.content(kept)
        return None if content is None else ApprovedFile(content=content, engine=kept.engine)
    return None


async def keep_plan_file(
    services: Services, job: RootJob, repository: RepositoryId, digest: str, terraform: Terraform, workdir: Workdir
) -> bool:
    """Store the plan file of a hold, encrypted, for as long as the operator chose. Returns whether it was stored."""
    hours = services.settings.keep_plans_hours
    if not hours:
        return False
    content = await asyncio.to_thread(workdir.read_plan_file, MOST_BYTES)
    if content is None:
        return False
    kept = KeptPlan(
        run_id=job.run_id,
        repository_id=repository,
        environment=job.environment,
        root_module=job.root_module,
        sha=job.config_sha,
        digest=digest,
        engine=engine_name(terraform),
    )
    try:
        await services.store.kept_plans.keep(kept, content, for_s=hours * _HOUR_S)
    except StoreUnavailable as error:
        logger.warning("plan_not_kept", run=job.run_id, root_module=job.root_module, reason=str(error))
        return False
    return True


def engine_name(terraform: Terraform) -> str:
    """An engine's name and version: only the engine that made a plan file can apply it."""
    return f"{terraform.name} {terraform.version}"


async def read_approved_plan(
    approved: ApprovedFile,
    terraform: Terraform,
    workdir: Workdir,
    *,
    environment: str,
    variables: Mapping[str, Any],
    log: Log,
    stop: Stop,
    timeout_s: float,
    sources: AllowedSources | None = None,
    modules: OpenModules = no_module_access,
    learn: Callable[[Sequence[str]], None] = lambda secrets: None,
) -> Planned | None:
    """Put the approved plan file into the work directory and read it; None if it cannot be used, and `log` says why.

    `variables` are Vault's current values: a plan that contains other values cannot be used. For example, Vault leases
    different credentials each time. Raises JobError if init installed something outside `sources`.
    """
    where = f"{workdir.root_module} in {environment}"
    log(f"{engine_name(terraform)}: {where}")
    if approved.engine != engine_name(terraform):
        log(f"The approved plan was made by {approved.engine}, which is not installed here: making a new plan")
        return None
    initialised, access = await init_with_modules(
        lambda with_modules: terraform.init(with_modules, log, stop, timeout_s=timeout_s),
        workdir,
        modules,
        log=log,
        learn=learn,
    )
    if not initialised.done:
        return None
    if sources is not None:
        await asyncio.to_thread(require_allowed, sources, access, workdir, environment)
    try:
        await asyncio.to_thread(workdir.write_plan_file, approved.content)
        shown = await terraform.show(workdir, stop=stop, timeout_s=timeout_s)
        if isinstance(shown, Finished):
            return None
        plan = await read_in_time(where, read_plan, shown)
        if await read_in_time(where, Plan.holds_variables, plan, variables):
            log("The approved plan is applied as it was shown")
            return Planned(plan=plan, diagnostics=())
        log("The approved plan was made with other secrets: making a new plan")
    except JobError as error:
        log(f"The approved plan cannot be read any more ({error}): making a new plan")
    workdir.plan_file.unlink(missing_ok=True)
    return None
