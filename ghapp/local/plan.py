"""`planward plan`: the report of a pull request for a working copy, without GitHub, never an apply.

What is planned is a copy of the files, so that nothing is written beside them. Providers find the person's own
environment, as with Terraform itself.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import msgspec

from checks import gate
from checks.configuration import Configuration
from checks.configuration.layers import layers
from checks.errors import ConfigurationError
from checks.report import RootReport, RunReport, report_failure, report_plan, report_skipped
from checks.report.conclusion import cause_of, conclusion_of
from checks.sensitive import Mask
from ghapp.errors import JobError
from ghapp.flows.root_module.terraform_plan import NotDone, credentials_of, make_plan
from ghapp.local.snapshot import copied, head_of
from ghapp.local.working_copy import WorkingCopy, read_working_copy
from ghapp.processes import Stop
from ghapp.processes.private_directories import make_private
from ghapp.repository_config import Environment, RepositoryConfig, read_config
from ghapp.root_modules import RootModuleSettings
from ghapp.settings import LocalSettings
from ghapp.terraform import Terraform, Workdir, choose, find_terraforms, prepare_workdir
from ghapp.terraform.environment import is_ours
from ghapp.values import EnvironmentName
from ghapp.vault import OwnLogin, Vault

Log = Callable[[str], None]

_NOT_THEIRS = ("PLANWARD_", "VAULT_")
"""Planward's own settings and its login; no provider gets them on the server either."""


class NothingToPlan(JobError):
    """What was asked for is not in the working copy; says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One root module's report, and what the gate has to know of it."""

    report: RootReport
    to_confirm: tuple[str, ...] = ()

    def verdict(self) -> gate.RootVerdict:
        return gate.RootVerdict(
            root_module=self.report.root_module,
            environment=self.report.environment,
            outcome=self.report.outcome,
            cause=self.report.cause,
            plan_digest=self.report.digest,
            to_confirm=self.to_confirm,
        )


async def plan_working_copy(
    directory: Path, environment: str, local: LocalSettings, environ: Mapping[str, str], log: Log
) -> RunReport:
    """Plan the root modules at or below a directory in an environment, layer by layer, and report on them.

    `environ` is what providers find besides the environment's secrets. Raises JobError where there is nothing to plan
    or the config is not valid.
    """
    working_copy = read_working_copy(directory)
    config = read_config(working_copy.config, branches=working_copy.branches, repository_name=working_copy.name)
    if environment not in config.environments:
        known = ", ".join(config.environments)
        raise NothingToPlan(f'there is no environment "{environment}" in this repository: -e takes {known}')
    configuration, layout = working_copy.lay_out(config)
    settings = {each.dir: each for each in layout[EnvironmentName(environment)]}
    dirs = _requested(working_copy, directory, settings)
    try:
        order = layers(
            configuration,
            dirs,
            {each.dir: each.depends_on for each in settings.values()},
            {each.dir: each.backend_values for each in settings.values()},
        )
    except ConfigurationError as error:
        raise NothingToPlan(str(error)) from None
    data_dir = make_private(local.data_dir)
    async with copied(working_copy, data_dir / "runs") as checkout:
        planner = _Planner(
            checkout=checkout,
            config=config,
            environment=config.environments[EnvironmentName(environment)],
            configuration=configuration,
            settings=settings,
            terraforms=find_terraforms(local.terraform),
            vault=None if local.vault is None else Vault(local.vault),
            local=local,
            environ=environ,
            log=log,
            places=asyncio.Semaphore(local.concurrency),
        )
        outcomes = await planner.plan(order)
    commit = await head_of(working_copy.directory)
    return _report(config, working_copy.name, commit, environment, outcomes)


def _requested(working_copy: WorkingCopy, directory: Path, dirs: Collection[str]) -> tuple[str, ...]:
    """The root modules at or below a directory, else the one that the directory is a part of."""
    below = PurePosixPath(directory.resolve().relative_to(working_copy.directory.resolve()).as_posix())
    found = tuple(each for each in dirs if PurePosixPath(each).is_relative_to(below))
    around = [each for each in dirs if below.is_relative_to(PurePosixPath(each))]
    if found or around:
        return found or (max(around, key=len),)
    there = ", ".join(sorted(dirs)[:10]) or "none in the whole repository"
    raise NothingToPlan(f"there is no root module in {below}: there is {there}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """What the root runs of one command share."""

    checkout: Path
    config: RepositoryConfig
    environment: Environment
    configuration: Configuration
    settings: Mapping[str, RootModuleSettings]
    terraforms: Sequence[Terraform]
    vault: Vault | None
    local: LocalSettings
    environ: Mapping[str, str]
    log: Log
    places: asyncio.Semaphore
    digest_key: bytes = field(repr=False, default_factory=lambda: os.urandom(32))

    async def plan(self, order: Sequence[Sequence[str]]) -> list[_Outcome]:
        """Plan layer after layer; what builds on one that failed is not tried."""
        outcomes: list[_Outcome] = []
        for layer in order:
            failed = [each.report.root_module for each in outcomes if not each.report.went_well]
            outcomes += await asyncio.gather(*(self._root_module(self.settings[each], failed) for each in layer))
        return outcomes

    async def _root_module(self, settings: RootModuleSettings, failed: Sequence[str]) -> _Outcome:
        if failed:
            cause = f"{settings.dir} was not tried: {', '.join(failed)} below it did not succeed"
            return _Outcome(
                report=report_skipped(
                    root_module=settings.dir,
                    environment=self.environment.name,
                    workspace=settings.workspace,
                    cause=cause,
                )
            )
        if settings.cause is not None:
            return self._failed(settings, settings.cause, Mask.none())
        async with self.places:
            try:
                return await self._plan(settings)
            except JobError as error:
                return self._failed(settings, str(error), Mask.none())

    async def _plan(self, settings: RootModuleSettings) -> _Outcome:
        terraform = choose(self.terraforms, settings.required_version)
        root = self.configuration.by_dir[settings.dir]
        async with credentials_of(
            settings, self.environment, self.vault, operation="plan", authority=OwnLogin()
        ) as credentials:
            mask = Mask.of(credentials.values)
            masked = mask.lines()
            async with prepare_workdir(
                self.local.data_dir / "runs",
                checkout=self.checkout,
                root_module=settings.dir,
                workspace=settings.workspace,
                tfvars=credentials.tfvars,
                env=credentials.env,
                declared=root.variables,
                var_files=[self.checkout / path for path in settings.var_files],
                backend_config=[self.checkout / path for path in settings.backend_config],
                provider_cache=make_private(self.local.data_dir / "providers"),
                limits=self.local.limits,
            ) as workdir:
                planned = await make_plan(
                    terraform,
                    self._in_persons_environment(workdir),
                    environment=self.environment.name,
                    lock=False,
                    log=lambda line: self._say(masked.feed(line + "\n")),
                    stop=Stop(),
                    timeout_s=self.local.plan_timeout_s,
                    options=settings.extra_arguments,
                )
                self._say(masked.flush())
            if isinstance(planned, NotDone):
                return self._not_done(settings, planned, mask, workdir.warnings)
            report = report_plan(
                planned.plan,
                root_module=settings.dir,
                environment=self.environment.name,
                workspace=settings.workspace,
                mask=mask,
                declarations=root.declarations,
                diagnostics=planned.diagnostics,
                warnings=workdir.warnings,
                digest_key=self.digest_key,
            )
            return _Outcome(report=report, to_confirm=gate.to_confirm(planned.plan, self.config.confirm))

    def _in_persons_environment(self, workdir: Workdir) -> Workdir:
        """What providers find: the person's environment, and their home for what lies there (`~/.aws`)."""
        own = {
            name: value
            for name, value in self.environ.items()
            if not is_ours(name) and not name.startswith(_NOT_THEIRS)
        }
        home = {"HOME": self.environ["HOME"]} if "HOME" in self.environ else {}
        return replace(workdir, environ={**own, **workdir.environ, **home})

    def _say(self, text: str) -> None:
        for line in text.splitlines():
            self.log(line)

    def _not_done(
        self, settings: RootModuleSettings, not_done: NotDone, mask: Mask, warnings: tuple[str, ...]
    ) -> _Outcome:
        return _Outcome(
            report=report_failure(
                root_module=settings.dir,
                environment=self.environment.name,
                workspace=settings.workspace,
                cause=not_done.cause(settings.dir, self.environment.name),
                mask=mask,
                diagnostics=not_done.diagnostics,
                warnings=warnings,
                timed_out=not_done.finished.timed_out,
            )
        )

    def _failed(self, settings: RootModuleSettings, cause: str, mask: Mask) -> _Outcome:
        return _Outcome(
            report=report_failure(
                root_module=settings.dir,
                environment=self.environment.name,
                workspace=settings.workspace,
                cause=cause,
                mask=mask,
            )
        )


def _report(
    config: RepositoryConfig, repository: str, commit: str, environment: str, outcomes: Sequence[_Outcome]
) -> RunReport:
    """The report, with the conclusion that a pull request's check run would have."""
    decision = gate.decide_merge(roots=[outcome.verdict() for outcome in outcomes], confirmed_digests=set())
    # Whose key is thrown away a digest says nothing.
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
        roots=reports,
    )
