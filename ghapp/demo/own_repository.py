"""The demo with a repository of one's own: copied, each backend overridden with a local state in the demo's directory.

Nothing of the directory itself is changed. Terraform runs with an environment that Planward builds from nothing, so
that no credentials of the one who plays are found in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checks.configuration.module import is_terraform_file
from ghapp.demo.loop import AUTHOR, Loop, done, say
from ghapp.demo.sample import Change
from ghapp.demo.stage import DemoError
from ghapp.local.working_copy import WorkingCopy, read_working_copy
from ghapp.repository_config import CONFIG_PATH

OVERRIDE = "zz_planward_demo_override.tf"
"""Terraform merges files of such names over the others, in their order: the last one's backend is the one that counts.

https://developer.hashicorp.com/terraform/language/files/override
"""

MARKER = "planward_demo.tf"
_NOT_COPIED = re.compile(r"\.tfstate(\..*)?$|\.tfplan$|(^|/)\.terraform\.tfstate\.lock\.info$")
_MOST_BYTES = 50_000_000
_NEEDS_MORE = re.compile(
    r"credential|authenti|authoriz|forbidden|token|api key|no such host|dial tcp|connection refused|timed? ?out|"
    r"could not (?:load|find)|unable to locate|cannot be installed|cannot be reached",
    re.IGNORECASE,
)
"""What providers say that have nobody to ask, or nothing to prove themselves with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRepository:
    """What is copied: files by their paths, with the overrides, and its root modules."""

    name: str
    files: Mapping[str, bytes]
    root_modules: tuple[str, ...]
    problems: tuple[str, ...] = ()
    """What cannot be read in the configuration, with its place."""


def read_own_repository(directory: Path, states: Path) -> OwnRepository:
    """Read a Terraform directory. Of a work tree all is copied, the root modules are those in the directory.

    Their states will lie below `states`. Raises DemoError where there is nothing to play with.
    """
    if not directory.is_dir():
        raise DemoError(f"--repo: there is no directory {directory}")
    copy = read_working_copy(directory)
    configuration = copy.configuration()
    below = directory.resolve().relative_to(copy.directory.resolve())
    root_modules = tuple(root.dir for root in configuration.root_modules if Path(root.dir).is_relative_to(below))
    if not root_modules:
        raise DemoError(f"--repo: there is no root module in {directory}: no directory with .tf files that none calls")
    files = _files(copy)
    for root_module in root_modules:
        files[_inside(root_module, OVERRIDE)] = _override(states, root_module)
    files[CONFIG_PATH] = _config(root_modules)
    problems = {
        f"{each.path}:{each.line}: {each.message}"
        for root in configuration.root_modules
        if root.dir in root_modules
        for each in root.problems
    }
    return OwnRepository(
        name=_repository_name(copy.name), files=files, root_modules=root_modules, problems=tuple(sorted(problems))
    )


def play_own_repository(loop: Loop, own: OwnRepository) -> None:
    """The loop: a pull request that touches every root module, its merge, its promotion."""
    say("Every backend is a local state now; provisioners of yours run on this machine, without your credentials")
    loop.prepare(own.files)
    done(f"{loop.full_name}: {', '.join(own.root_modules)}")
    say(f"{AUTHOR} proposes a change to every root module")
    number = loop.propose(_change(own))
    check_run = loop.planned(number)
    if check_run["conclusion"] != "success":
        title, summary = (str(check_run["output"][part]) for part in ("title", "summary"))
        raise DemoError(_why_not(title, summary, own.problems))
    loop.merge_and_watch(number, "planward/apply (staging)")
    loop.promote()


def _files(copy: WorkingCopy) -> dict[str, bytes]:
    """Every file but states and plans; symlinks are left out, since a copy cannot follow them out of itself."""
    kept: dict[str, bytes] = {}
    size_bytes = 0
    for path in sorted(copy.paths - copy.links.keys()):
        if _NOT_COPIED.search(path):
            continue
        kept[path] = (copy.directory / path).read_bytes()
        size_bytes += len(kept[path])
        if size_bytes > _MOST_BYTES:
            raise DemoError(f"--repo: {copy.directory} has more than {_MOST_BYTES // 1_000_000} MB: name a smaller one")
    if not any(is_terraform_file(path) for path in kept):
        raise DemoError(f"--repo: there is no Terraform file in {copy.directory}")
    return kept


def _override(states: Path, root_module: str) -> bytes:
    place = states / (root_module if root_module != "." else "top")
    text = f"""\
terraform {{
  backend "local" {{
    path          = "{place}/default.tfstate"
    workspace_dir = "{place}"
  }}
}}
"""
    return text.encode()


def _config(root_modules: tuple[str, ...]) -> bytes:
    """Each environment has its own workspace; there is nothing in the demo's Vault for this team."""
    entries = "".join(
        f'  - dir: "{each}"\n    workspace: "{{environment}}"\n    backend_config: []\n' for each in root_modules
    )
    return f"secrets: []\nroot_modules:\n{entries}".encode()


def _change(own: OwnRepository) -> Change:
    content = b'resource "terraform_data" "planward_demo" {\n  input = "brought by a pull request"\n}\n'
    return Change(
        branch="planward-demo",
        title="Try Planward",
        body="A resource that needs no provider, in every root module; the rest of the plan is all that is there.",
        files={_inside(root_module, MARKER): content for root_module in own.root_modules},
    )


def _why_not(title: str, summary: str, problems: tuple[str, ...]) -> str:
    # The way out that comes after the cause is for people who have a check run in front of them.
    cause = re.sub(r"\. Correct .* Re-run$", "", title)
    said = f"this repository cannot be planned here: {cause}"
    if problems:
        return f"{said}. It is not valid configuration: {problems[0]}"
    if re.search(r"the provider .* cannot be installed|query available provider", f"{title} {summary}", re.I):
        return (
            f"{said}. A provider is not to be had: Terraform downloads them, or takes them from the mirror that "
            "TF_CLI_CONFIG_FILE names"
        )
    if re.search(r"no value for required variable", f"{title} {summary}", re.I):
        return f"{said}. Give the variable a value in a .tfvars file, as in env/staging.tfvars"
    if _NEEDS_MORE.search(f"{title} {summary}"):
        return f"{said}. The demo has none of your credentials, and no network but this machine's own"
    return said


def _inside(root_module: str, name: str) -> str:
    return name if root_module == "." else f"{root_module}/{name}"


def _repository_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "infrastructure"
