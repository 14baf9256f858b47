"""The worker: creates everything that jobs need, according to the settings. Only this module creates `Services`."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from functools import partial

from ghapp.addresses import git_host
from ghapp.dependencies import Dependencies
from ghapp.durable import Worker
from ghapp.errors import PlanwardError
from ghapp.facts import Facts
from ghapp.flows.dispatch import run_job
from ghapp.flows.maintenance.cleanup import enqueue_first_cleanup
from ghapp.flows.maintenance.disk import Disk
from ghapp.flows.maintenance.reconcile import enqueue_first_reconciliation
from ghapp.git import Mirrors, require_git
from ghapp.github import GitHubApp
from ghapp.github.app_key import app_key
from ghapp.github.keys import SignedBy
from ghapp.jobs import Job
from ghapp.log import log
from ghapp.opened import Opened, encryption_keys, opened
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Programs
from ghapp.processes.cgroups import ControlGroups, open_control_groups
from ghapp.processes.keeper import Keeper, keeping, wait_for_orphans
from ghapp.processes.measuring import is_measurable
from ghapp.processes.private_directories import make_private, sweep
from ghapp.processes.same_path import PATHS, clear_paths
from ghapp.processes.sandbox import Sandbox
from ghapp.processes.sandbox_choice import choose_sandbox
from ghapp.processes.uid_pool import clear_uids
from ghapp.reading import Configs, require_short_temporary_directory
from ghapp.services import Services
from ghapp.settings import Settings
from ghapp.terraform import Terraform, TerraformMissing, find_terraforms
from ghapp.timings import Timings
from ghapp.vault.session import Vault
from ghapp.work_metrics import WorkMetrics
from ghapp.worker_process.link import ServeLink
from ghapp.worker_process.messages import Subject

_ORPHANS_MARGIN_S = 15.0
_ANSWER_WITHIN_S = 3.0


async def run_worker(settings: Settings, stop: asyncio.Event, link: ServeLink | None = None) -> None:
    """Run jobs until `stop` is set. `link` is the connection to the `serve` that started this worker, if one did.

    Raises SettingsError if git, the sandbox or the App's key is missing, or if TMPDIR's path is too long.
    """
    metrics, dependencies = WorkMetrics(), Dependencies()
    async with opened(settings) as open_here, _services_running(settings, open_here, metrics, dependencies):
        if link is not None:
            link.working(wake=open_here.job_queue.tell_enqueued, answer=partial(_answer, metrics, dependencies))
        await stop.wait()


async def _answer(metrics: WorkMetrics, dependencies: Dependencies, subject: Subject) -> Sequence[str]:
    match subject:
        case "failing":
            return await dependencies.failing()
        case "metrics":
            return [metrics.exposition()]


@contextlib.asynccontextmanager
async def _services_running(
    settings: Settings, open_here: Opened, metrics: WorkMetrics, dependencies: Dependencies
) -> AsyncIterator[None]:
    await require_git(PROGRAMS_WITHOUT_KEEPER)
    require_short_temporary_directory()
    if settings.limits.memory_bytes is not None and not is_measurable():
        log.warning("memory_not_limited", reason="this platform has no /proc that shows how much memory a program uses")
    keys = encryption_keys(settings)
    vault = Vault(settings.vault) if settings.vault is not None else None
    timings = Timings()
    facts, configs = Facts(settings.data_dir / "facts"), Configs()
    key = app_key(settings.github.private_key, vault)

    async def enqueue(job: Job) -> bool:
        fresh = await open_here.job_queue.enqueue(job)
        log.info("job_enqueued", job=job.key, fresh=fresh)
        return fresh

    async with (
        _start_keeper(settings, timings) as keeper,
        _open_control_groups() as (groups, groups_note),
        GitHubApp(
            settings.github.api_url,
            settings.github.app_id,
            key,
            on_call=metrics.github_request,
            on_deferred=metrics.github_deferred,
        ) as github,
    ):
        # The keeper must be started first. Its start waits until the programs of a killed process have ended, and
        # choosing the sandbox removes the files of these programs.
        sandbox = await _choose_sandbox(settings, groups_note)
        programs = Programs(keeper=keeper, groups=groups)
        mirrors = Mirrors(
            settings.data_dir / "mirrors",
            allowed_host=git_host(settings.github.api_url),
            most_kept=settings.concurrency if sandbox.shares_caches else 0,
            programs=programs,
            sandbox=sandbox,
        )
        for swept in (mirrors.sweep(), sweep(settings.data_dir / "runs")):
            if swept:
                log.info("directories_swept", directories=list(swept))
        disk = Disk(data_dir=settings.data_dir, mirrors=mirrors, facts=facts, budget_bytes=settings.disk_budget_bytes)
        metrics.watch_github_budget(github.budget_left)
        services = Services(
            settings=settings,
            store=open_here.store,
            mirrors=mirrors,
            facts=facts,
            configs=configs,
            github=github,
            vault=vault,
            terraforms=await asyncio.to_thread(_terraforms, settings.terraform, programs, timings),
            enqueue=enqueue,
            pending=open_here.job_queue.pending,
            forget_jobs=open_here.job_queue.forget,
            slots=metrics.slots(settings.concurrency, one_each=not sandbox.has_mounts),
            programs=programs,
            sandbox=sandbox,
            stopping=asyncio.Event(),
            provider_cache=make_private(settings.data_dir / "providers"),
            sealer=open_here.sealer,
            timings=timings,
            digest_key=hashlib.sha256(b"digest" + keys[0].encode()).digest(),
        )

        async def flow(job: Job) -> None:
            with metrics.job(str(job.__struct_config__.tag)):
                await run_job(services, job)

        if isinstance(key, SignedBy):
            dependencies.watch("Vault does not sign with the App's key", partial(key.sign, b"are you there?"))
        if vault is not None:
            dependencies.watch("Vault does not answer, or is sealed", vault.require_answer)
        logging_services = asyncio.create_task(_log_services(services))
        worker = Worker(
            open_here.job_queue,
            open_here.store,
            settings.data_dir,
            flow,
            services.stopping,
            keeper=keeper,
            timings=timings,
        )
        try:
            await enqueue_first_reconciliation(services)
            await enqueue_first_cleanup(services)
            async with worker.running(), disk.kept_clean(open_here.store):
                yield
        finally:
            logging_services.cancel()
            await asyncio.gather(logging_services, return_exceptions=True)
            facts.close()
            configs.close()


async def _choose_sandbox(settings: Settings, groups_note: str) -> Sandbox:
    """The sandbox of root runs. Raises SettingsError if none works."""
    sandbox = await asyncio.to_thread(choose_sandbox, settings.sandbox, settings.data_dir)
    log.info("sandbox_chosen", sandbox=sandbox.name, gives=sandbox.protection, control_groups=groups_note)
    if sandbox.name == "uid":
        os.umask(0o077)  # the uids of root runs can enter the data directory, but not read new files
        await asyncio.to_thread(clear_uids)
    await asyncio.to_thread(clear_paths, settings.data_dir / PATHS)
    return sandbox


async def _log_services(services: Services) -> None:
    """Log on startup which services answer. A service that does not answer yet may do so a moment later."""
    settings = services.settings
    for each in settings.unknown:
        log.warning("unknown_setting", name=each)
    found = {
        "app": await _describe(_app(services)),
        "vault": "not used" if services.vault is None else await _describe(_vault(services.vault)),
        "database": settings.database_url.partition(":")[0].partition("+")[0],
        "engines": [f"{each.name} {each.version}" for each in services.terraforms],
        "concurrency": settings.concurrency,
    }
    log.info("found", **found)


async def _app(services: Services) -> str:
    app = await services.github.me()
    return f"{app.name} ({app.html_url})"


async def _vault(vault: Vault) -> str:
    await vault.require_answer()
    return "answers"


async def _describe(asking: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return await asking
    except TimeoutError:
        return f"does not answer within {_ANSWER_WITHIN_S:.0f} s"
    except PlanwardError as error:
        return str(error)


@contextlib.asynccontextmanager
async def _start_keeper(settings: Settings, timings: Timings) -> AsyncIterator[Keeper]:
    """Start this process's keeper, after the programs of a killed process have ended."""
    directory = make_private(settings.data_dir / "programs")
    patience_s = timings.keeper_grace_s + _ORPHANS_MARGIN_S
    left = await asyncio.to_thread(wait_for_orphans, directory, patience_s=patience_s)
    if left:
        log.error("programs_outlive_their_process", processes=list(left))
    with keeping(directory, silence_s=timings.keeper_silence_s, grace_s=timings.keeper_grace_s) as keeper:
        yield keeper


@contextlib.asynccontextmanager
async def _open_control_groups() -> AsyncIterator[tuple[ControlGroups | None, str]]:
    """Open the control groups of this process's root runs. Also yields a line about them for the log.

    Call it after the programs of a killed process have ended.
    """
    groups, note = await asyncio.to_thread(open_control_groups)
    try:
        yield groups, note
    finally:
        if groups is not None:
            await asyncio.to_thread(groups.close)


def _terraforms(setting: str | None, programs: Programs, timings: Timings) -> Sequence[Terraform]:
    """The installed engines. If there are none, every run reports that on GitHub, where people see it."""
    try:
        return find_terraforms(setting, programs=programs, state_lock_s=timings.state_lock_s)
    except TerraformMissing as error:
        log.error("terraform_missing", reason=str(error))
        return ()
