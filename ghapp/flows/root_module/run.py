"""One root module in one environment, as one durable step: secrets, init, plan, show, gate, apply, revoke.

Made again from its start after an interruption, since a replayed step would hand an old `Proceed` to a new plan. What
leaves it is ids, digests, counts and a masked report.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from functools import partial

import msgspec

from checks import gate
from checks.diagnostic import Diagnostic
from checks.plan import Plan
from checks.plan.parity import PlanSummary, summarize
from checks.report import RootReport, report_failure, report_plan, report_skipped
from checks.sensitive import Mask
from ghapp.durable import park, patiently, side_by_side, step
from ghapp.errors import JobError
from ghapp.flows.repository import FetchedRepo, load_repo
from ghapp.flows.root_module.job import RootJob, RootOutcome, reviewed_summary, with_summary
from ghapp.flows.root_module.run_log import RunLog, open_log
from ghapp.flows.root_module.stopping import STOP_POLL_S, lent, slot, watched
from ghapp.flows.root_module.terraform_plan import NotDone, credentials_of, make_plan
from ghapp.flows.survey import survey_of_run, terraforms
from ghapp.processes import Stop
from ghapp.root_modules import RootModuleSettings, Survey
from ghapp.services import Services
from ghapp.slots import Slot
from ghapp.store import Run
from ghapp.terraform import Terraform, Workdir, choose, prepare_workdir
from ghapp.values import TESTING


class _Stopped(Exception):
    """The run has to stop; `str` says why."""


class _ProcessEnds(Exception):
    """The process is to end; the step is made again by the next one."""


async def run_root_modules(services: Services, jobs: Sequence[RootJob]) -> tuple[RootOutcome, ...]:
    """Run root modules side by side, each as one durable step.

    Twice as many are under way as there are slots, so that one of them waits whenever a slot is free.
    """

    def begin(job: RootJob) -> Awaitable[RootOutcome]:
        name = f"{job.operation} {job.part} {job.root_module}"
        return step(name, RootOutcome, run_root_module, services, job)

    return await side_by_side([partial(begin, job) for job in jobs], at_once=2 * services.settings.concurrency)


async def run_root_module(services: Services, job: RootJob) -> RootOutcome:
    """Plan, and where the gate lets it, apply one root module. Gives a value for everything that can be expected."""
    run = await services.store.runs.load(job.run_id)
    if job.blocked_by:
        work = await _root_run(services, job, run)
        return await work.skip(f"{job.root_module} was not tried: {', '.join(job.blocked_by)} below it did not succeed")
    try:
        async with (
            watched(services, job.run_id) as stop,
            # What it takes to carry it out is read behind this: there may be many that wait.
            slot(services, run.repository_id, job.operation, stop) as taken,
        ):
            work = await _root_run(services, job, run)
            return await work.carry_out_or_fail(taken, stop)
    except _ProcessEnds:
        await park()
    except _Stopped as stopped:
        return await work.skip(str(stopped))


async def _root_run(services: Services, job: RootJob, run: Run) -> "_RootRun":
    repo = await load_repo(services, run.repository_id)
    repo = await repo.with_merge(job.config_sha, run.head_sha, job.tree)
    survey = await survey_of_run(repo, job.run_id, job.config_sha, job.tree)
    settings = survey.of(job.environment)[job.root_module]
    return _RootRun(repo, job, survey, settings)


class _RootRun:
    """One root run: what its commands share."""

    def __init__(self, repo: FetchedRepo, job: RootJob, survey: Survey, settings: RootModuleSettings) -> None:
        self._repo = repo
        self._services = repo.services
        self._job = job
        self._survey = survey
        self._settings = settings
        self._mask = Mask.none()
        self._warnings: tuple[str, ...] = ()
        self._summary: PlanSummary | None = None

    async def carry_out_or_fail(self, slot: Slot, stop: Stop) -> RootOutcome:
        """Carry it out. What breaks off since the run has to stop is no failure of its own."""
        if self._settings.cause is not None:
            return await self.fail(self._settings.cause)
        try:
            return await self.carry_out(slot, stop)
        except JobError as error:
            await self._go_on(stop)
            return await self.fail(str(error))

    async def carry_out(self, slot: Slot, stop: Stop) -> RootOutcome:
        """Everything between reading secrets and revoking them."""
        job, settings = self._job, self._settings
        await self._go_on(stop)
        terraform = choose(await terraforms(self._services), settings.required_version)
        root = self._survey.configuration.by_dir[job.root_module]
        environment = self._survey.config.environments[job.environment]
        authority = await self._repo.authority()
        vault = self._services.vault
        async with (
            credentials_of(settings, environment, vault, operation=job.operation, authority=authority) as credentials,
            self._repo.mirror.checkout(job.tree) as checkout,
        ):
            self._mask = Mask.of(credentials.values)
            part = f"{job.environment} {job.root_module}"
            async with (
                open_log(self._services.store, job.run_id, part, self._mask) as log,
                prepare_workdir(
                    self._services.settings.data_dir / "runs",
                    checkout=checkout,
                    root_module=job.root_module,
                    workspace=settings.workspace,
                    tfvars=credentials.tfvars,
                    env=credentials.env,
                    declared=root.variables,
                    var_files=[checkout / path for path in settings.var_files],
                    backend_config=[checkout / path for path in settings.backend_config],
                    provider_cache=self._services.provider_cache,
                    limits=self._services.settings.limits,
                ) as workdir,
            ):
                self._warnings = workdir.warnings
                return await self._commands(terraform, workdir, log, slot, stop)

    async def _commands(
        self, terraform: Terraform, workdir: Workdir, log: RunLog, slot: Slot, stop: Stop
    ) -> RootOutcome:
        """init, plan, show, gate, apply."""
        job, limits = self._job, self._services.settings
        planned = await make_plan(
            terraform,
            workdir,
            environment=job.environment,
            lock=job.operation == "apply",  # a pull request's plan writes nothing
            log=log,
            stop=stop,
            timeout_s=limits.plan_timeout_s,
            options=self._settings.extra_arguments,
            until_written=lambda: self._wait_for_applies(slot, stop),
        )
        if isinstance(planned, NotDone):
            return await self._not_done(planned, stop)
        plan = planned.plan
        self._summary = self._summarize(plan)
        reviewed = await reviewed_summary(self._services, job.reviewed, job.root_module)
        report = self._report(plan, planned.diagnostics, reviewed)
        if job.review is None:
            return await self.keep(report, plan)
        match self._decide(plan, report, job.review):
            case gate.Refuse(cause=cause):
                return await self.fail(cause, planned.diagnostics)
            case gate.Hold() as hold:
                return await self.keep(report, plan, held=hold)
            case gate.Proceed() as proceed:
                await self._go_on(stop)
                if plan.changes_anything:
                    applied = await terraform.apply(
                        workdir,
                        None,
                        proceed,
                        log,
                        stop,
                        timeout_s=limits.apply_timeout_s,
                        options=self._settings.apply_arguments,
                    )
                    if not applied.done:
                        not_done = NotDone(
                            command="apply", finished=applied, diagnostics=applied.diagnostics, held_lock=True
                        )
                        return await self._not_done(not_done, stop)
                return await self.keep(report.applied(), plan)

    async def _wait_for_applies(self, slot: Slot, stop: Stop) -> None:
        """Wait while this environment is being applied; the slot is lent meanwhile, since that apply may need it."""
        run = await self._services.store.runs.load(self._job.run_id)
        async with lent(slot, stop):
            while not stop.requested.is_set():
                applies = await self._services.store.runs.applies(run.repository_id, self._job.environment)
                if all(apply.status == "completed" for apply in applies):
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.requested.wait(), STOP_POLL_S)

    def _decide(self, plan: Plan, report: RootReport, review: gate.Review) -> gate.Proceed | gate.Hold | gate.Refuse:
        assert report.digest is not None
        assert report.shape_digest is not None
        environment = self._survey.config.environments[self._job.environment]
        return gate.decide_apply(
            run=self._job.run_id,
            environment=environment.name,
            root_module=self._job.root_module,
            plan_digest=report.digest,
            shape_digest=report.shape_digest,
            errored=plan.errored,
            complete=plan.complete,
            changes_anything=plan.changes_anything,
            review=review,
            by_hand=self._job.by_hand,
        )

    async def _not_done(self, not_done: NotDone, stop: Stop) -> RootOutcome:
        await self._go_on(stop)
        cause = not_done.cause(self._job.root_module, self._job.environment)
        return await self.fail(cause, not_done.diagnostics, timed_out=not_done.finished.timed_out)

    async def _go_on(self, stop: Stop) -> None:
        """Raise where the run has to stop."""
        if self._services.stopping.is_set():
            raise _ProcessEnds
        if stop.requested.is_set():
            raise _Stopped(await self._services.store.runs.cancel_reason(self._job.run_id) or "it was cancelled")

    def _summarize(self, plan: Plan) -> PlanSummary | None:
        """What is remembered of a plan that another one may be compared with: a preview, or one that may be held."""
        if self._job.operation == "plan" and self._job.environment == TESTING:
            return None
        return summarize(plan, mask=self._mask, key=self._services.digest_key)

    def _report(self, plan: Plan, diagnostics: tuple[Diagnostic, ...], reviewed: PlanSummary | None) -> RootReport:
        root = self._survey.configuration.by_dir[self._job.root_module]
        return report_plan(
            plan,
            root_module=self._job.root_module,
            environment=self._job.environment,
            workspace=self._settings.workspace,
            mask=self._mask,
            declarations=root.declarations,
            diagnostics=diagnostics,
            warnings=self._warnings,
            digest_key=self._services.digest_key,
            reviewed=reviewed,
        )

    async def fail(
        self, cause: str, diagnostics: tuple[Diagnostic, ...] = (), *, timed_out: bool = False
    ) -> RootOutcome:
        """End as failed; `cause` is what, where, the way out."""
        report = report_failure(
            root_module=self._job.root_module,
            environment=self._job.environment,
            workspace=self._settings.workspace,
            cause=cause,
            mask=self._mask,
            diagnostics=diagnostics,
            warnings=self._warnings,
            timed_out=timed_out,
        )
        return await self.keep(report)

    async def skip(self, cause: str) -> RootOutcome:
        """End as not tried, or not finished."""
        report = report_skipped(
            root_module=self._job.root_module,
            environment=self._job.environment,
            workspace=self._settings.workspace,
            cause=cause,
        )
        return await self.keep(report)

    async def keep(self, report: RootReport, plan: Plan | None = None, *, held: gate.Hold | None = None) -> RootOutcome:
        """Keep the masked report, and give what leaves the step."""
        if held is not None:
            report = msgspec.structs.replace(report, cause=self._mask.text(held.cause))
        job, encoded = self._job, msgspec.json.encode(with_summary(report, self._summary))
        keep_root_run = self._services.store.runs.keep_root_run
        # All of the step again would plan anew what is applied now.
        await patiently(
            "keep",
            lambda: keep_root_run(job.run_id, job.part, job.root_module, outcome=report.outcome, report=encoded),
        )
        confirm = self._survey.config.confirm
        return RootOutcome(
            part=self._job.part,
            environment=self._job.environment,
            root_module=self._job.root_module,
            outcome="held" if held is not None else report.outcome,
            may_be_approved=held is not None and held.button is not None,
            cause=report.cause,
            digest=report.digest,
            shape_digest=report.shape_digest,
            counts=report.counts,
            to_confirm=() if plan is None else gate.to_confirm(plan, confirm),
            changes_anything=plan is not None and plan.changes_anything,
            state_empty=report.state_empty,
        )
