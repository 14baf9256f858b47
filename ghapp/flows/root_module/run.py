"""One root module in one environment, as one durable step: secrets, init, plan, show, gate, apply, revoke.

After an interruption the whole step runs again, and makes a new plan. If the gate were a step of its own, its stored
permission for the old plan would then be used for the new plan. The step stores the masked report, and returns only
ids, names, digests, counts and masked texts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from functools import partial

import msgspec

from checks import gate
from checks.authority.sources import AllowedSources
from checks.confirmations import ToConfirm, unconfirmed_addresses
from checks.plan import Action, Plan
from checks.plan.apply_stream import ApplyStream
from checks.plan.parity import (
    NOTHING_SEEN,
    ChangeSummary,
    PlanSummary,
    closest,
    summarize,
    unseen,
)
from checks.report import RootReport
from checks.report.grave import with_dangers
from checks.report.not_there_yet import LowerPlan, not_there_yet
from ghapp.durable import park, patiently, side_by_side, step
from ghapp.errors import JobError
from ghapp.flows.repository import FetchedRepo, load_repo
from ghapp.flows.root_module.failures import how_far
from ghapp.flows.root_module.job import RootJob, RootOutcome, reviewed_summaries, with_summary
from ghapp.flows.root_module.kept_plan import find_approved_file, keep_plan_file
from ghapp.flows.root_module.plan_reading import read_in_time
from ghapp.flows.root_module.private_modules import checkout_with_modules, module_access
from ghapp.flows.root_module.progress import show_apply_progress
from ghapp.flows.root_module.root_run import Machine, OpenPlan, RootRun
from ghapp.flows.root_module.run_log import open_log
from ghapp.flows.root_module.stopping import STOP_POLL_S, lend_slot, take_slot, watch_for_stop
from ghapp.flows.root_module.terraform_plan import FailedCommand
from ghapp.flows.survey import installed_terraforms, survey_of_run
from ghapp.processes import Stop
from ghapp.processes.slots import Slot
from ghapp.services import Services
from ghapp.store import Run
from ghapp.terraform import Finished
from ghapp.values import TESTING, RepositoryId


class _Stopped(Exception):
    """The run has to stop. The message is the reason."""


class _ProcessEnds(Exception):
    """The process has to end; the next process runs the step again."""


async def run_root_modules(services: Services, jobs: Sequence[RootJob]) -> tuple[RootOutcome, ...]:
    """Run root modules in parallel, each as one durable step.

    Twice as many are started as there are slots, so that one is always waiting when a slot becomes free.
    """

    def begin(job: RootJob) -> Awaitable[RootOutcome]:
        name = f"{job.operation} {job.part} {job.root_module}"
        return step(name, RootOutcome, run_root_module, services, job)

    return await side_by_side([partial(begin, job) for job in jobs], at_once=2 * services.settings.concurrency)


async def run_root_module(services: Services, job: RootJob) -> RootOutcome:
    """Plan one root module, and apply the plan if the gate allows it. Expected failures are returned."""
    run = await services.store.runs.load(job.run_id)
    if job.blocked_by:
        work = await _root_step(services, job, run)
        return await work.keep(work.root_run.reports.report_blocked(job.blocked_by))
    try:
        async with (
            watch_for_stop(services, job.run_id) as stop,
            # Load the survey only with a slot: the surveys of all waiting jobs would fill the memory.
            take_slot(services, run.repository_id, job.operation, stop) as taken,
        ):
            work = await _root_step(services, job, run)
            return await work.run_or_fail(taken, stop)
    except _ProcessEnds:
        await park()
    except _Stopped as stopped:
        return await work.keep(work.root_run.reports.report_skipped(str(stopped)))


async def machine_of(services: Services, repository_id: RepositoryId) -> Machine:
    """The parts of this machine that a repository's root runs use. Raises TerraformMissing."""
    return Machine(
        terraforms=await installed_terraforms(services),
        vault=services.vault,
        data_dir=services.settings.data_dir,
        provider_cache=services.provider_cache,
        limits=services.settings.limits,
        plan_timeout_s=services.settings.plan_timeout_s,
        sources=services.settings.authority.sources or AllowedSources(),
        sandbox=services.sandbox,
        repository=str(repository_id),
    )


async def _root_step(services: Services, job: RootJob, run: Run) -> "_RootStep":
    repo = await load_repo(services, run.repository_id)
    repo = await repo.with_merge(job.base_sha or job.config_sha, run.head_sha, job.tree)
    repo = await repo.with_commits(job.config_sha)
    survey = await survey_of_run(repo, job.run_id, job.config_sha, job.tree)
    return _RootStep(repo, job, RootRun(survey, job.environment, job.root_module, digest_key=services.digest_key))


class _RootStep:
    """One root run as a durable step: plans the root module, passes the plan through the gate, applies it and stores
    the result."""

    def __init__(self, repo: FetchedRepo, job: RootJob, root_run: RootRun) -> None:
        self.root_run = root_run
        self._repo = repo
        self._services = repo.services
        self._job = job
        self._summary: PlanSummary | None = None
        self._second_copy: str | None = None
        self._to_confirm: tuple[ToConfirm, ...] = ()

    async def run_or_fail(self, slot: Slot, stop: Stop) -> RootOutcome:
        """Execute the step, and report a JobError as a failure, unless it only occurred because the run has to stop."""
        if self.root_run.settings.cause is not None:
            return await self.keep(self.root_run.reports.report_failure(self.root_run.settings.cause))
        try:
            return await self.execute(slot, stop)
        except JobError as error:
            await self._raise_if_stopping(stop)
            return await self.keep(self.root_run.reports.report_failure(str(error)))

    async def execute(self, slot: Slot, stop: Stop) -> RootOutcome:
        """Read the secrets, plan, decide, apply, and revoke the secrets."""
        job = self._job
        await self._raise_if_stopping(stop)
        part = f"{job.environment} {job.root_module}"
        checkout = checkout_with_modules(
            self._repo,
            job.tree,
            use=job.operation,
            pointers=self.root_run.pointers,
            read=await asyncio.to_thread(self.root_run.pointers_read),
            submodules=await asyncio.to_thread(self.root_run.submodules_read),
            from_fork=job.from_fork,
        )
        authority = await self._repo.authority()
        variables = self._services.settings.server_variables
        async with self.root_run.open_plan(
            await machine_of(self._services, self._repo.id),
            operation=job.operation,
            authority=authority,
            given=variables.given(authority.repository, job.environment, job.operation),
            checkout=checkout,
            open_log=lambda mask: open_log(self._services.store, job.run_id, part, mask),
            stop=stop,
            wait_for_writer=lambda: self._wait_for_applies(slot, stop),
            modules=lambda further: module_access(
                self._repo, self.root_run.root_module, further, from_fork=job.from_fork
            ),
            approved=await find_approved_file(self._services, job),
        ) as made:
            return await self._judge(made, stop)

    async def _judge(self, made: OpenPlan, stop: Stop) -> RootOutcome:
        """Pass the plan through the gate and apply it; if it is an approved plan that is out of date, plan again."""
        planned = made.outcome
        if isinstance(planned, FailedCommand):
            return await self._keep_failed_command(planned, stop)
        job, plan = self._job, planned.plan
        self._second_copy = await self.root_run.find_second_copy(made, plan, stop=stop)
        # Plans are processed in threads, because a large plan would block the event loop.
        self._summary = await read_in_time(self.root_run.where, self._summarize, plan)
        previews = await reviewed_summaries(self._services, job.previews, job.root_module)
        reviewed = await asyncio.to_thread(self._reviewed_plan, previews)
        report = await read_in_time(
            self.root_run.where, self.root_run.reports.report_plan, plan, planned.diagnostics, reviewed=reviewed
        )
        if self._summary is not None:
            self._summary = await asyncio.to_thread(with_dangers, self._summary, report.changes)
        self._to_confirm = await asyncio.to_thread(self.root_run.find_confirmations, plan, job.confirm)
        if job.review is None:
            return await self.keep(report, plan)
        match await asyncio.to_thread(self._decide, plan, report, job.review, previews):
            case gate.Refuse(cause=cause):
                failed = await asyncio.to_thread(self.root_run.reports.report_failure, cause, planned.diagnostics)
                return await self.keep(failed)
            case gate.Hold() as hold:
                return await self.keep(
                    report, plan, held=hold, plan_kept=await self._keep_plan_file(made, report, hold)
                )
            case gate.Proceed() as proceed:
                await self._raise_if_stopping(stop)
                if plan.changes_anything:
                    stream = await asyncio.to_thread(ApplyStream, plan)
                    applied = await self._apply(made, plan, proceed, stream, stop)
                    if made.is_approved_file and _is_out_of_date(applied, stream):
                        made.log("The approved plan cannot be applied any more: making a new plan")
                        await self._raise_if_stopping(stop)
                        return await self._judge(await made.replan(), stop)
                    if not applied.done:
                        return await self._keep_failed_apply(applied, stream, stop)
                elif (before := await self._find_earlier_apply()) is not None:
                    return await self.keep(before, plan)
                return await self.keep(report.applied(), plan)

    async def _keep_plan_file(self, made: OpenPlan, report: RootReport, hold: gate.Hold) -> bool:
        """If a person can approve the held plan, store its plan file. Returns whether it was stored."""
        if hold.button != "apply" or report.digest is None:
            return False
        run = await self._services.store.runs.load(self._job.run_id)
        return await keep_plan_file(
            self._services, self._job, run.repository_id, report.digest, made.terraform, made.workdir
        )

    async def _apply(
        self, made: OpenPlan, plan: Plan, proceed: gate.Proceed, stream: ApplyStream, stop: Stop
    ) -> Finished:
        timeout_s = self._services.settings.apply_timeout_s
        async with show_apply_progress(self._repo, self._job.run_id, self._job.root_module, stream):
            return await self.root_run.apply(made, plan, proceed, stream, stop=stop, timeout_s=timeout_s)

    async def _keep_failed_apply(self, applied: Finished, stream: ApplyStream, stop: Stop) -> RootOutcome:
        """Store the results of an apply that failed or was stopped."""
        if self._services.stopping.is_set():
            raise _ProcessEnds
        root_run = self.root_run
        results = await asyncio.to_thread(stream.results, root_run.mask) if stream.has_begun else ()
        if stop.requested.is_set():
            reason = await self._why_it_stops()
            cause = f"{root_run.where}: the apply was stopped{how_far(results)}: {reason}" if results else reason
            return await self.keep(root_run.reports.report_skipped(cause, results))
        not_done = FailedCommand(
            command="apply", finished=applied, diagnostics=applied.diagnostics, held_lock=True, results=results
        )
        return await self.keep(await asyncio.to_thread(root_run.reports.report_failed_command, not_done))

    async def _find_earlier_apply(self) -> RootReport | None:
        """The report of the changes that this run applied before it was interrupted; None if there are none.

        Such a report remains the root module's result, because the plan after the interruption has nothing left to do.
        """
        kept = await self._services.store.runs.readable_root_reports(self._job.run_id)
        raw = kept.get((self._job.part, self._job.root_module))
        report = None if raw is None else msgspec.json.decode(raw, type=RootReport)
        return report if report is not None and report.outcome == "applied" and report.changes_anything else None

    async def _wait_for_applies(self, slot: Slot, stop: Stop) -> None:
        """Wait until no other apply of this environment is running. Others may use the slot in the meantime."""
        run = await self._services.store.runs.load(self._job.run_id)
        async with lend_slot(slot, stop):
            while not stop.requested.is_set():
                applies = await self._services.store.runs.unfinished_applies(run.repository_id, self._job.environment)
                # A person can also request the plan of a branch's tip. Then this run is itself one of the applies, and
                # must not wait for itself.
                if all(apply.id == run.id for apply in applies):
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.requested.wait(), STOP_POLL_S)

    def _reviewed_plan(self, previews: Sequence[PlanSummary]) -> PlanSummary | None:
        """The reviewed plan to compare with: an empty one if no preview has this root module; None: do not compare."""
        if self._summary is None or not self._job.compared:
            return None
        return closest(previews, self._summary) or NOTHING_SEEN

    def _decide(
        self, plan: Plan, report: RootReport, review: gate.Review, previews: Sequence[PlanSummary]
    ) -> gate.Proceed | gate.Hold | gate.Refuse:
        assert report.digest is not None
        job = self._job
        not_shown: Sequence[ChangeSummary] = ()
        if job.compared and self._summary is not None:
            not_shown = unseen(previews, self._summary, job.parity, values_follow=job.values_follow)
        return gate.decide_apply(
            run=job.run_id,
            environment=job.environment,
            root_module=job.root_module,
            plan_digest=report.digest,
            errored=plan.errored,
            complete=plan.complete,
            changes_anything=plan.changes_anything,
            review=review,
            by_hand=job.by_hand,
            second_copy=self._second_copy,
            unconfirmed=unconfirmed_addresses(self._to_confirm, job.confirmed),
            unseen=not_shown,
        )

    async def _keep_failed_command(self, not_done: FailedCommand, stop: Stop) -> RootOutcome:
        await self._raise_if_stopping(stop)
        # On a pull request, a root module that needs another one's apply first can be planned at apply time. If a
        # person requested the plan of a branch's tip, this is not possible: exactly this plan is to be applied.
        if self._job.review is None and self._job.operation == "plan" and not_done.command == "plan":
            why = await asyncio.to_thread(not_there_yet, not_done.diagnostics, self._lower_plans())
            if why is not None:
                return await self.keep(self.root_run.reports.report_planned_at_apply(why))
        return await self.keep(await asyncio.to_thread(self.root_run.reports.report_failed_command, not_done))

    def _lower_plans(self) -> dict[str, LowerPlan]:
        """This run's plans of the root modules that this one builds on."""
        reads = self.root_run.builds_on() if self._job.lower else ()
        return {directory: plan for directory, plan in self._job.lower.items() if directory in reads}

    async def _raise_if_stopping(self, stop: Stop) -> None:
        """Raise if the run has to stop."""
        if self._services.stopping.is_set():
            raise _ProcessEnds
        if stop.requested.is_set():
            raise _Stopped(await self._why_it_stops())

    async def _why_it_stops(self) -> str:
        return await self._services.store.runs.cancel_reason(self._job.run_id) or "it was cancelled"

    def _summarize(self, plan: Plan) -> PlanSummary | None:
        """Summarize a preview, or a plan that may be held, for later comparisons; None for testing's plans."""
        if self._job.operation == "plan" and self._job.environment == TESTING:
            return None
        return summarize(plan, mask=self.root_run.mask, key=self._services.digest_key)

    async def keep(
        self,
        report: RootReport,
        plan: Plan | None = None,
        *,
        held: gate.Hold | None = None,
        plan_kept: bool = False,
    ) -> RootOutcome:
        """Store the masked report, and return the step's result."""
        if held is not None:
            report = msgspec.structs.replace(report, cause=self.root_run.mask.text(held.cause))
        job, encoded = self._job, msgspec.json.encode(with_summary(report, self._summary))
        keep_root_run = self._services.store.runs.keep_root_run
        # If the database is unavailable, only storing is repeated: repeating the step would plan again after the apply.
        await patiently(
            "keep",
            lambda: keep_root_run(job.run_id, job.part, job.root_module, outcome=report.outcome, report=encoded),
        )
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
            confirm=self._to_confirm,
            changes_anything=plan is not None and plan.changes_anything,
            new_outputs=() if plan is None else _new_outputs(plan),
            state_empty=report.state_empty,
            second_copy=self._second_copy,
            plan_kept=plan_kept,
        )


def _new_outputs(plan: Plan) -> tuple[str, ...]:
    return tuple(output.name for output in plan.output_changes if output.action is Action.CREATE)


def _is_out_of_date(applied: Finished, stream: ApplyStream) -> bool:
    """Whether Terraform refused the plan file before changing anything.

    It does so if the state or the providers have changed since the plan was made.
    """
    interrupted = applied.interrupted or applied.timed_out or applied.exceeded is not None or applied.exit_code < 0
    return not (applied.done or interrupted or stream.has_begun)
