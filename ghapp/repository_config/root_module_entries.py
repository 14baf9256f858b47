"""The `root_modules` of the config, and what two of them have to do with each other."""

import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Final

from ghapp.repository_config import words
from ghapp.repository_config.cycles import find_cycle
from ghapp.repository_config.document import Value, did_you_mean
from ghapp.repository_config.entries import read_team, read_text, read_texts, required, unknown_environment
from ghapp.repository_config.model import RootModuleConfig, RootModuleOverride
from ghapp.values import EnvironmentName

OVERRIDE_KEYS: Final = ("workspace", "var_files", "backend_config", "extra_arguments", "team")
ROOT_MODULE_KEYS: Final = ("dir", *OVERRIDE_KEYS, "depends_on", "required_version", "environments")


def read_root_modules(value: Value, environments: Collection[str]) -> tuple[RootModuleConfig, ...]:
    """All entries of `root_modules`: each directory once, what they name exists, and no circle."""
    read = [(member, _read_root_module(member)) for member in value.list("a list of root modules") or ()]
    known = [(member, root_module) for member, root_module in read if root_module is not None]
    first: dict[str, Value] = {}
    for member, root_module in known:
        if first.setdefault(root_module.dir, member) is not member:
            line = first[root_module.dir].position.line
            member.refuse_below("dir", f'"{root_module.dir}" is there twice, first in line {line}; keep one of them')
        for name in root_module.environments:
            wrong = unknown_environment(name, environments)
            if wrong:
                member.refuse_below(f"environments.{name}", wrong)
        if len(known) == len(read):
            _check_depends_on(member, root_module, [each.dir for _, each in known])
    cycle = find_cycle({root_module.dir: root_module.depends_on for _, root_module in known})
    if len(cycle) > 2:
        circle = " needs ".join(cycle)
        first[cycle[0]].refuse_below("depends_on", f"goes round in a circle: {circle}; remove one of them")
    return tuple(root_module for _, root_module in known)


def _check_depends_on(member: Value, root_module: RootModuleConfig, directories: Collection[str]) -> None:
    for index, other in enumerate(root_module.depends_on):
        if other == root_module.dir:
            member.refuse_below(f"depends_on[{index}]", "a root module cannot depend on itself; remove it")
        elif other not in directories:
            near = did_you_mean(other, directories) or "; root_modules lists all that there are"
            member.refuse_below(f"depends_on[{index}]", f'there is no root module "{other}"{near}')


def _read_root_module(value: Value) -> RootModuleConfig | None:
    """One entry of `root_modules`; whom it depends on is checked when all are known."""
    entries = value.mapping("a mapping with dir", ROOT_MODULE_KEYS)
    if entries is None:
        return None
    directory = required(value, entries, "dir", words.path_inside)
    if directory is not None and ("*" in directory or "{" in directory):
        entries["dir"].refuse(f'must name one directory, without "*" and placeholders: "{directory}"')
        directory = None
    directory = None if directory is None else posixpath.normpath(directory)
    own = _read_override(entries, directory or ".")
    depends_on = read_texts(entries["depends_on"], words.path_inside) if "depends_on" in entries else ()
    constraint = words.form(words.CONSTRAINT, "must be a constraint on versions such as >= 1.9, < 2")
    required_version = read_text(entries["required_version"], constraint) if "required_version" in entries else None
    environments = _read_overrides(entries["environments"], directory or ".") if "environments" in entries else {}
    if directory is None:
        return None
    return RootModuleConfig(
        dir=directory,
        workspace=own.workspace,
        var_files=own.var_files,
        backend_config=own.backend_config,
        extra_arguments=own.extra_arguments or (),
        depends_on=tuple(posixpath.normpath(each) for each in depends_on or ()),
        team=own.team,
        required_version=required_version,
        environments=environments,
    )


def _read_override(entries: Mapping[str, Value], directory: str) -> RootModuleOverride:
    def file(text: str) -> str | None:
        return words.placeholders(text, words.ROOT_MODULE_PLACEHOLDERS) or words.path_inside(text, below=directory)

    def backend_file(text: str) -> str | None:
        if "=" in text:
            return f'must be a file, not a setting: write "{text}" into a file and name that'
        return file(text)

    def texts(key: str, check: words.Check) -> tuple[str, ...] | None:
        return read_texts(entries[key], check) if key in entries else None

    return RootModuleOverride(
        workspace=read_text(entries["workspace"], _workspace) if "workspace" in entries else None,
        var_files=texts("var_files", file),
        backend_config=texts("backend_config", backend_file),
        extra_arguments=texts("extra_arguments", words.argument),
        team=read_team(entries["team"]) if "team" in entries else None,
    )


def _workspace(text: str) -> str | None:
    wrong = words.placeholders(text, words.WORKSPACE_PLACEHOLDERS)
    if wrong:
        return wrong
    if not re.fullmatch(r"(?:[A-Za-z0-9._-]|\{[a-z_]+\})+", text):
        return f'must be the name of a workspace: letters, digits, ".", "_" and "-", not "{text}"'
    return None


def _read_overrides(value: Value, directory: str) -> dict[EnvironmentName, RootModuleOverride]:
    overrides: dict[EnvironmentName, RootModuleOverride] = {}
    for name, entry in (value.mapping("a mapping from environments to what is otherwise there") or {}).items():
        entries = entry.mapping("a mapping", OVERRIDE_KEYS)
        if entries is not None:
            overrides[EnvironmentName(name)] = _read_override(entries, directory)
    return overrides
