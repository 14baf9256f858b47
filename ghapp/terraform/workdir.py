"""The work directory of one root run: private, with a file for secrets and a place for the plan file."""

import asyncio
import errno
import json
import os
import stat
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ghapp.processes import NO_LIMITS, Limits
from ghapp.processes.private_directories import make_private, private_directory
from ghapp.processes.sandbox import UNCONFINED, Confined, Reach, Sandbox
from ghapp.terraform.environment import base_environment, is_reserved, operator_files, temporary_directory
from ghapp.terraform.errors import TerraformError
from ghapp.terraform.provider_cache import RunProviders, run_providers

DEFAULT_WORKSPACE = "default"
"""Terraform's name for the workspace that always exists."""

_FILE_SUFFIXES = ("_FILE", "GOOGLE_APPLICATION_CREDENTIALS")
"""Suffixes of variables that name files with credentials: tokens of IRSA, ECS and workload identities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir:
    """One root module, ready to run.

    Files are absolute paths on this host; `confined.run_path` gives their paths in the sandbox. `environ` is the whole
    environment, with paths as in the sandbox. `limits` apply to each command with its providers. `undeclared` names
    the variables from Vault that the root module does not declare.
    """

    checkout: Path
    root_module: str
    data_dir: Path
    plan_json: Path
    """The file for the plan JSON. Only this process opens it, so it is outside the directories that a run can reach."""
    environ: Mapping[str, str] = field(repr=False)
    providers: RunProviders
    var_files: tuple[Path, ...] = ()
    backend_config: tuple[Path, ...] = ()
    limits: Limits = NO_LIMITS
    undeclared: tuple[str, ...] = ()
    confined: Confined = field(default=UNCONFINED, repr=False)

    @property
    def directory(self) -> Path:
        """The root module's directory in the checkout."""
        return self.checkout / self.root_module

    def in_workspace(self, workspace: str) -> "Workdir":
        """The same work directory with another workspace."""
        environ = {name: value for name, value in self.environ.items() if name != "TF_WORKSPACE"}
        if workspace != DEFAULT_WORKSPACE:
            environ["TF_WORKSPACE"] = workspace
        return replace(self, environ=environ)

    @property
    def plan_file(self) -> Path:
        """The path of this run's plan file. It is outside the checkout, and is removed with the directory."""
        return self.data_dir.parent / "planfile"

    def read_plan_file(self, most_bytes: int) -> bytes | None:
        """Read the plan file. None if it is too large or not a file, since a run could put anything there.

        Raises OSError.
        """
        try:
            descriptor = os.open(self.plan_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(most_bytes + 1)
        return content if len(content) <= most_bytes else None

    def write_plan_file(self, content: bytes) -> None:
        """Write a plan file for the run to apply. Raises OSError."""
        self.plan_file.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self.plan_file, flags, 0o600), "wb") as file:
            file.write(content)
        self.confined.give(self.plan_file)


@asynccontextmanager
async def prepare_workdir(
    work: Path,
    *,
    checkout: Path,
    root_module: str,
    workspace: str = DEFAULT_WORKSPACE,
    tfvars: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    declared: Collection[str] | None = None,
    var_files: Sequence[str | Path] = (),
    backend_config: Sequence[str | Path] = (),
    provider_cache: Path | None = None,
    limits: Limits = NO_LIMITS,
    sandbox: Sandbox = UNCONFINED,
    repository: str = "repository",
    engine_files: Sequence[Path] = (),
) -> AsyncIterator[Workdir]:
    """Prepare a private directory below `work` for a root run, and always remove it afterwards.

    In a `sandbox`, the path at which the run sees the checkout depends only on `repository`. Besides the files that
    every sandbox shows, the run can read the `engine_files`, the provider cache, CA files, and the operator's Terraform
    configuration with the files that it names.

    `declared` are the variables that the root module declares; None means that all are declared. The `tfvars` among
    them are written to a file with mode 0600, and the names of the others are in `Workdir.undeclared`. `given` are
    environment variables from the server's own environment. If one names a file with credentials, the run gets a copy
    of the file. `env` are further environment variables, which take precedence. Relative `var_files` and
    `backend_config` are relative to the root module. Raises TerraformError if a file is not in the checkout, or if
    `env` would set a variable that only Planward may set.
    """
    for name in env or {}:
        if is_reserved(name):
            raise TerraformError(
                f'a secret is called "{name}", but only Planward may set this environment variable: '
                "rename the key in Vault, or give it another name with map in .github/planward.yml"
            )
    checkout, work = checkout.resolve(), work.resolve()
    taken, undeclared = _split_declared(tfvars or {}, declared)
    files = [_file(checkout, root_module, path, "var_files") for path in var_files]
    backend_files = tuple(_file(checkout, root_module, path, "backend_config") for path in backend_config)
    async with private_directory(work, "run") as around:
        private = make_private(around / "own")
        if taken:
            files.append(_write_secrets(private / "secrets.tfvars.json", taken))
        shared = provider_cache if sandbox.shares_caches else None
        with temporary_directory(private, is_moved=sandbox.has_mounts) as temporary:
            reach = Reach(
                checkout=checkout,
                private=private,
                repository=repository,
                temporary=temporary,
                reads=(*engine_files, *operator_files(), *(() if shared is None else (shared.absolute(),))),
            )
            confined = sandbox.confine(reach)
            own = _with_copies(given or {}, private / "given", confined.run_path)
            base = base_environment(private, temporary, confined.run_path)
            environ = {**base, **own, **(env or {})}
            if workspace != DEFAULT_WORKSPACE:
                environ["TF_WORKSPACE"] = workspace
            workdir = Workdir(
                checkout=confined.host_path(checkout),
                root_module=root_module,
                data_dir=confined.host_path(private) / "data",
                plan_json=around / "plan.json",
                environ=environ,
                var_files=tuple(confined.host_path(path) for path in files),
                backend_config=tuple(confined.host_path(path) for path in backend_files),
                providers=run_providers(
                    confined.host_path(private),
                    confined.host_path(checkout) / root_module,
                    shared,
                    # These variables may hold tokens for registries. A provider that was downloaded with such a token
                    # must not be shared with other repositories.
                    own_names=[*(env or {}), *(name for name in own if name.startswith("TF_TOKEN_"))],
                ),
                limits=replace(limits, directories=(confined.host_path(checkout), confined.host_path(private))),
                undeclared=undeclared,
                confined=confined,
            )
            async with confined.entered():
                await asyncio.to_thread(workdir.providers.write_config)
                yield workdir


def _split_declared(
    tfvars: Mapping[str, Any], declared: Collection[str] | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The values of declared variables, and the names of the others."""
    if declared is None:
        return dict(tfvars), ()
    taken = {name: value for name, value in tfvars.items() if name in declared}
    return taken, tuple(sorted(set(tfvars) - set(taken)))


def _file(checkout: Path, root_module: str, path: str | Path, key: str) -> Path:
    top = checkout.resolve()
    found = (top / root_module / path).resolve()
    if not found.is_relative_to(top):
        raise TerraformError(
            f'{key} of the root module "{root_module}" names "{path}", which leads out of the repository: correct it'
        )
    if not found.is_file():
        raise TerraformError(
            f'{key} of the root module "{root_module}" names "{path}", and there is no such file: add it, or '
            "correct the name"
        )
    return found


def _write_secrets(path: Path, tfvars: Mapping[str, Any]) -> Path:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(tfvars, file, ensure_ascii=False)
    return path


def _with_copies(given: Mapping[str, str], directory: Path, run_path: Callable[[Path], Path]) -> dict[str, str]:
    """The server's variables for a run. A file with credentials is copied into the run's own directory, and its
    variable names the copy."""
    found: dict[str, str] = {}
    for name, value in given.items():
        if is_reserved(name):
            continue
        source = Path(value)
        if name.endswith(_FILE_SUFFIXES) and source.is_absolute() and source.is_file():
            directory.mkdir(mode=0o700, exist_ok=True)
            copy = directory / name
            copy.touch(mode=0o600)
            copy.write_bytes(source.read_bytes())
            value = str(run_path(copy))
        found[name] = value
    return found
