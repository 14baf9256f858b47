"""The flow of `planward unlock`: remove the lock that a dead run left on a root module's state.

It works only while Planward applies nothing in the environment; its plans take no lock. So the holder of the lock is
dead, or is a program that Planward does not know, and only people who may apply can request this.

Everything happens in one step, since the results of steps are stored and must not contain credentials.
"""

import asyncio
import contextlib
from typing import Literal

from ghapp.durable import step
from ghapp.errors import JobError, Unavailable
from ghapp.flows.repository import FetchedRepo, load_repo
from ghapp.flows.root_module.masked_log import MaskedLog
from ghapp.flows.root_module.private_modules import checkout_with_modules, module_access
from ghapp.flows.root_module.root_run import RootRun
from ghapp.flows.root_module.run import machine_of
from ghapp.flows.root_module.terraform_plan import init_with_modules
from ghapp.flows.survey import survey_tree
from ghapp.github import InstallationGone, InstallationSuspended, or_deferred
from ghapp.jobs import Unlock
from ghapp.log import log
from ghapp.processes import Stop
from ghapp.services import Services
from ghapp.terraform import Failure
from ghapp.values import CommitSha


async def unlock(services: Services, job: Unlock) -> None:
    """Remove the lock, and answer the comment that requested it."""
    await step("unlock", type(None), _unlock, services, job)


async def _unlock(services: Services, job: Unlock) -> None:
    repo = await load_repo(services, job.repository_id)
    answer: Literal["+1", "-1", "confused"]
    if await _is_busy(services, job):
        answer = "confused"
    else:
        repo = await repo.fetch()
        tip = await repo.mirror.tip(job.branch)
        try:
            answer = "confused" if tip is None else await _force_unlock(repo, job, tip)
        except (Unavailable, InstallationGone, InstallationSuspended):
            raise
        except JobError as error:
            log.warning("not_unlocked", root_module=job.root_module, reason=str(error))
            answer = "-1"
    github = await repo.github()
    await or_deferred(github.react(job.comment_id, answer))


async def _is_busy(services: Services, job: Unlock) -> bool:
    """Whether an apply in this environment has not ended. Plans do not matter: they take no lock."""
    return bool(await services.store.runs.unfinished_applies(job.repository_id, job.environment))


async def _force_unlock(repo: FetchedRepo, job: Unlock, tip: CommitSha) -> Literal["+1", "-1", "confused"]:
    """Remove the lock and return the reaction to the comment.

    "+1": the lock is removed. "confused": there is no such root module, or no lock. "-1": Terraform failed.
    """
    config = await repo.config_at(tip)
    survey = await survey_tree(repo, config, tip)
    settings = survey.of(job.environment).get(job.root_module)
    if settings is None or settings.cause is not None:
        return "confused"
    stop = Stop()
    root_run = RootRun(survey, job.environment, job.root_module, digest_key=repo.services.digest_key)
    machine = await machine_of(repo.services, repo.id)
    authority = await repo.authority()
    async with root_run.prepare(
        machine,
        operation="apply",
        authority=authority,
        given=repo.services.settings.server_variables.given(authority.repository, job.environment, "apply"),
        checkout=checkout_with_modules(
            repo,
            await repo.mirror.tree_of(tip),
            use="apply",
            pointers=root_run.pointers,
            read=await asyncio.to_thread(root_run.pointers_read),
            submodules=await asyncio.to_thread(root_run.submodules_read),
            from_fork=False,
        ),
        open_log=lambda mask: contextlib.nullcontext(MaskedLog(mask, _discard)),
    ) as (terraform, workdir, log, _):
        initialised, _ = await init_with_modules(
            lambda with_modules: terraform.init(with_modules, stop=stop),
            workdir,
            lambda further: module_access(repo, root_run.root_module, further, from_fork=False),
            log=log,
            learn=root_run.learner(log),
        )
        if not initialised.done:
            return "-1"
        # Terraform reports the lock's id only if a command cannot get the lock.
        asked = await terraform.plan(workdir, lock=True, lock_timeout_s=0, stop=stop, timeout_s=machine.plan_timeout_s)
        if asked.failure is not Failure.STATE_LOCKED or asked.state_lock is None:
            return "confused"
        unlocked = await terraform.force_unlock(workdir, asked.state_lock.id, stop=stop)
        return "+1" if unlocked.done else "-1"


def _discard(_: str) -> None:
    """Drop a line: an unlock has no run, and so no log."""
