"""Plan one root module in its work directory: init, plan and show within one time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace

from checks.authority.sources import AllowedSources
from checks.diagnostic import Diagnostic
from checks.errors import PlanFormatError
from checks.plan import Plan, marked_in_state, read_plan
from checks.plan.apply_stream import ResourceResult
from ghapp.errors import JobError
from ghapp.flows.root_module.failures import Command, cause_of, cause_of_limit, how_far
from ghapp.flows.root_module.plan_reading import read_in_time
from ghapp.processes import Stop
from ghapp.terraform import Failure, Finished, Terraform, Workdir, installed_modules, installed_providers
from ghapp.terraform.failures import unavailable_modules

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, not yet masked, and Terraform's warnings while it was made."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCommand:
    """A command of Terraform that did not succeed; `diagnostics` are its own and those of `validate`."""

    command: Command
    finished: Finished
    diagnostics: tuple[Diagnostic, ...] = ()
    held_lock: bool = False
    """Whether the command held the state's lock."""
    sensitive: frozenset[str] = field(default=frozenset(), repr=False)
    """Values that the state marks as sensitive, which errors may quote."""
    results: tuple[ResourceResult, ...] = ()
    """The results of an apply for each resource; empty if it did not begin any."""

    def cause(self, root_module: str, environment: str) -> str:
        """Say what failed, where, and what to do; not for an interrupted command."""
        progress = how_far(self.results)
        over = cause_of_limit(
            self.finished, self.command, root_module, environment, held_lock=self.held_lock, how_far=progress
        )
        return over or cause_of(self.finished, self.command, root_module, environment, how_far=progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleAccess:
    """Environment variables that only `init` gets, to fetch modules; `secrets` are the values in them to mask."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    allows: Callable[[str], bool] = lambda source: False
    """Whether the operator lists the repository of this module source. PLANWARD_SOURCES need not allow it then."""

    lacks: Callable[[str], bool] = lambda source: False
    """Whether the operator lists the repository of this module source, but this access does not include it yet."""

    def of(self, workdir: Workdir) -> Workdir:
        """The work directory, with these environment variables for `init`."""
        return replace(workdir, environ={**workdir.environ, **self.environ})


OpenModules = Callable[[Collection[str]], AbstractAsyncContextManager[ModuleAccess]]
"""Opens access to the modules that the root module names, and to these further sources."""


def no_module_access(further: Collection[str]) -> AbstractAsyncContextManager[ModuleAccess]:
    """No access beyond the run's own environment."""
    return nullcontext(ModuleAccess())


async def init_with_modules(
    init: Callable[[Workdir], Awaitable[Finished]],
    workdir: Workdir,
    modules: OpenModules,
    *,
    log: Log,
    learn: Callable[[Sequence[str]], None],
) -> tuple[Finished, ModuleAccess]:
    """Run init, and again if a downloaded module names another repository that the operator lists.

    `learn` receives the secrets of each access before they are used. The access ends with its init.
    """
    named: tuple[str, ...] = ()
    while True:
        async with modules(named) as access:
            learn(access.secrets)
            finished = await init(access.of(workdir))
        more = () if finished.done else unavailable_modules(finished.diagnostics)
        lacking = tuple(source for source in more if access.lacks(source))
        if not lacking:
            return finished, access
        log("A module comes from another repository that the operator lists: running init again with access to it")
        named += lacking


async def make_plan(
    terraform: Terraform,
    workdir: Workdir,
    *,
    environment: str,
    lock: bool,
    log: Log,
    foreign: Log,
    stop: Stop,
    timeout_s: float,
    options: Sequence[str] = (),
    sources: AllowedSources | None = None,
    wait_for_writer: Callable[[], Awaitable[None]] | None = None,
    modules: OpenModules = no_module_access,
    learn: Callable[[Sequence[str]], None] = lambda secrets: None,
) -> Planned | FailedCommand:
    """Run init, plan and show, within `timeout_s` seconds in total; waiting for other runs does not count.

    Without `lock`, the state may be unreadable because another run is writing it: then the command is repeated after
    `wait_for_writer`. `foreign` receives the plan's errors, which may quote values that only the plan or the state
    marks as sensitive. The access of `modules` is revoked before the plan begins; `learn` receives its secrets before
    they are used. Raises JobError if init installed something outside `sources`, and if the plan cannot be read.
    """
    log(f"{terraform.name} {terraform.version}: {workdir.root_module} in {environment}")

    left_s = timeout_s

    async def run_timed(command: Callable[[], Awaitable[Finished]]) -> Finished:
        nonlocal left_s
        finished = await command()
        left_s = max(left_s - finished.took_s, 0)
        return finished

    async def run_twice_if_unreadable(command: Callable[[], Awaitable[Finished]]) -> Finished:
        finished = await run_timed(command)
        if not lock and wait_for_writer is not None and finished.failure is Failure.STATE_UNREADABLE:
            log("The state could not be read, perhaps because another run is writing it: trying once more")
            await wait_for_writer()
            finished = await run_timed(command)
        return finished

    initialised, access = await init_with_modules(
        lambda with_modules: run_twice_if_unreadable(lambda: terraform.init(with_modules, log, stop, timeout_s=left_s)),
        workdir,
        modules,
        log=log,
        learn=learn,
    )
    if not initialised.done:
        return FailedCommand(command="init", finished=initialised, diagnostics=initialised.diagnostics)
    if sources is not None:
        await asyncio.to_thread(require_allowed, sources, access, workdir, environment)
    planned = await run_twice_if_unreadable(
        lambda: terraform.plan(
            workdir, lock=lock, log=log, foreign=foreign, stop=stop, timeout_s=left_s, options=options
        )
    )
    if not planned.done:
        more = await _validate(planned, terraform, workdir, left_s)
        diagnostics = tuple(dict.fromkeys((*planned.diagnostics, *more)))
        sensitive = await _sensitive_in_state(planned, terraform, workdir)
        return FailedCommand(
            command="plan", finished=planned, diagnostics=diagnostics, held_lock=lock, sensitive=sensitive
        )
    shown = await terraform.show(workdir, stop=stop, timeout_s=left_s)
    if isinstance(shown, Finished):
        return FailedCommand(command="show", finished=shown)
    plan = await read_in_time(f"{workdir.root_module} in {environment}", read_plan, shown)
    return Planned(plan=plan, diagnostics=planned.diagnostics)


def require_allowed(sources: AllowedSources, access: ModuleAccess, workdir: Workdir, environment: str) -> None:
    """Raise JobError if init installed something that the operator does not allow.

    Call it before anything that init installed is run.
    """
    providers = (address for address, _ in installed_providers(workdir.data_dir))
    modules = [source for source in installed_modules(workdir.data_dir) if not access.allows(source)]
    refusal = sources.refusal(providers, modules)
    if refusal is not None:
        raise JobError(f"{workdir.root_module} in {environment} is not planned: {refusal}")


async def _sensitive_in_state(planned: Finished, terraform: Terraform, workdir: Workdir) -> frozenset[str]:
    """The values that the state marks as sensitive, if the errors of the failed plan may quote them."""
    if planned.failure is not Failure.OTHER or planned.exceeded is not None:
        return frozenset()
    state_json = await terraform.show_state(workdir)
    try:
        return frozenset() if state_json is None else await asyncio.to_thread(marked_in_state, state_json)
    except PlanFormatError:
        return frozenset()


async def _validate(
    planned: Finished, terraform: Terraform, workdir: Workdir, timeout_s: float
) -> tuple[Diagnostic, ...]:
    """The errors of `validate`, for a plan that failed early: a missing variable hides other errors."""
    if planned.interrupted or planned.timed_out or planned.exceeded is not None:
        return ()
    return await terraform.validate(workdir, timeout_s=timeout_s)
