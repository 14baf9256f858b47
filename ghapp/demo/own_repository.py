"""The demo with your own repository: a copy, with each backend overridden by a local state in the demo's directory.

Your repository itself is not changed. Terraform does not get the credentials in your environment variables, unless
PLANWARD_TERRAFORM_ENV names these variables.
"""

import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ghapp.demo.loop import AUTHOR, OWNER, Loop, done, say
from ghapp.demo.sample import Change
from ghapp.demo.stage import DemoError
from ghapp.local.working_copy import WorkingCopy, read_working_copy
from ghapp.local_github import Entry
from ghapp.repository_config import CONFIG_PATH

OVERRIDE = "zz_planward_demo_override.tf"
"""Terraform reads files named `*_override.tf` last, in the order of their names, so this file's backend is used.

https://developer.hashicorp.com/terraform/language/files/override
"""

MARKER = "planward_demo.tf"
_NOT_COPIED = re.compile(r"\.tfstate(\..*)?$|\.tfplan$|(^|/)\.terraform\.tfstate\.lock\.info$")
_COPIED_THOUGH_IGNORED = re.compile(r"\.tfvars(\.json)?$")
"""Values that people keep out of git, and that a plan on this machine needs."""

_MOST_BYTES = 300_000_000
_NEEDS_MORE = re.compile(
    r"credential|authenti|authoriz|forbidden|token|api key|no such host|dial tcp|connection refused|timed? ?out|"
    r"could not (?:load|find)|unable to locate|cannot be installed|cannot be reached",
    re.IGNORECASE,
)
"""Messages of providers that cannot reach their service, or have no credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRepository:
    """The copy: files by path, including the overrides, and its root modules."""

    name: str
    files: Mapping[str, bytes | Entry]
    root_modules: tuple[str, ...]
    problems: tuple[str, ...] = ()
    """Unreadable parts of the configuration, with their place."""


def read_own_repository(directory: Path, states: Path) -> OwnRepository:
    """Read a Terraform directory. The rest of the work tree is copied too, but only root modules in the directory run.

    Their states will be below `states`. Raises DemoError if there is no root module.
    """
    if not directory.is_dir():
        raise DemoError(f"--repo: there is no directory {directory}")
    copy = _files_to_copy(read_working_copy(directory))
    configuration = copy.configuration()
    below = directory.resolve().relative_to(copy.directory.resolve())
    root_modules = tuple(root.dir for root in configuration.root_modules if Path(root.dir).is_relative_to(below))
    if not root_modules:
        raise DemoError(
            f"--repo: {directory} has no root module, that is, a directory with .tf files that no other module calls"
        )
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
    """The demo: a pull request that touches every root module, its merge, its promotion."""
    given = loop.stage.given
    gets = f"with {', '.join(given)}, and can create real resources" if given else "without your credentials"
    say(f"All states are now in local files. Terraform and your provisioners run on this machine, {gets}")
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


def _files_to_copy(copy: WorkingCopy) -> WorkingCopy:
    """The files to copy: not states, plans, symlinks that leave the copy, or files that git ignores.

    Var files are copied even if git ignores them.
    """
    ignored, top = _ignored(copy.directory), copy.directory.resolve()
    out = {
        path
        for path, target in copy.links.items()
        if Path(target).is_absolute() or not (top / path).resolve().is_relative_to(top)
    }
    out |= {path for path in copy.paths if _NOT_COPIED.search(path)}
    out |= {path for path in copy.paths if _is_in(path, ignored) and not _COPIED_THOUGH_IGNORED.search(path)}
    links = {path: target for path, target in copy.links.items() if path not in out}
    return replace(copy, paths=copy.paths - out, links=links)


def _files(copy: WorkingCopy) -> dict[str, bytes | Entry]:
    kept: dict[str, bytes | Entry] = {
        path: Entry(mode="120000", content=to.encode()) for path, to in copy.links.items()
    }
    size_bytes = 0
    for path in sorted(copy.paths - copy.links.keys()):
        file = copy.directory / path
        size_bytes += file.stat().st_size
        if size_bytes > _MOST_BYTES:
            raise DemoError(
                f"--repo: {copy.directory} has more than {_MOST_BYTES // 1_000_000} MB that git does not ignore. Make "
                "a directory elsewhere with only the part that the root modules need, and use it as --repo"
            )
        content = file.read_bytes()
        kept[path] = Entry(mode="100755", content=content) if file.stat().st_mode & 0o100 else content
    return kept


def _ignored(top: Path) -> frozenset[str]:
    """The files and directories that git ignores; empty if git is not installed, or if `top` has no `.git`."""
    git = shutil.which("git")
    if git is None or not (top / ".git").exists():
        return frozenset()
    words = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]
    listed = subprocess.run([git, "-C", str(top), *words], capture_output=True, check=False)
    return frozenset(name.rstrip("/") for name in listed.stdout.decode(errors="surrogateescape").split("\0") if name)


def _is_in(path: str, directories: Collection[str]) -> bool:
    return path in directories or any(str(above) in directories for above in PurePosixPath(path).parents)


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
    """The copy's config. Each environment has its own workspace.

    `secrets` is empty, since the demo's Vault has no secrets for this repository's team. testing is not planned: few
    repositories have values for it, and the demo shows staging.
    """
    entries = "".join(
        f'  - dir: "{each}"\n    workspace: "{{environment}}"\n    backend_config: []\n' for each in root_modules
    )
    environments = "environments:\n  testing: {plan: never}\n  staging: {}\n  production: {}\n"
    return f"secrets: []\n{environments}root_modules:\n{entries}".encode()


def _change(own: OwnRepository) -> Change:
    content = b'resource "terraform_data" "planward_demo" {\n  input = "brought by a pull request"\n}\n'
    return Change(
        branch="planward-demo",
        title="Try Planward",
        body="In each root module, this adds a resource that needs no provider. The rest of the plan is everything "
        "that your configuration contains already, since the demo starts with empty states.",
        files={_inside(root_module, MARKER): content for root_module in own.root_modules},
    )


def _why_not(title: str, summary: str, problems: tuple[str, ...]) -> str:
    # Leave out the remedy after the cause. The remedy is for people who look at a check run.
    cause = re.sub(r"\. Correct .*(?: Re-run|…)$", "", title)
    said = f"this repository cannot be planned here: {cause}"
    if problems:
        return f"{said}. The configuration is not valid: {problems[0]}"
    if re.search(r"the provider .* cannot be installed|query available provider", f"{title} {summary}", re.I):
        return (
            f"{said}. Terraform could not download it, and the mirror that TF_CLI_CONFIG_FILE names, if there is one, "
            "has no suitable version"
        )
    if re.search(r"no value for required variable", f"{title} {summary}", re.I):
        return (
            f"{said}. Give the variable a value in the root module's terraform.tfvars, or in its "
            "env/staging.tfvars and env/production.tfvars"
        )
    if _NEEDS_MORE.search(f"{title} {summary}"):
        return (
            f"{said}. Terraform has none of your credentials here: PLANWARD_TERRAFORM_ENV says which of your variables "
            f'it gets, such as PLANWARD_TERRAFORM_ENV="{OWNER}/*:*:*:AWS_*"'
        )
    return said


def _inside(root_module: str, name: str) -> str:
    return name if root_module == "." else f"{root_module}/{name}"


def _repository_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "infrastructure"
