"""Terraform's modules in a repository: one directory each, whose files are merged as Terraform merges them."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from checks.configuration.file_facts import Backend, FileFacts, ModuleCall, Provider, RemoteState, Variable
from checks.configuration.repository_paths import below, follow, leaves
from checks.declaration import Declaration

_SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")


def is_terraform_file(path: str) -> bool:
    """Whether Terraform or OpenTofu reads a file as configuration; both skip editors' backups and hidden files."""
    if not path.endswith(_SUFFIXES):
        return False
    name = posixpath.basename(path)
    return not name.startswith(".") and not name.startswith("#")


def is_override(path: str) -> bool:
    """Whether a file is merged over the others. https://developer.hashicorp.com/terraform/language/files/override"""
    stem = posixpath.basename(path).removesuffix(".json").rpartition(".")[0]
    return stem == "override" or stem.endswith("_override")


@dataclass(frozen=True, kw_only=True)
class Module:
    """A directory with configuration files; `files` are in Terraform's merge order, overrides last.

    In OpenTofu, a `.tofu` file replaces the `.tf` file of the same name; here both count.
    """

    dir: str
    files: tuple[tuple[str, FileFacts], ...]
    links: Mapping[str, str]

    @cached_property
    def backend(self) -> Backend | None:
        found = [msgspec.structs.replace(facts.backend, path=path) for path, facts in self.files if facts.backend]
        return found[-1] if found else None

    @cached_property
    def calls(self) -> Mapping[str, tuple[ModuleCall, str]]:
        """The module calls by name, each with its file; an override's source replaces the original one."""
        found: dict[str, tuple[ModuleCall, str]] = {}
        for path, facts in self.files:
            for call in facts.calls:
                first, where = found.get(call.name, (call, path))
                found[call.name] = (first if call.source is None else _with_source(first, call.source), where)
        return found

    @cached_property
    def called_dirs(self) -> Mapping[str, tuple[str, tuple[str, ...]]]:
        """The directories of local module calls by the call's name, each with the symlinks on its path."""
        found: dict[str, tuple[str, tuple[str, ...]]] = {}
        for name, (call, _) in self.calls.items():
            if call.source is not None and call.is_local:
                directory, passed = follow(below(self.dir, call.source.replace("\\", "/")), self.links)
                if not leaves(directory):
                    found[name] = directory, passed
        return found

    @cached_property
    def named_dirs(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Directories that unreadable files may call as modules, each with the symlinks on its path.

        A local source is a literal that begins with `./` or `../`, so it can be found even in a text that cannot be
        parsed.
        """
        paths = [reference.path for _, facts in self.files if facts.problem for reference in facts.references]
        found = [follow(below(self.dir, path), self.links) for path in dict.fromkeys(paths) if path]
        return tuple((directory, passed) for directory, passed in found if not leaves(directory))

    @cached_property
    def required_version(self) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for path, facts in self.files:
            if facts.required_version:
                found = facts.required_version if is_override(path) else (*found, *facts.required_version)
        return found

    @cached_property
    def required_providers(self) -> tuple[Provider, ...]:
        by_name = {provider.name: provider for _, facts in self.files for provider in facts.required_providers}
        return tuple(by_name[name] for name in sorted(by_name))

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        found: dict[str, Variable] = {}
        for path, facts in self.files:
            for variable in facts.variables:
                first = found.setdefault(variable.name, msgspec.structs.replace(variable, path=path))
                if first.path != path:
                    found[variable.name] = msgspec.structs.replace(
                        first,
                        sensitive=first.sensitive or variable.sensitive,
                        has_default=first.has_default or variable.has_default,
                    )
        return found

    @property
    def declares_something(self) -> bool:
        """Whether the files declare anything to plan; a file that could not be read counts as if it did."""
        return any(facts.sections or facts.problem for _, facts in self.files)

    @cached_property
    def remote_states(self) -> tuple[RemoteState, ...]:
        return tuple(state for _, facts in self.files for state in facts.remote_states)

    @cached_property
    def declarations(self) -> Mapping[str, Declaration]:
        """The lines of this directory's own blocks by address; for an overridden block, the lines of the original."""
        found: dict[str, Declaration] = {}
        for path, facts in self.files:
            real, _ = follow(path, self.links)
            for section in facts.sections:
                found.setdefault(
                    section.address,
                    Declaration(path=real, start_line=section.start_line, end_line=section.end_line),
                )
        return found


def _with_source(call: ModuleCall, source: str) -> ModuleCall:
    return call if call.source == source else msgspec.structs.replace(call, source=source)
