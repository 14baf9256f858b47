"""One root module in one environment, from its secrets to its plan and report.

This module needs no GitHub, database or mirror. So the local command `planward plan` can use it too, besides the
server's runs and `planward unlock`.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, assert_never

from checks.authority.server_variables import secrets_of
from checks.authority.sources import AllowedSources
from checks.configuration import RootModule
from checks.confirmations import ToConfirm, changes_to_confirm
from checks.gate import Proceed
from checks.plan import Plan
from checks.plan.apply_stream import ApplyStream
from checks.plan.parity import confirmation
from checks.sensitive import Mask
from ghapp.errors import JobError
from ghapp.flows.root_module.kept_plan import ApprovedFile, read_approved_plan
from ghapp.flows.root_module.known_secrets import KnownSecrets
from ghapp.flows.root_module.masked_log import MaskedLog
from ghapp.flows.root_module.plan_reading import read_in_time
from ghapp.flows.root_module.reports import RootReports
from ghapp.flows.root_module.second_copy import ExistingResources, NothingElsewhere, find_existing
from ghapp.flows.root_module.terraform_plan import FailedCommand, OpenModules, Planned, make_plan, no_module_access
from ghapp.git import Submodule
from ghapp.processes import Limits, Stop
from ghapp.processes.sandbox import Sandbox
from ghapp.repository_config import placeholder_branch
from ghapp.root_modules import Survey
from ghapp.terraform import DEFAULT_WORKSPACE, Finished, Terraform, Workdir, choose, prepare_workdir
from ghapp.values import TESTING, EnvironmentName
from ghapp.vault import DEFAULT_SOURCES, Authority, Credentials, VaultRun
from ghapp.vault.session import Vault

Checkout = AbstractAsyncContextManager[Path]
OpenLog = Callable[[Mask], AbstractAsyncContextManager[MaskedLog]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The parts of the machine that root runs use."""

    terraforms: Sequence[Terraform]
    vault: Vault | None
    data_dir: Path
    provider_cache: Path
    limits: Limits
    plan_timeout_s: float
    sources: AllowedSources | None
    """Allowed sources of providers and modules; None: any."""
    sandbox: Sandbox
    repository: str
    """A name for the repository, which becomes part of the path at which its runs see their checkouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlan:
    """The result of planning. It is usable only while the secrets and the plan file exist, inside `open_plan`."""

    outcome: Planned | FailedCommand
    terraform: Terraform
    workdir: Workdir
    log: MaskedLog
    replan: "Callable[[], Awaitable[OpenPlan]]" = field(repr=False)
    """Plans again, in the same work directory."""
    is_approved_file: bool = False
    """Whether this is the plan file that somebody approved, rather than a new plan."""


class RootRun:
    """One root run: it plans a root module, and applies the plan. `reports` makes its reports."""

    def __init__(self, survey: Survey, environment: EnvironmentName, root_module: str, *, digest_key: bytes) -> None:
        self.settings = survey.of(environment)[root_module]
        self._survey = survey
        self.confirm = survey.config.confirm
        everywhere = [each for members in survey.layout.values() for each in members if each.dir == root_module]
        own = self.settings.backend_values
        self._workspaces = {each.workspace for each in everywhere if each.backend_values == own}
        self._environment = survey.config.environments[environment]
        self._declared = survey.configuration.by_dir[root_module]
        self._digest_key = digest_key
        declarations = self._declared.declarations
        files = (each.path for each in declarations.values())
        self._secrets = KnownSecrets([root_module, *declarations, *files])
        self.reports = RootReports(self.settings, environment, self._declared, self._secrets, digest_key=digest_key)
        self._ephemeral = frozenset(name for name, each in self._declared.variables.items() if each.ephemeral)

    def builds_on(self) -> frozenset[str]:
        """The root modules whose state this one reads, or that the config puts before it."""
        return self._survey.builds_on(self._environment.name, self.settings.dir)

    @property
    def root_module(self) -> RootModule:
        """The root module in the configuration."""
        return self._declared

    @property
    def pointers(self) -> tuple[str, ...]:
        """The tree's Git LFS pointer files."""
        return self._survey.pointers

    def pointers_read(self) -> tuple[str, ...]:
        """The pointer files that the root module may read."""
        return self._survey.pointers_read_by(self._environment.name, self.settings.dir) if self.pointers else ()

    def submodules_read(self) -> tuple[Submodule, ...]:
        """The submodules with files that the root module may read."""
        name = self._environment.name
        return self._survey.submodules_read_by(name, self.settings.dir) if self._survey.submodules else ()

    @property
    def mask(self) -> Mask:
        """A mask for the secrets known so far."""
        return self._secrets.mask

    @contextlib.asynccontextmanager
    async def prepare(
        self,
        machine: Machine,
        *,
        operation: str,
        authority: Authority,
        checkout: Checkout,
        open_log: OpenLog,
        given: Mapping[str, str] | None = None,
    ) -> AsyncIterator[tuple[Terraform, Workdir, MaskedLog, Credentials]]:
        """Choose the engine, read the secrets and prepare the work directory. Raises JobError.

        `given` are environment variables of the server that the operator has allowed for this run.
        """
        settings = self.settings
        terraform = choose(machine.terraforms, settings.required_version, settings.pins)
        self._require_kept_state(machine.sandbox)
        async with (
            self._credentials(machine.vault, operation=operation, authority=authority) as credentials,
            checkout as directory,
        ):
            await read_in_time(self.where, self._secrets.learn, (*credentials.values, *secrets_of(given or {})))
            async with (
                open_log(self.mask) as log,
                prepare_workdir(
                    machine.data_dir / "runs",
                    checkout=directory,
                    root_module=settings.dir,
                    workspace=settings.workspace,
                    tfvars=credentials.tfvars,
                    env=credentials.env,
                    given=given,
                    declared=self._declared.variables,
                    var_files=[directory / path for path in settings.var_files],
                    backend_config=[directory / path for path in settings.backend_config],
                    provider_cache=machine.provider_cache,
                    limits=machine.limits,
                    sandbox=machine.sandbox,
                    repository=machine.repository,
                    engine_files=terraform.files,
                ) as workdir,
            ):
                unmasked = self._secrets.warn_of_unmaskable({**credentials.env, **credentials.tfvars})
                self.reports.warnings = tuple(unmasked)
                self.reports.undeclared = tuple(name for name in workdir.undeclared if name in credentials.requested)
                yield terraform, workdir, log, credentials

    def _require_kept_state(self, sandbox: Sandbox) -> None:
        """Raise JobError if the state is a file that would be deleted with the sandbox."""
        backend = self._declared.backend
        if backend is None or backend.type != "local":
            return
        name = "path" if self.settings.workspace == DEFAULT_WORKSPACE else "workspace_dir"
        path = self.settings.backend_values.get(name)
        if isinstance(path, str) and not sandbox.keeps(Path(os.path.normpath(path))):
            raise JobError(
                f"{self.where}: the state would be written to {path} in the sandbox, and removed with it: use a remote "
                "backend and push that change; or ask the operator to add the directory of that file to "
                "PLANWARD_SANDBOX_PATHS, as DIRECTORY:rw, then press Re-run"
            )

    def learner(self, log: MaskedLog) -> Callable[[Sequence[str]], None]:
        """Return a function that takes secrets, and masks them in this log from then on."""
        return partial(self._secrets.learn, log=log)

    @contextlib.asynccontextmanager
    async def open_plan(
        self,
        machine: Machine,
        *,
        operation: str,
        authority: Authority,
        checkout: Checkout,
        open_log: OpenLog,
        stop: Stop,
        wait_for_writer: Callable[[], Awaitable[None]] | None = None,
        modules: OpenModules = no_module_access,
        given: Mapping[str, str] | None = None,
        adapt: Callable[[Workdir], Workdir] = lambda workdir: workdir,
        approved: ApprovedFile | None = None,
    ) -> AsyncIterator[OpenPlan]:
        """Plan the root module, and keep the plan open for an apply. Raises JobError.

        The state is locked only if the plan is made for an apply; a pull request's plan writes nothing. Before the
        plan, `adapt` may change the work directory, for example its environment variables. `wait_for_writer` waits for
        a run that is writing the state. An `approved` plan file is used instead of a new plan, if it can still be read
        and its variables are current.
        """
        async with self.prepare(
            machine, operation=operation, authority=authority, checkout=checkout, open_log=open_log, given=given
        ) as (terraform, workdir, log, credentials):
            workdir = adapt(workdir)
            confined = workdir.confined

            async def vacate_and_wait() -> None:
                async with confined.vacated():
                    if wait_for_writer is not None:
                        await wait_for_writer()

            async def plan() -> OpenPlan:
                outcome = await make_plan(
                    terraform,
                    workdir,
                    environment=self._environment.name,
                    lock=operation == "apply",
                    log=log,
                    foreign=log.foreign,
                    stop=stop,
                    timeout_s=machine.plan_timeout_s,
                    options=self.settings.extra_arguments,
                    sources=machine.sources,
                    wait_for_writer=None if wait_for_writer is None else vacate_and_wait,
                    modules=modules,
                    learn=self.learner(log),
                )
                await self._learn(outcome, log)
                return OpenPlan(outcome=outcome, terraform=terraform, workdir=workdir, log=log, replan=plan)

            async def use_approved(approved: ApprovedFile) -> OpenPlan | None:
                found = await read_approved_plan(
                    approved,
                    terraform,
                    workdir,
                    environment=self._environment.name,
                    variables=self._planned_variables(credentials),
                    log=log,
                    stop=stop,
                    timeout_s=machine.plan_timeout_s,
                    sources=machine.sources,
                    modules=modules,
                    learn=self.learner(log),
                )
                if found is None:
                    return None
                await self._learn(found, log)
                return OpenPlan(
                    outcome=found,
                    terraform=terraform,
                    workdir=workdir,
                    log=log,
                    replan=plan,
                    is_approved_file=True,
                )

            taken = None if approved is None else await use_approved(approved)
            yield taken or await plan()

    def _planned_variables(self, credentials: Credentials) -> dict[str, Any]:
        """The variables from Vault whose values are in a plan file: the declared ones that are not ephemeral."""
        names = self._declared.variables.keys() - self._ephemeral
        by_environment = {f"TF_VAR_{name}": name for name in names}
        values = {by_environment[key]: value for key, value in credentials.env.items() if key in by_environment}
        return values | {name: value for name, value in credentials.tfvars.items() if name in names}

    async def _learn(self, outcome: Planned | FailedCommand, log: MaskedLog) -> None:
        match outcome:
            case Planned(plan=plan):
                sensitive = await read_in_time(self.where, plan.sensitive_values)
                await read_in_time(self.where, self._secrets.learn, sensitive, log=log, plan=plan)
            case FailedCommand(sensitive=sensitive):
                await read_in_time(self.where, self._secrets.learn, sensitive, log=log)

    @property
    def where(self) -> str:
        """The words with which error messages begin: "ROOT_MODULE in ENVIRONMENT"."""
        return f"{self.settings.dir} in {self._environment.name}"

    async def find_second_copy(self, made: OpenPlan, plan: Plan, *, stop: Stop) -> str | None:
        """Say why the plan must not be applied; None if it may be applied.

        It must not be applied if the state is empty and a workspace of the same backend that belongs to no environment
        has resources: the plan may create these resources a second time. A workspace whose state cannot be read counts
        as one that has resources. If the backend cannot list its workspaces, or has too many to check them all, this
        returns None, and a warning in the report says so.
        """
        environment = self._environment.name
        asked = environment != TESTING and not self.settings.workspace_is_explicit
        if not (asked and plan.state_empty and plan.counts.add):
            return None
        found = await find_existing(
            made.terraform, made.workdir, workspaces_of_environments=self._workspaces, stop=stop
        )
        match found:
            case ExistingResources():
                return self.mask.text(found.cause(self.settings.dir, environment, self.settings.workspace))
            case NothingElsewhere(unknown=unknown):
                self.reports.warnings += () if unknown is None else (unknown,)
                return None
            case _ as never:
                assert_never(never)

    async def apply(
        self, made: OpenPlan, plan: Plan, proceed: Proceed, stream: ApplyStream, *, stop: Stop, timeout_s: float
    ) -> Finished:
        """Apply the plan; `stream` receives the progress.

        If the apply may create sensitive values that are not known yet, errors and the output of provisioners are
        withheld until these values have been read from the new state.
        """
        finished = await made.terraform.apply(
            made.workdir,
            None,
            proceed,
            made.log,
            stop,
            foreign=made.log.foreign if plan.has_unknown_secrets else made.log,
            heard=stream.read,
            with_variables=bool(self._ephemeral),
            timeout_s=timeout_s,
            options=self.settings.apply_arguments,
        )
        diagnostics = await self._secrets.learn_from_state(
            made.terraform, made.workdir, made.log, plan, finished.diagnostics
        )
        return replace(finished, diagnostics=diagnostics)

    @contextlib.asynccontextmanager
    async def _credentials(
        self, vault: Vault | None, *, operation: str, authority: Authority
    ) -> AsyncIterator[Credentials]:
        """Read the root module's secrets, and revoke the logins for them at the end. Raises JobError.

        `authority` decides whose secrets may be read. Before it grants access, only the team's list of repositories is
        read, and only if the decision depends on that list.
        """
        settings = self.settings
        if settings.secrets == () or (vault is None and settings.secrets is None):
            yield Credentials()
            return
        if vault is None:
            raise JobError(
                ".github/planward.yml names secrets, but Planward has no Vault: ask the operator to set VAULT_ADDR, "
                "then press Re-run; or merge `secrets: []` into .github/planward.yml"
            )
        sources = settings.secrets if settings.secrets is not None else DEFAULT_SOURCES
        run = VaultRun(
            team=settings.team,
            environment=self._environment.name,
            branch=placeholder_branch(self._environment),
            operation=operation,
        )
        authority.require_paths(sources, run)
        async with vault.credentials(sources, run, authority) as credentials:
            yield credentials

    def find_confirmations(self, plan: Plan, words: Sequence[str] | None = None) -> tuple[ToConfirm, ...]:
        """The changes that a person has to confirm.

        `words` are the kinds of changes that need confirmation; if it is None, those in the config's `confirm`.
        """
        mask = self.mask.but_names(plan.names())
        return tuple(
            ToConfirm(
                address=mask.address(change.address),
                confirmation=confirmation(self._environment.name, change, key=self._digest_key),
            )
            for change in changes_to_confirm(plan, self.confirm if words is None else words)
        )
