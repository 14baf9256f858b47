"""From secrets to a plan, for one root module in its work directory: what every operation begins with.

Needs no GitHub, no database and no mirror, so that a working copy is planned by the same steps as a pull request.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from checks.diagnostic import Diagnostic
from checks.errors import PlanFormatError
from checks.plan import Plan, read_plan
from ghapp.errors import JobError
from ghapp.flows.root_module.failures import Command, cause_of, cause_of_limit
from ghapp.processes import Stop
from ghapp.repository_config import Environment, placeholder_branch
from ghapp.root_modules import RootModuleSettings
from ghapp.terraform import Failure, Finished, Terraform, Workdir
from ghapp.vault import DEFAULT_SOURCES, Authority, Credentials, Vault, VaultRun

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, still in the clear, and what Terraform remarked while it was made."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDone:
    """A command that did not do what it was asked; `diagnostics` are its own and what `validate` adds."""

    command: Command
    finished: Finished
    diagnostics: tuple[Diagnostic, ...] = ()
    held_lock: bool = False
    """Whether it had the state's lock."""

    def cause(self, root_module: str, environment: str) -> str:
        """What, where, the way out; not of an interrupted one."""
        over = cause_of_limit(self.finished, self.command, root_module, environment, held_lock=self.held_lock)
        return over or cause_of(self.finished, self.command, root_module, environment)


@contextlib.asynccontextmanager
async def credentials_of(
    settings: RootModuleSettings,
    environment: Environment,
    vault: Vault | None,
    *,
    operation: str,
    authority: Authority,
) -> AsyncIterator[Credentials]:
    """Read a root module's secrets; what was logged in for it is revoked at the end. Raises JobError.

    `authority` says whose secrets may be read; nothing else is read before the team is open to the repository.
    """
    if settings.secrets == () or (vault is None and settings.secrets is None):
        yield Credentials()
        return
    if vault is None:
        raise JobError(
            ".github/planward.yml names secrets, but Planward has no Vault: "
            "the operator has to set VAULT_ADDR, or the config `secrets: []`"
        )
    sources = settings.secrets if settings.secrets is not None else DEFAULT_SOURCES
    run = VaultRun(
        team=settings.team,
        environment=environment.name,
        branch=placeholder_branch(environment),
        operation=operation,
    )
    authority.require_paths(sources, run)
    async with vault.credentials(sources, run, authority) as credentials:
        yield credentials


async def make_plan(
    terraform: Terraform,
    workdir: Workdir,
    *,
    environment: str,
    lock: bool,
    log: Log,
    stop: Stop,
    timeout_s: float,
    options: Sequence[str] = (),
    until_written: Callable[[], Awaitable[None]] | None = None,
) -> Planned | NotDone:
    """init, plan, show. Without `lock` a state that was just being written is read once more, after `until_written`.

    They have `timeout_s` seconds together; waiting for others does not count. Raises JobError where the plan cannot be
    read.
    """
    log(f"{terraform.name} {terraform.version}: {workdir.root_module} in {environment}")

    left_s = timeout_s

    async def timed(command: Callable[[], Awaitable[Finished]]) -> Finished:
        nonlocal left_s
        finished = await command()
        left_s = max(left_s - finished.took_s, 0)
        return finished

    async def repeated(command: Callable[[], Awaitable[Finished]]) -> Finished:
        finished = await timed(command)
        if not lock and until_written is not None and finished.failure is Failure.STATE_UNREADABLE:
            log("The state could not be read; once more, after whoever is writing it")
            await until_written()
            finished = await timed(command)
        return finished

    initialised = await repeated(lambda: terraform.init(workdir, log, stop, timeout_s=left_s))
    if not initialised.done:
        return NotDone(command="init", finished=initialised, diagnostics=initialised.diagnostics)
    planned = await repeated(
        lambda: terraform.plan(workdir, lock=lock, log=log, stop=stop, timeout_s=left_s, options=options)
    )
    if not planned.done:
        more = await _validated(planned, terraform, workdir, left_s)
        diagnostics = tuple(dict.fromkeys((*planned.diagnostics, *more)))
        return NotDone(command="plan", finished=planned, diagnostics=diagnostics, held_lock=lock)
    shown = await terraform.show(workdir, stop=stop, timeout_s=left_s)
    if isinstance(shown, Finished):
        return NotDone(command="show", finished=shown)
    try:
        plan = read_plan(shown)
    except PlanFormatError as error:
        raise JobError(f"{workdir.root_module} in {environment}: {error}") from None
    return Planned(plan=plan, diagnostics=planned.diagnostics)


async def _validated(
    planned: Finished, terraform: Terraform, workdir: Workdir, timeout_s: float
) -> tuple[Diagnostic, ...]:
    """What `validate` adds to a plan that failed before its walk: a missing variable hides other errors."""
    if planned.interrupted or planned.timed_out or planned.exceeded is not None:
        return ()
    return await terraform.validate(workdir, timeout_s=timeout_s)
