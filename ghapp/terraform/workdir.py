"""The work directory of one root run: private, with the secrets' file and a place for the plan file."""

import json
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ghapp.processes import NO_LIMITS, Limits
from ghapp.processes.private_directories import private_directory
from ghapp.terraform import provider_cache as cache
from ghapp.terraform.environment import base_environment, is_ours, temporary_directory
from ghapp.terraform.errors import TerraformError

DEFAULT_WORKSPACE = "default"
"""Terraform's own name for the workspace that is always there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir:
    """One root module, ready to be run: files are absolute, `environ` is the whole environment.

    `limits` are what each command may take, its providers included. `undeclared` are the names of variables that were
    given and that the root module does not declare.
    """

    checkout: Path
    root_module: str
    data_dir: Path
    environ: Mapping[str, str] = field(repr=False)
    var_files: tuple[Path, ...] = ()
    backend_config: tuple[Path, ...] = ()
    provider_lock: Path | None = None
    limits: Limits = NO_LIMITS
    undeclared: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """The root module's directory in the checkout."""
        return self.checkout / self.root_module

    def in_workspace(self, workspace: str) -> "Workdir":
        """The same with another workspace selected."""
        environ = {name: value for name, value in self.environ.items() if name != "TF_WORKSPACE"}
        if workspace != DEFAULT_WORKSPACE:
            environ["TF_WORKSPACE"] = workspace
        return replace(self, environ=environ)

    @property
    def plan_file(self) -> Path:
        """Where this run's plan file lies: outside of the checkout, removed with everything else."""
        return self.data_dir.parent / "planfile"

    @property
    def plan_json(self) -> Path:
        """Where the plan JSON lies while it is read."""
        return self.data_dir.parent / "plan.json"


@asynccontextmanager
async def prepare_workdir(
    work: Path,
    *,
    checkout: Path,
    root_module: str,
    workspace: str = DEFAULT_WORKSPACE,
    tfvars: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    declared: Collection[str] | None = None,
    var_files: Sequence[str | Path] = (),
    backend_config: Sequence[str | Path] = (),
    provider_cache: Path | None = None,
    limits: Limits = NO_LIMITS,
) -> AsyncIterator[Workdir]:
    """Prepare a private directory below `work` for a root run, and remove it afterwards, whatever happens.

    `tfvars` are written to a file with mode 0600, only those that the root module declares (`declared`; None takes
    all); the others are named in `undeclared`. `env` is added to the environment. Relative `var_files` and
    `backend_config` are the root module's. Raises TerraformError where a file is not in the checkout, or `env` would
    set a variable that is Planward's.
    """
    for name in env or {}:
        if is_ours(name):
            raise TerraformError(
                f'a secret is called "{name}", which as an environment variable is Planward\'s own to set: '
                "rename the key in Vault, or give it another name with map in .github/planward.yml"
            )
    taken, undeclared = _taken(tfvars or {}, declared)
    files = [_file(checkout, root_module, path, "var_files") for path in var_files]
    backend_files = tuple(_file(checkout, root_module, path, "backend_config") for path in backend_config)
    async with private_directory(work, "run") as private:
        if taken:
            files.append(_write_secrets(private / "secrets.tfvars.json", taken))
        providers = cache.provider_cache(provider_cache)
        with temporary_directory(private) as temporary:
            environ = {**base_environment(private, temporary), **providers.variables, **(env or {})}
            if workspace != DEFAULT_WORKSPACE:
                environ["TF_WORKSPACE"] = workspace
            yield Workdir(
                checkout=checkout,
                root_module=root_module,
                data_dir=private / "data",
                environ=environ,
                var_files=tuple(files),
                backend_config=backend_files,
                provider_lock=providers.lock,
                limits=limits,
                undeclared=undeclared,
            )


def _taken(tfvars: Mapping[str, Any], declared: Collection[str] | None) -> tuple[dict[str, Any], tuple[str, ...]]:
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
        raise TerraformError(f'{key} of the root module "{root_module}" names "{path}", and there is no such file')
    return found


def _write_secrets(path: Path, tfvars: Mapping[str, Any]) -> Path:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(tfvars, file, ensure_ascii=False)
    return path
