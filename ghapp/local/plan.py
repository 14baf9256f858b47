"""`planward plan`: plan a working copy without GitHub, and report as on a pull request. It never applies.

It plans a copy of the files, so that nothing is written into the working copy. Providers get the person's own
environment, as with Terraform itself.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import msgspec

from checks import gate
from checks.configuration.other_tools import OtherTool
from checks.confirmations import ToConfirm
from checks.errors import ConfigurationError
from checks.report import RootReport, RunReport
from checks.report.conclusion import cause_of, conclusion_of
from checks.sensitive import Mask
from ghapp.errors import JobError
from ghapp.flows.root_module.masked_log import MaskedLog
from ghapp.flows.root_module.root_run import Machine, RootRun
from ghapp.flows.root_module.terraform_plan import FailedCommand, Log, Planned
from ghapp.local.snapshot import copy_working_copy, head_of
from ghapp.local.working_copy import read_working_copy
from ghapp.processes import Stop
from ghapp.processes.private_directories import make_private
from ghapp.processes.sandbox import UNCONFINED, Sandbox
from ghapp.repository_config import read_config
from ghapp.root_modules import Survey, not_supported_cause, unlisted_tools
from ghapp.settings import LocalSettings
from ghapp.terraform import Workdir, find_terraforms
from ghapp.terraform.environment import is_reserved
from ghapp.values import EnvironmentName
from ghapp.vault import OwnLogin
from ghapp.vault.session import Vault

_MOST_NOTES = 5
_NOT_FOR_PROVIDERS = ("PLANWARD_", "VAULT_")
"""Planward's own settings and its login to Vault, which providers do not get on the server either."""


class NothingToPlan(JobError):
    """There is nothing to plan: for example, the requested directory has no root module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One root module's report, and the facts that the gate needs."""

    report: RootReport
    to_confirm: tuple[ToConfirm, ...] = ()

    def gate_facts(self) -> gate.RootFacts:
        return gate.RootFacts(
            root_module=self.report.root_module,
            environment=self.report.environment,
            outcome=self.report.outcome,
            cause=self.report.cause,
            plan_digest=self.report.digest,
            to_confirm=self.to_confirm,
        )


async def plan_working_copy(
    directory: Path,
    environment: str,
    local: LocalSettings,
    environ: Mapping[str, str],
    log: Log,
    sandbox: Sandbox = UNCONFINED,
    *,
    progress: Log = lambda text: None,
    stop: Stop | None = None,
) -> RunReport:
    """Plan the root modules at or below a directory in an environment, layer by layer, and report on them.

    `environ` is what providers get besides the environment's secrets. `progress` receives the start and the end of each
    root module. `stop` ends the plan early. Raises JobError if there is nothing to plan or the config is invalid.
    """
    progress(f"reading {directory}")
    working_copy = await asyncio.to_thread(read_working_copy, directory)
    config = read_config(working_copy.config, branches=working_copy.branches, repository_name=working_copy.name)
    if environment not in config.environments:
        known = ", ".join(config.environments)
        raise NothingToPlan(f'there is no environment "{environment}" in this repository: -e takes {known}')
    configuration, layout = await asyncio.to_thread(working_copy.lay_out, config)
    survey = Survey(
        config=config,
        configuration=configuration,
        layout=layout,
        other_tools=unlisted_tools(config, working_copy.paths),
        pointers=working_copy.pointers,
    )
    below = PurePosixPath(directory.resolve().relative_to(working_copy.directory.resolve()).as_posix())
    tools = [each for each in survey.other_tools if PurePosixPath(each.dir).is_relative_to(below)]
    dirs = _requested(below, survey.of(EnvironmentName(environment)), tools)
    try:
        order = survey.layers(EnvironmentName(environment), dirs)
    except ConfigurationError as error:
        raise NothingToPlan(str(error)) from None
    data_dir = make_private(local.data_dir)
    async with copy_working_copy(working_copy, data_dir / "runs") as checkout:
        planner = _Planner(
            checkout=checkout,
            survey=survey,
            environment=EnvironmentName(environment),
            machine=Machine(
                terraforms=find_terraforms(local.terraform),
                vault=None if local.vault is None else Vault(local.vault),
                data_dir=data_dir,
                provider_cache=make_private(data_dir / "providers"),
                limits=local.limits,
                plan_timeout_s=local.plan_timeout_s,
                # Planning your own working copy needs no permission, unless a setting demands it.
                sources=local.authority.sources,
                sandbox=sandbox,
                repository=working_copy.name,
            ),
            environ=environ,
            log=log,
            progress=progress,
            stop=stop or Stop(),
            slots=asyncio.Semaphore(local.concurrency),
        )
        outcomes = await planner.plan(order)
    commit = await head_of(working_copy.directory)
    notes = tuple(not_supported_cause(each) for each in tools[:_MOST_NOTES])
    return _report(working_copy.name, commit, environment, outcomes, notes)


def _requested(below: PurePosixPath, dirs: Collection[str], tools: Sequence[OtherTool]) -> tuple[str, ...]:
    """The root modules at or below a directory, or else the one that contains the directory."""
    found = tuple(each for each in dirs if PurePosixPath(each).is_relative_to(below))
    around = [each for each in dirs if below.is_relative_to(PurePosixPath(each))]
    if found or around:
        return found or (max(around, key=len),)
    if tools:
        raise NothingToPlan(not_supported_cause(tools[0]))
    known = ", ".join(sorted(dirs)[:10]) or "none"
    raise NothingToPlan(f"there is no root module in {below}; the repository has {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """The values that the root runs of one command share."""

    checkout: Path
    survey: Survey
    environment: EnvironmentName
    machine: Machine
    environ: Mapping[str, str]
    log: Log
    progress: Log
    stop: Stop
    slots: asyncio.Semaphore
    digest_key: bytes = field(repr=False, default_factory=lambda: os.urandom(32))

    async def plan(self, order: Sequence[Sequence[str]]) -> list[_Outcome]:
        """Plan layer after layer. After a failure, the later layers are not tried."""
        outcomes: list[_Outcome] = []
        numbers = iter(range(1, sum(len(layer) for layer in order) + 1))
        of = sum(len(layer) for layer in order)

        async def with_progress(directory: str, failed: Sequence[str]) -> _Outcome:
            outcome = await self._root_module(directory, failed)
            if not self.stop.requested.is_set():
                self.progress(f"{directory}: {outcome.report.outcome} ({next(numbers)} of {of})")
            return outcome

        for layer in order:
            failed = [each.report.root_module for each in outcomes if not each.report.succeeded]
            outcomes += await asyncio.gather(*(with_progress(each, failed) for each in layer))
        return outcomes

    async def _root_module(self, directory: str, failed: Sequence[str]) -> _Outcome:
        root_run = RootRun(self.survey, self.environment, directory, digest_key=self.digest_key)
        if failed:
            return _Outcome(report=root_run.reports.report_blocked(failed))
        if root_run.settings.cause is not None:
            return _Outcome(report=root_run.reports.report_failure(root_run.settings.cause))
        async with self.slots:
            self.progress(f"{directory}: init and plan in {self.environment}")
            try:
                return await self._plan(root_run)
            except JobError as error:
                return _Outcome(report=root_run.reports.report_failure(str(error)))

    async def _plan(self, root_run: RootRun) -> _Outcome:
        pointers = root_run.pointers_read()
        if pointers:
            raise JobError(f"{pointers[0]} is only a Git LFS pointer here: get its contents with `git lfs pull`")
        async with root_run.open_plan(
            self.machine,
            operation="plan",
            authority=OwnLogin(),
            checkout=nullcontext(self.checkout),
            open_log=self._masked_log,
            stop=self.stop,
            adapt=self._in_persons_environment,
        ) as made:
            match made.outcome:
                case FailedCommand() as not_done:
                    return _Outcome(report=root_run.reports.report_failed_command(not_done))
                case Planned(plan=plan, diagnostics=diagnostics):
                    report = root_run.reports.report_plan(plan, diagnostics)
                    return _Outcome(report=report, to_confirm=root_run.find_confirmations(plan))

    @asynccontextmanager
    async def _masked_log(self, mask: Mask) -> AsyncIterator[MaskedLog]:
        log = MaskedLog(mask, self._report_progress)
        try:
            yield log
        finally:
            log.end()

    def _in_persons_environment(self, workdir: Workdir) -> Workdir:
        """Give providers the person's own environment and, without a sandbox, their home directory (`~/.aws`)."""
        own = {
            name: value
            for name, value in self.environ.items()
            if not is_reserved(name) and not name.startswith(_NOT_FOR_PROVIDERS)
        }
        unconfined = self.machine.sandbox.name == "none"
        home = {"HOME": self.environ["HOME"]} if unconfined and "HOME" in self.environ else {}
        return replace(workdir, environ={**own, **workdir.environ, **home})

    def _report_progress(self, text: str) -> None:
        for line in text.splitlines():
            self.log(line)


def _report(
    repository: str, commit: str, environment: str, outcomes: Sequence[_Outcome], notes: tuple[str, ...]
) -> RunReport:
    """The report, with the conclusion that a pull request's check run would have."""
    decision = gate.decide_merge(roots=[outcome.gate_facts() for outcome in outcomes], confirmed=set())
    # Each command makes its own key for the digests and does not keep it, so nobody could compare them with anything.
    reports = tuple(msgspec.structs.replace(outcome.report, digest=None) for outcome in outcomes)
    conclusion = conclusion_of(decision, [report.outcome for report in reports])
    cause = cause_of(decision)
    return RunReport(
        operation="plan",
        environment=environment,
        repository=repository,
        commit_sha=commit,
        conclusion=conclusion,
        cause=cause,
        notes=notes,
        roots=reports,
    )
