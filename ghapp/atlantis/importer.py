"""`planward import atlantis.yaml`: convert the whole file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.error import YAMLError

from checks.wildcards import Wildcards
from ghapp.atlantis.environments import Assigned, assign_environments
from ghapp.atlantis.keys import NOT_ATLANTIS, POLICIES, TOP_LEVEL, Notes, lines_of
from ghapp.atlantis.merge import merge_projects
from ghapp.atlantis.projects import AS_ATLANTIS, Project, read_projects
from ghapp.atlantis.workflows import Arguments, read_workflow
from ghapp.atlantis.writer import write_config
from ghapp.repository_config import ConfigInvalid, Problem, read_config
from ghapp.repository_config.document import Complaints, parse_document, printable, yaml_reader
from ghapp.values import TESTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The text of a config that passes `config check`, and notes for a person.

    `unresolved` lists what somebody has to do by hand. `explained` has all other notes.
    """

    text: str
    unresolved: tuple[str, ...]
    explained: tuple[str, ...]


def import_atlantis(
    content: bytes,
    *,
    path: str = "atlantis.yaml",
    branches: Collection[str] = (),
    directories: Collection[str] = (),
) -> Imported:
    """Convert Atlantis' repository config.

    `branches` are the repository's: they help to find the environment of each state (see `assign_environments`).
    `directories` are the repository's root modules: patterns and autodiscover select from them.
    Raises ConfigInvalid if the file is not YAML or its version is unknown.
    """
    document = _load(content, path)
    version = document.get("version")
    if version not in (2, 3):
        raise _invalid(
            path, "version", f"must be 3 or 2, not {version!r}; is this the Atlantis config of a repository?"
        )
    notes = Notes()
    for key in document:
        if key in TOP_LEVEL:
            notes.explain(key, TOP_LEVEL[key])
        elif key == "policies":
            notes.add(key, POLICIES)
        elif key not in ("version", "projects", "workflows", "autodiscover"):
            notes.add(key, NOT_ATLANTIS)
    workflows = notes.mapping(document.get("workflows"), "workflows")
    read = {name: read_workflow(name, value, notes) for name, value in workflows.items()}
    projects = read_projects(document.get("projects"), read, directories, notes)
    discovered = _discovered(document, projects, directories, read.get("default", Arguments()), notes)
    everything = [*projects, *(discovered or ())]
    assigned = assign_environments(everything, branches, notes)
    environments = _environments(assigned, branches, notes)
    root_modules = merge_projects(everything, assigned, notes)
    text = write_config(
        comments=(f"Made from {printable(path)} by planward import.",),
        environments=environments if assigned else (),
        root_modules=None if discovered is None and not projects else root_modules,
    )
    read_config(text.encode(), branches=branches, repository_name="imported")
    return Imported(text=text, unresolved=tuple(lines_of(notes.unresolved)), explained=tuple(lines_of(notes.explained)))


def _load(content: bytes, path: str) -> Mapping[str, Any]:
    document = parse_document(content, Complaints(path))
    if document is None or document.kind != "map":
        raise _invalid(path, "", "must be a mapping with version and projects")
    try:
        loaded = yaml_reader("safe").load(content)
    except (YAMLError, ValueError, LookupError, RecursionError) as error:  # `2026-99-99`, `!!float` of nothing
        message = " ".join(str(getattr(error, "problem", None) or "cannot be read").split())
        raise _invalid(path, "", f"is not YAML: {message}") from error
    return {str(key): value for key, value in loaded.items()}


def _environments(assigned: Assigned, branches: Collection[str], notes: Notes) -> tuple[str, ...]:
    """testing; staging and production if they have a branch or a state; every other environment that has a state."""
    used = set(assigned.values())
    usual = [name for name in ("staging", "production") if name in branches or name in used]
    found = tuple(dict.fromkeys(("testing", *usual, *assigned.values())))
    for name in found:
        if branches and name in used and name not in branches and name != TESTING:
            notes.add(
                "environments", f"there is no branch {name}: create it, or name the branch that is applied to {name}"
            )
    return found


def _discovered(
    document: Mapping[str, Any],
    projects: Sequence[Project],
    directories: Collection[str],
    arguments: Arguments,
    notes: Notes,
) -> tuple[Project, ...] | None:
    """The directories that Atlantis discovers; None if Planward discovers the same ones."""
    section = notes.mapping(document.get("autodiscover"), "autodiscover")
    for key in section:
        if key not in ("mode", "ignore_paths"):
            notes.add(f"autodiscover.{key}", NOT_ATLANTIS)
    mode = section.get("mode", "auto")
    if mode == "disabled" or (projects and mode != "enabled"):
        return ()
    ignored = notes.texts(section.get("ignore_paths", []), "autodiscover.ignore_paths")
    if not projects and not ignored and arguments == Arguments():
        return None
    if not directories:
        notes.add(
            "autodiscover",
            "run the import in the repository, so that it can list the directories that Atlantis discovers",
        )
        return None if not projects else ()
    patterns = [Wildcards(glob, AS_ATLANTIS) for glob in ignored]
    known = {project.dir for project in projects}
    found = sorted(
        each for each in directories if each not in known and not any(glob.matches(each) for glob in patterns)
    )
    return tuple(Project(place="autodiscover", dir=each, arguments=arguments) for each in found)


def _invalid(path: str, key: str, message: str) -> ConfigInvalid:
    return ConfigInvalid((Problem(path=path, line=1, column=1, key=key, message=message),))
