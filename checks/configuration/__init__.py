"""Find the root modules of a repository, and the files that each uses, from the facts about the repository's files."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from checks.configuration.file_facts import FileFacts, Values
from checks.configuration.file_facts import Problem as FileProblem
from checks.configuration.hcl import read_hcl
from checks.configuration.inspect_file import inspect_document
from checks.configuration.module import Module, is_override, is_terraform_file
from checks.configuration.references import find_references
from checks.configuration.repository_paths import TOP, directory_of, follow
from checks.configuration.root_module import Problem, RootModule, problems_of, without_indexes
from checks.configuration.tf_json import read_tf_json

__all__ = ["Configuration", "Problem", "RootModule", "discover", "read_file", "without_indexes"]

_PLACEHOLDER = re.compile(r"\$[A-Za-z_]\w*|\{\{.{0,60}?\}\}")

_LIBRARIES = frozenset({"modules", "examples", "example", "tests", "test", "fixtures", "testdata", "vendor"})


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The configuration in a repository's files.

    `modules` are all directories with configuration files. `passed_over` are directories that are not root modules
    although no other directory uses them, each with the reason. `missing` are explicitly named directories without
    configuration.
    """

    root_modules: tuple[RootModule, ...]
    modules: Mapping[str, Module]
    links: Mapping[str, str]
    passed_over: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Every file that could not be read, sorted by directory."""
        return tuple(problem for directory in sorted(self.modules) for problem in problems_of(self.modules[directory]))

    @cached_property
    def by_dir(self) -> Mapping[str, RootModule]:
        return {root.dir: root for root in self.root_modules}


def read_file(path: str, content: bytes) -> FileFacts:
    """The facts of one configuration file; only the suffix of its path matters.

    Raises nothing: if Terraform would refuse the file, the facts have a `problem`.
    """
    document = read_tf_json(content) if path.endswith(".json") else read_hcl(content)
    return inspect_document(document, find_references(content))


def discover(
    files: Mapping[str, FileFacts],
    *,
    explicit: Sequence[str] | None = None,
    links: Mapping[str, str] | None = None,
) -> Configuration:
    """Find the root modules of a repository.

    `files` are the configuration files by path. `links` maps the repository's symlinks to their literal targets. If
    `explicit` is given, the directories in it that have configuration files are the root modules. By default, a
    directory with configuration files is a root module if it has a backend or cloud block, or if no other directory
    calls it or links to its files. But the following directories are not root modules by default, because nobody runs
    Terraform there:

    - hidden directories (`.terraform`, `.github`) and directory templates (`{{name}}`), even with a backend
    - scaffolds, whose backend has a placeholder (`$name`, `{{name}}`) that Terraform would use literally
    - without a backend: directories called `modules`, `examples`, `example`, `tests`, `test`, `fixtures`, `testdata` or
      `vendor`, and those below them, following the standard module structure
      (https://developer.hashicorp.com/terraform/language/modules/develop/structure)
    - without a backend: directories whose files declare nothing to plan, for example only the required versions
    """
    links = links or {}
    modules = _modules(files, links)
    passed_over: list[tuple[str, str]] = []
    missing: tuple[str, ...] = ()
    if explicit is not None:
        named = sorted({posixpath.normpath(directory.strip("/") or TOP) for directory in explicit})
        dirs = [directory for directory in named if directory in modules]
        missing = tuple(directory for directory in named if directory not in modules)
    else:
        used = _used_directories(modules, links)
        dirs = []
        for directory in sorted(modules):
            reason = _why_not_root_module(modules[directory], used)
            if reason is None:
                dirs.append(directory)
            elif directory not in used:
                passed_over.append((directory, reason))
    return Configuration(
        root_modules=tuple(RootModule(dir=directory, modules=modules) for directory in dirs),
        modules=modules,
        links=links,
        passed_over=tuple(passed_over),
        missing=missing,
    )


def _modules(files: Mapping[str, FileFacts], links: Mapping[str, str]) -> Mapping[str, Module]:
    by_dir: dict[str, list[tuple[str, FileFacts]]] = {}
    for path, facts in files.items():
        if is_terraform_file(path) and path not in links:
            by_dir.setdefault(directory_of(path), []).append((path, facts))
    for path in links:
        if is_terraform_file(path):
            by_dir.setdefault(directory_of(path), []).append((path, _resolve_link(path, files, links)))
    return {
        directory: Module(dir=directory, files=tuple(sorted(own, key=_merge_order)), links=links)
        for directory, own in by_dir.items()
    }


def _merge_order(file: tuple[str, FileFacts]) -> tuple[bool, str]:
    return is_override(file[0]), file[0]


def _resolve_link(path: str, files: Mapping[str, FileFacts], links: Mapping[str, str]) -> FileFacts:
    target, _ = follow(path, links)
    facts = files.get(target)
    return facts or FileFacts(
        problem=FileProblem(
            line=1, message=f"a symlink to {target}, which is not a configuration file of this repository"
        )
    )


def _used_directories(modules: Mapping[str, Module], links: Mapping[str, str]) -> frozenset[str]:
    """The directories that another one calls, or whose files another one uses through a symlink."""
    used: set[str] = set()
    for module in modules.values():
        if not _is_hidden(module.dir):
            called = (*module.called_dirs.values(), *module.named_dirs)
            used |= {directory for directory, _ in called if directory != module.dir}
    for path in links:
        directory = directory_of(follow(path, links)[0])
        if is_terraform_file(path) and directory != directory_of(path):
            used.add(directory)
    return frozenset(used)


def _why_not_root_module(module: Module, used: frozenset[str]) -> str | None:
    """Why a directory is not a root module by default; None if it is one."""
    if _is_hidden(module.dir):
        return "in a hidden directory or a directory template"
    if module.backend is not None:
        placeholder = _placeholder(module.backend.values)
        return placeholder and f"a scaffold: its backend contains the placeholder {placeholder}"
    if module.dir in used:
        return "a module that others use"
    library = next((part for part in module.dir.split("/") if part in _LIBRARIES), None)
    if library:
        return f"below a directory called {library}, and without a backend"
    return None if module.declares_something else "it declares no resource, module, data source or output"


def _is_hidden(directory: str) -> bool:
    return directory != TOP and any(part.startswith(".") or "{{" in part for part in directory.split("/"))


def _placeholder(values: Values) -> str | None:
    """A placeholder in a backend that another tool would have to fill in: `$name` or `{{name}}`."""
    for value in values.values():
        found = _PLACEHOLDER.search(value) if isinstance(value, str) else None
        if found is not None:
            return found.group()
    return None
