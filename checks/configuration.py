"""Which root modules a repository has and what each of them uses, from the facts of its files."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import msgspec

from checks.declaration import Declaration
from checks.file_facts import Backend, FileFacts, Provider, RemoteState, Variable
from checks.file_facts import Problem as FileProblem
from checks.hcl import read_hcl
from checks.inspect_file import inspect_document
from checks.module import Module, is_override, is_terraform_file
from checks.references import find_references
from checks.repository_paths import TOP, directory_of, follow
from checks.tf_json import read_tf_json

_DEEPEST_CALLS = 20
"""Levels of module calls that declarations are followed through; a module that calls itself would have no end."""

_MOST_DECLARATIONS = 200_000
"""Addresses that are worked out for one root module; modules that call others twice double them with every level."""

_LIBRARIES = frozenset({"modules", "examples", "example", "tests", "test", "fixtures", "testdata", "vendor"})


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file that Terraform would refuse: where, and why in words for people."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, kw_only=True)
class RootModule:
    """A directory that Terraform is run in. What is asked for is worked out when it is asked for."""

    dir: str
    modules: Mapping[str, Module]

    @property
    def module(self) -> Module:
        return self.modules[self.dir]

    @property
    def backend(self) -> Backend | None:
        """The backend block, or the cloud block as the type "cloud"; None means state in the checkout."""
        return self.module.backend

    @property
    def cloud(self) -> bool:
        return self.backend is not None and self.backend.type == "cloud"

    @property
    def variables(self) -> Mapping[str, Variable]:
        return self.module.variables

    @property
    def required_providers(self) -> tuple[Provider, ...]:
        return self.module.required_providers

    @cached_property
    def required_version(self) -> tuple[str, ...]:
        """Every constraint on Terraform's version, those of called local modules included: all have to hold."""
        constraints = [c for directory in self._dirs if (m := self.modules.get(directory)) for c in m.required_version]
        return tuple(dict.fromkeys(constraints))

    @cached_property
    def uses(self) -> Mapping[str, tuple[str, ...]]:
        """The local modules that are called, at any depth, each with the symlinks that lead to it.

        Directories that do not exist are among them: that they are missing is what a change can have done.
        """
        found: dict[str, tuple[str, ...]] = {}
        pending = [self.dir]
        while pending:
            module = self.modules.get(pending.pop())
            for directory, passed in module.called_dirs.values() if module else ():
                if directory not in found:
                    pending.append(directory)
                found[directory] = tuple(dict.fromkeys((*found.get(directory, ()), *passed)))
        return found

    @property
    def module_dirs(self) -> frozenset[str]:
        """The directories of the local modules that are called, at any depth."""
        return frozenset(self.uses)

    @property
    def _dirs(self) -> tuple[str, ...]:
        return (self.dir, *sorted(self.module_dirs - {self.dir}))

    @cached_property
    def remote_states(self) -> tuple[RemoteState, ...]:
        """The `terraform_remote_state` reads of the root module and of the local modules that it calls."""
        return tuple(s for directory in self._dirs if (m := self.modules.get(directory)) for s in m.remote_states)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """The files of the root module and of its local modules that could not be read."""
        return tuple(p for directory in self._dirs if (m := self.modules.get(directory)) for p in _problems(m))

    @cached_property
    def declarations(self) -> Mapping[str, Declaration]:
        """Where each resource, data source, module call and output stands, by address without indexes.

        "module.net.aws_subnet.a" leads to the block in the local module's file, "module.net" to the call; what lies in
        a remote module has no line of its own, and `declaration_of` gives the call's.
        """
        return dict(islice(_declarations(self.modules, self.dir, "", _DEEPEST_CALLS), _MOST_DECLARATIONS))

    def declaration_of(self, address: str) -> Declaration | None:
        """Where the block of an address stands, else the innermost module call around it; indexes are ignored."""
        plain = without_indexes(address)
        while plain:
            found = self.declarations.get(plain)
            if found is not None:
                return found
            plain = _around(plain)
        return None


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What the files of a repository say.

    `modules` are all directories with configuration files. `passed_over` are those that are no root module although
    none calls them, with the reason; `missing` those that were named and hold no configuration.
    """

    root_modules: tuple[RootModule, ...]
    modules: Mapping[str, Module]
    links: Mapping[str, str]
    passed_over: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Every file that could not be read, of any directory, in the order of the paths."""
        return tuple(problem for directory in sorted(self.modules) for problem in _problems(self.modules[directory]))

    @cached_property
    def by_dir(self) -> Mapping[str, RootModule]:
        return {root.dir: root for root in self.root_modules}


def read_file(path: str, content: bytes) -> FileFacts:
    """The facts of one configuration file; of its path only the ending counts.

    Raises nothing: what Terraform would refuse comes back as `problem`.
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

    `files` are the configuration files by path, `links` the targets of the repository's symlinks as they are written.
    With `explicit` exactly these directories are root modules. By default it is every directory with a backend or
    cloud block, and every other one with configuration files that no directory calls or links to. Left out of the
    default, because nobody runs Terraform there:

    - hidden directories (`.terraform`, `.github`) and templates of directories (`{{name}}`), with a backend too
    - without a backend: what lies below `modules`, `examples`, `tests`, `fixtures`, `testdata` or `vendor`, as the
      standard module structure has it (https://developer.hashicorp.com/terraform/language/modules/develop/structure)
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
        used = _used(modules, links)
        dirs = []
        for directory in sorted(modules):
            reason = _why_not(modules[directory], used)
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


def without_indexes(address: str) -> str:
    """An address without `[0]` and `["key"]`."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in address:
        if quoted:
            quoted, escaped = escaped or character != '"', not escaped and character == "\\"
        elif character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif depth:
            quoted = character == '"'
        else:
            kept.append(character)
    return "".join(kept)


def _modules(files: Mapping[str, FileFacts], links: Mapping[str, str]) -> Mapping[str, Module]:
    by_dir: dict[str, list[tuple[str, FileFacts]]] = {}
    for path, facts in files.items():
        if is_terraform_file(path) and path not in links:
            by_dir.setdefault(directory_of(path), []).append((path, facts))
    for path in links:
        if is_terraform_file(path):
            by_dir.setdefault(directory_of(path), []).append((path, _linked(path, files, links)))
    return {
        directory: Module(dir=directory, files=tuple(sorted(own, key=_merge_order)), links=links)
        for directory, own in by_dir.items()
    }


def _merge_order(file: tuple[str, FileFacts]) -> tuple[bool, str]:
    return is_override(file[0]), file[0]


def _linked(path: str, files: Mapping[str, FileFacts], links: Mapping[str, str]) -> FileFacts:
    target, _ = follow(path, links)
    facts = files.get(target)
    return facts or FileFacts(problem=FileProblem(line=1, message=f"a symlink to {target}, which is no file here"))


def _used(modules: Mapping[str, Module], links: Mapping[str, str]) -> frozenset[str]:
    """Directories that another one calls or takes files from by a symlink."""
    used: set[str] = set()
    for module in modules.values():
        if not _is_hidden(module.dir):
            used |= {directory for directory, _ in module.called_dirs.values() if directory != module.dir}
    for path in links:
        directory = directory_of(follow(path, links)[0])
        if is_terraform_file(path) and directory != directory_of(path):
            used.add(directory)
    return frozenset(used)


def _why_not(module: Module, used: frozenset[str]) -> str | None:
    """Why a directory is no root module by default; None if it is one."""
    if _is_hidden(module.dir):
        return "in a hidden directory or a template of one"
    if module.backend is not None:
        return None
    if module.dir in used:
        return "a module that others use"
    library = next((part for part in module.dir.split("/") if part in _LIBRARIES), None)
    return f"below a directory called {library}, and without a backend" if library else None


def _is_hidden(directory: str) -> bool:
    return directory != TOP and any(part.startswith(".") or "{{" in part for part in directory.split("/"))


def _problems(module: Module) -> Iterator[Problem]:
    for path, facts in module.files:
        if facts.problem is not None:
            yield Problem(path=path, line=facts.problem.line, message=facts.problem.message)


def _declarations(
    modules: Mapping[str, Module], directory: str, prefix: str, levels: int
) -> Iterator[tuple[str, Declaration]]:
    module = modules.get(directory)
    if module is None or not levels:
        return
    for address, declaration in module.declarations.items():
        yield prefix + address, declaration
    for name, (called, _) in module.called_dirs.items():
        yield from _declarations(modules, called, f"{prefix}module.{name}.", levels - 1)


def _around(address: str) -> str:
    """The module call around an address without indexes; empty for one of the root module."""
    parts = address.split(".")
    calls = 0
    while parts[calls * 2 : calls * 2 + 1] == ["module"] and len(parts) > calls * 2 + 2:
        calls += 1
    return ".".join(parts[: calls * 2])
