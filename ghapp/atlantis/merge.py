"""Merge all projects of a directory into one root module, in which each project is one environment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ghapp.atlantis.environments import Assigned, names_in
from ghapp.atlantis.keys import Notes
from ghapp.atlantis.projects import Project
from ghapp.atlantis.workflows import Arguments
from ghapp.repository_config import RootModuleConfig, RootModuleOverride, words
from ghapp.repository_config.references import find_cycle
from ghapp.values import EnvironmentName

_MOST_EDGES = 500
"""If the execution order groups would need more entries of depends_on than this, none is written: they would bury the
rest of the file."""


def merge_projects(projects: Sequence[Project], assigned: Assigned, notes: Notes) -> tuple[RootModuleConfig, ...]:
    """Merge projects by directory. `assigned` has the environment of each project's state."""
    by_dir: dict[str, list[Project]] = {}
    for project in projects:
        by_dir.setdefault(project.dir, []).append(project)
    depends_on = _depends_on(projects, by_dir, notes)
    return tuple(_merge(members, depends_on[directory], assigned, notes) for directory, members in by_dir.items())


def _merge(
    members: Sequence[Project], depends_on: tuple[str, ...], assigned: Assigned, notes: Notes
) -> RootModuleConfig:
    first = members[0]
    in_environments = {assigned[project]: project for project in members if project in assigned}
    by_name = any(project.workspace == name for name, project in in_environments.items())
    shared = _inside_repository(_shared(list(in_environments.values()) or members), first, notes)
    overrides: dict[EnvironmentName, RootModuleOverride] = {}
    for environment, project in in_environments.items():
        own = _inside_repository(project.arguments, project, notes)
        override = RootModuleOverride(
            workspace=None if project.workspace == environment else project.workspace or "default",
            var_files=None if own.var_files == shared.var_files else own.var_files,
            backend_config=None if own.backend_config == shared.backend_config else own.backend_config,
            extra_arguments=None if own.extra_arguments == shared.extra_arguments else own.extra_arguments,
        )
        if override != RootModuleOverride():
            overrides[environment] = override
    versions = {project.version for project in members}
    if len(versions) > 1:
        notes.add(
            f"{first.place}.terraform_version",
            "the projects of this directory differ, but a root module can have only one required_version: choose one",
        )
    return RootModuleConfig(
        dir=first.dir,
        workspace="{environment}" if by_name or any(each.arguments.backend_config for each in members) else None,
        var_files=shared.var_files or None,
        backend_config=shared.backend_config or None,
        extra_arguments=shared.extra_arguments,
        watch=tuple(dict.fromkeys(pattern for project in members for pattern in project.watch)) or None,
        depends_on=depends_on,
        required_version=first.version if len(versions) == 1 else None,
        environments=overrides,
    )


def _shared(projects: Sequence[Project]) -> Arguments:
    """The arguments that all projects share, except those that name an environment, such as `prod.tfvars`."""
    first = projects[0].arguments

    def common(name: str) -> tuple[str, ...]:
        value: tuple[str, ...] = getattr(first, name)
        is_common = all(getattr(project.arguments, name) == value for project in projects)
        return value if is_common and not any(names_in(each) for each in value) else ()

    return Arguments(
        var_files=common("var_files"),
        backend_config=common("backend_config"),
        extra_arguments=common("extra_arguments"),
    )


def _inside_repository(arguments: Arguments, project: Project, notes: Notes) -> Arguments:
    """The arguments without files outside the repository."""

    def inside(files: tuple[str, ...]) -> Iterator[str]:
        for file in files:
            wrong = words.path_inside(file, below=project.dir)
            if wrong:
                notes.add(f"{project.place}.workflow", wrong)
            else:
                yield file

    return replace(
        arguments,
        var_files=tuple(inside(arguments.var_files)),
        backend_config=tuple(inside(arguments.backend_config)),
    )


def _depends_on(
    projects: Sequence[Project], by_dir: Mapping[str, Sequence[Project]], notes: Notes
) -> dict[str, tuple[str, ...]]:
    """The directories on which each directory depends, from the depends_on and the group of its projects."""
    named = {project.name: project.dir for project in projects if project.name is not None}
    found: dict[str, dict[str, None]] = {directory: {} for directory in by_dir}
    for project in projects:
        for name in project.depends_on:
            if name not in named:
                notes.add(f"{project.place}.depends_on", f'there is no project "{name}"')
            elif named[name] != project.dir:
                found[project.dir][named[name]] = None
    for directory, others in _by_groups(projects, notes).items():
        found[directory] |= dict.fromkeys(others)
    result = {directory: tuple(others) for directory, others in found.items()}
    cycle = find_cycle(result)
    if cycle:
        notes.add("projects", f"depends_on is left out because it forms a cycle: {' needs '.join(cycle)}")
        return dict.fromkeys(by_dir, ())
    return result


def _by_groups(projects: Sequence[Project], notes: Notes) -> dict[str, tuple[str, ...]]:
    groups: dict[int, list[str]] = {}
    for project in projects:
        if not any(project.dir in members for members in groups.values()):
            groups.setdefault(project.group, []).append(project.dir)
    order = sorted(groups)
    pairs = list(pairwise(order))
    if sum(len(groups[lower]) * len(groups[upper]) for lower, upper in pairs) > _MOST_EDGES:
        notes.add(
            "projects[].execution_order_group",
            "too many dependencies to write out: if a root module needs another one but does not read the state of "
            "that one, list it under depends_on",
        )
        return {}
    return {directory: tuple(groups[lower]) for lower, upper in pairs for directory in groups[upper]}
