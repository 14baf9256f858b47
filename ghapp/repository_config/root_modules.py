"""Read the `root_modules` of the config, and check the dependencies between them."""

import posixpath
from collections.abc import Collection, Sequence

from ghapp.repository_config import keys, words
from ghapp.repository_config.document import Value, did_you_mean
from ghapp.repository_config.forms import Entries, Key, Texts
from ghapp.repository_config.model import RootModuleConfig, RootModuleOverride
from ghapp.repository_config.references import find_cycle, unknown_environment
from ghapp.values import EnvironmentName


def read_root_modules(members: Sequence[Value], environments: Collection[str]) -> tuple[RootModuleConfig, ...]:
    """Read all entries of `root_modules`. No directory may occur twice; references must exist and form no cycle."""
    read = [(member, _read_root_module(member)) for member in members]
    known = [(member, root_module) for member, root_module in read if root_module is not None]
    first: dict[str, Value] = {}
    for member, root_module in known:
        if first.setdefault(root_module.dir, member) is not member:
            line = first[root_module.dir].position.line
            member.refuse_below("dir", f'"{root_module.dir}" occurs twice, first in line {line}; keep one of them')
        for name in root_module.environments:
            wrong = unknown_environment(name, environments)
            if wrong:
                member.refuse_below(f"environments.{name}", wrong)
        if len(known) == len(read):
            _check_depends_on(member, root_module, [each.dir for _, each in known])
    cycle = find_cycle({root_module.dir: root_module.depends_on for _, root_module in known})
    if len(cycle) > 2:
        circle = " needs ".join(cycle)
        first[cycle[0]].refuse_below("depends_on", f"forms a cycle: {circle}; remove one of these dependencies")
    return tuple(root_module for _, root_module in known)


def _check_depends_on(member: Value, root_module: RootModuleConfig, directories: Collection[str]) -> None:
    for index, other in enumerate(root_module.depends_on):
        if other == root_module.dir:
            member.refuse_below(f"depends_on[{index}]", "a root module cannot depend on itself; remove it")
        elif other not in directories:
            near = did_you_mean(other, directories) or "; list it in root_modules too"
            member.refuse_below(f"depends_on[{index}]", f'there is no root module "{other}"{near}')


def _read_root_module(value: Value) -> RootModuleConfig | None:
    """Read one entry of `root_modules`. Its dependencies are checked once all entries are known."""
    entries = keys.ROOT_MODULE.read(value)
    if entries is None:
        return None
    written = keys.DIR.of(entries)
    directory = None if written is None else posixpath.normpath(written)
    own = _read_override(entries, directory or ".")
    depends_on, required_version = keys.DEPENDS_ON.of(entries), keys.REQUIRED_VERSION.of(entries)
    environments = _read_overrides(keys.OVERRIDES.of(entries) or {}, directory or ".")
    if directory is None:
        return None
    return RootModuleConfig(
        dir=directory,
        workspace=own.workspace,
        var_files=own.var_files,
        backend_config=own.backend_config,
        extra_arguments=own.extra_arguments or (),
        watch=_paths(entries, keys.WATCH, keys.WATCHED, directory),
        depends_on=tuple(posixpath.normpath(each) for each in depends_on),
        team=own.team,
        required_version=required_version,
        environments=environments,
    )


def _paths(entries: Entries, key: Key[tuple[str, ...] | None], form: Texts, directory: str) -> tuple[str, ...] | None:
    """Read paths that are relative to a directory. They must not lead out of the repository."""
    value = entries.get(key.name)
    inside = form.also(lambda text: words.path_inside(text, below=directory))
    return None if value is None else inside.read(value)


def _read_override(entries: Entries, directory: str) -> RootModuleOverride:
    return RootModuleOverride(
        workspace=keys.WORKSPACE.of(entries),
        var_files=_paths(entries, keys.VAR_FILES, keys.FILES, directory),
        backend_config=_paths(entries, keys.BACKEND_CONFIG, keys.BACKEND_FILES, directory),
        extra_arguments=keys.EXTRA_ARGUMENTS.of(entries),
        team=keys.ROOT_MODULE_TEAM.of(entries),
    )


def _read_overrides(values: Entries, directory: str) -> dict[EnvironmentName, RootModuleOverride]:
    read = {EnvironmentName(name): keys.OVERRIDE.read(value) for name, value in values.items()}
    return {name: _read_override(entries, directory) for name, entries in read.items() if entries is not None}
