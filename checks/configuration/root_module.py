"""A root module: a directory in which Terraform is run, with everything that it uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import msgspec

from checks.configuration.file_facts import Backend, Provider, RemoteState, Variable
from checks.configuration.module import Module
from checks.declaration import Declaration

_DEEPEST_CALLS = 20
"""The maximum depth of module calls in an address: a module that calls itself would have endlessly many addresses."""

_MOST_DECLARATIONS = 200_000
"""The maximum number of addresses of one root module. If each module calls the next one twice, their number doubles
at each level."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file that Terraform would refuse: where, and why, as text for people."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, kw_only=True)
class RootModule:
    """A directory in which Terraform is run. Its properties are computed when they are needed."""

    dir: str
    modules: Mapping[str, Module]

    @property
    def module(self) -> Module:
        return self.modules[self.dir]

    @property
    def backend(self) -> Backend | None:
        """The backend block, or the cloud block as the type "cloud"; None means that the state is in the checkout."""
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
        """Every constraint on Terraform's version, including those of called local modules; all of them apply."""
        constraints = [c for directory in self._dirs if (m := self.modules.get(directory)) for c in m.required_version]
        return tuple(dict.fromkeys(constraints))

    @cached_property
    def uses(self) -> Mapping[str, tuple[str, ...]]:
        """The local modules called at any depth, each with the symlinks on its path.

        Includes missing directories, since a change may have removed them.
        """
        found: dict[str, tuple[str, ...]] = {}
        pending = [self.dir]
        while pending:
            module = self.modules.get(pending.pop())
            for directory, passed in (*module.called_dirs.values(), *module.named_dirs) if module else ():
                if directory not in found:
                    pending.append(directory)
                found[directory] = tuple(dict.fromkeys((*found.get(directory, ()), *passed)))
        return found

    @property
    def module_dirs(self) -> frozenset[str]:
        """The directories of the local modules called at any depth."""
        return frozenset(self.uses)

    @property
    def remote_sources(self) -> tuple[str, ...]:
        """The sources outside this repository that the root module and its local modules call, each once."""
        modules = (m for directory in self._dirs if (m := self.modules.get(directory)))
        calls = (call for module in modules for call, _ in module.calls.values())
        return tuple(dict.fromkeys(call.source for call in calls if call.source is not None and not call.is_local))

    @property
    def _dirs(self) -> tuple[str, ...]:
        return (self.dir, *sorted(self.module_dirs - {self.dir}))

    @cached_property
    def remote_states(self) -> tuple[RemoteState, ...]:
        """The `terraform_remote_state` reads of the root module and of its local modules."""
        return tuple(s for directory in self._dirs if (m := self.modules.get(directory)) for s in m.remote_states)

    @cached_property
    def unread(self) -> tuple[str, ...]:
        """The files of the root module and of its local modules that were not read at all."""
        files = (file for directory in self._dirs if (m := self.modules.get(directory)) for file in m.files)
        return tuple(path for path, facts in files if not facts.read)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """The files of the root module and of its local modules that could not be read."""
        return tuple(p for directory in self._dirs if (m := self.modules.get(directory)) for p in problems_of(m))

    @cached_property
    def declarations(self) -> Mapping[str, Declaration]:
        """The place of each block that has an address (see `file_facts.Section`), by address without indexes.

        "module.net.aws_subnet.a" gives the block in the local module's file, "module.net" the call. Blocks of remote
        modules are not included; for them, `declaration_of` returns the place of the call.
        """
        return dict(islice(_declarations(self.modules, self.dir, "", _DEEPEST_CALLS), _MOST_DECLARATIONS))

    def declaration_of(self, address: str) -> Declaration | None:
        """The place of an address's block, or of the innermost module call around it; indexes are ignored."""
        plain = without_indexes(address)
        while plain:
            found = self.declarations.get(plain)
            if found is not None:
                return found
            plain = _around(plain)
        return None


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


def problems_of(module: Module) -> Iterator[Problem]:
    """The files of a directory that could not be read."""
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
    """The module call around an address without indexes; empty for an address in the root module."""
    parts = address.split(".")
    calls = 0
    while parts[calls * 2 : calls * 2 + 1] == ["module"] and len(parts) > calls * 2 + 2:
        calls += 1
    return ".".join(parts[: calls * 2])
