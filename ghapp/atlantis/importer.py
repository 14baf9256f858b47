"""`planward import atlantis.yaml`: the file as a whole."""

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml.error import YAMLError

from ghapp.atlantis.keys import NOT_ATLANTIS, TOP_LEVEL, Notes
from ghapp.atlantis.merge import USUAL_NAMES, merge_projects
from ghapp.atlantis.projects import Project, glob_pattern, read_projects
from ghapp.atlantis.workflows import Arguments, read_workflow
from ghapp.atlantis.writer import write_config
from ghapp.repository_config import ConfigInvalid, Problem, read_config, words
from ghapp.repository_config.document import Complaints, parse_document, printable, yaml_reader

_POLICY_REASONS: Final[Mapping[str, str]] = {
    "conftest_version": "policies are judged by Planward itself",
    "owners": "who may approve is said by an environment's approvers",
    "approve_count": "how many reviews a change needs is said by branch protection",
    "prevent_self_approve": "four_eyes: true is the default, nobody approves their own change",
    "sticky_policy_approvals": "what a policy denies is never approved: change the policy in a pull request",
    "policy_item_regex": "findings are read from the policy's result, not from its text",
    "name": "a finding names the file of its policy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The text of a config that passes `config check`, and what a person has to know about it."""

    text: str
    notes: tuple[str, ...]


def import_atlantis(
    content: bytes,
    *,
    path: str = "atlantis.yaml",
    branches: Collection[str] = (),
    directories: Collection[str] = (),
) -> Imported:
    """Make a config of Atlantis' repository config.

    `branches` are those of the repository: what Atlantis kept in the workspace default becomes production's where
    there is such a branch. `directories` are the root modules that are found in it, over which patterns and
    autodiscover are written out. Raises ConfigInvalid on a file that is no YAML or of no known version.
    """
    document = _load(content, path)
    version = document.get("version")
    if version not in (2, 3):
        raise _invalid(path, "version", f"must be 3 or 2, not {version!r}; is this a repository's config of Atlantis?")
    notes = Notes()
    for key in document:
        if key in TOP_LEVEL:
            notes.add(key, TOP_LEVEL[key])
        elif key not in ("version", "projects", "workflows", "autodiscover", "policies"):
            notes.add(key, NOT_ATLANTIS)
    workflows = notes.mapping(document.get("workflows"), "workflows")
    read = {name: read_workflow(name, value, notes) for name, value in workflows.items()}
    projects = read_projects(document.get("projects"), read, directories, notes)
    discovered = _discovered(document, projects, directories, read.get("default", Arguments()), notes)
    everything = [*projects, *(discovered or ())]
    environments = _environments(everything, branches)
    root_modules = merge_projects(everything, environments, notes)
    policies = _policies(notes.mapping(document.get("policies"), "policies"), notes)
    lines = tuple(notes.lines())
    text = write_config(
        comments=_comments(path, lines),
        environments=environments if any(each.environments for each in root_modules) else (),
        root_modules=None if discovered is None and not projects else root_modules,
        policies=policies,
    )
    read_config(text.encode(), branches=branches, repository_name="imported")
    return Imported(text=text, notes=lines)


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


def _environments(projects: Sequence[Project], branches: Collection[str]) -> tuple[str, ...]:
    """testing, those whose branches there are, and those that a workspace is named after."""
    workspaces = [project.workspace for project in projects if project.workspace is not None]
    wanted = {USUAL_NAMES.get(workspace, workspace) for workspace in workspaces}
    usual = (name for name in ("staging", "production") if name in branches or name in wanted)
    others = (name for name in dict.fromkeys(workspaces) if name in branches and words.fits(words.ENVIRONMENT, name))
    return tuple(dict.fromkeys(("testing", *usual, *others)))


def _discovered(
    document: Mapping[str, Any],
    projects: Sequence[Project],
    directories: Collection[str],
    arguments: Arguments,
    notes: Notes,
) -> tuple[Project, ...] | None:
    """The directories that Atlantis finds by itself; None where that is just what Planward does."""
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
        notes.add("autodiscover", "run the import in the repository: what Atlantis finds by itself is written out")
        return None if not projects else ()
    patterns = [glob_pattern(glob) for glob in ignored]
    known = {project.dir for project in projects}
    found = sorted(
        each for each in directories if each not in known and not any(glob.fullmatch(each) for glob in patterns)
    )
    return tuple(Project(place="autodiscover", dir=each, arguments=arguments) for each in found)


def _policies(section: Mapping[str, Any], notes: Notes) -> tuple[str, ...]:
    globs: list[str] = []
    for key, value in section.items():
        if key != "policy_sets":
            notes.add(f"policies.{key}", _POLICY_REASONS.get(key, NOT_ATLANTIS))
        elif isinstance(value, list):
            for index, entry in enumerate(value):
                globs += _policy_set(notes.mapping(entry, f"policies.policy_sets[{index}]"), index, notes)
        else:
            notes.add("policies.policy_sets", "is not understood: it is no list")
    return tuple(dict.fromkeys(globs))


def _policy_set(entry: Mapping[str, Any], index: int, notes: Notes) -> Iterator[str]:
    place = f"policies.policy_sets[{index}]"
    for key in entry:
        if key not in ("path", "source"):
            notes.add(f"{place}.{key}", _POLICY_REASONS.get(key, NOT_ATLANTIS))
    if entry.get("source") == "github":
        notes.add(f"{place}.source", "policies are files of this repository: copy them here and name them in policies")
        return
    written = notes.text(entry.get("path"), f"{place}.path")
    wrong = words.path_inside(written) if written else None
    if wrong:
        notes.add(f"{place}.path", f"{wrong}: policies are files of this repository")
    elif written:
        path = posixpath.normpath(written)
        yield path if path.endswith(".rego") else f"{path}/*.rego"


def _comments(path: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"Made from {printable(path)} by planward import."
    if lines:
        yield "What was not carried over, and what was with a guess:"
    yield from (f"- {line}" for line in lines)


def _invalid(path: str, key: str, message: str) -> ConfigInvalid:
    return ConfigInvalid((Problem(path=path, line=1, column=1, key=key, message=message),))
