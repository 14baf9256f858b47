"""Find the environment of an Atlantis project's state, by its workspace, files, workflow, name and directory."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from ghapp.atlantis.keys import Notes
from ghapp.atlantis.projects import Project
from ghapp.repository_config import words
from ghapp.values import EnvironmentName

_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")

Assigned = Mapping[Project, EnvironmentName]

_USUAL_NAMES: Final[Mapping[str, str]] = {
    "dev": "testing",
    "development": "testing",
    "test": "testing",
    "testing": "testing",
    "stage": "staging",
    "staging": "staging",
    "stg": "staging",
    "prod": "production",
    "production": "production",
    "prd": "production",
}
"""Common names of the usual environments."""
_PRODUCTION: Final = EnvironmentName("production")


def assign_environments(projects: Sequence[Project], branches: Collection[str], notes: Notes) -> Assigned:
    """Assign an environment to each project's state. If it is uncertain, the project is noted and left out.

    `branches` are the repository's: a workspace with the name of a branch is an environment. The state of a project in
    the default workspace belongs to production if the project names no environment, no other project has the same
    directory, and there is a branch `production` or another project whose state belongs to production.
    """
    found: dict[Project, EnvironmentName] = {}
    silent: list[Project] = []
    for project in projects:
        names = _by_workspace(project, branches)
        evidence = {} if names else dict(_evidence(project))
        names = names or set(evidence.values())
        if project.workspace is not None and not words.fits(words.WORKSPACE, project.workspace):
            notes.add(
                f"{project.place}.workspace", f'"{project.workspace}" is not a workspace that Planward can select'
            )
        elif len(names) > 1:
            said = ", ".join(f"{name} according to {what}" for what, name in evidence.items())
            lost = f" ({_files_of(project)})" if _files_of(project) else ""
            notes.add(
                project.place, f"{said}: write its workspace and its files{lost} under the right environment by hand"
            )
        elif names:
            _assign(project, EnvironmentName(names.pop()), evidence, found, notes)
        else:
            silent.append(project)
    for project in silent:
        alone = sum(each.dir == project.dir for each in projects) == 1
        if project.workspace is None and alone and (_PRODUCTION in branches or _PRODUCTION in found.values()):
            reason = "the one state that Atlantis kept (workspace default) is taken to be production's"
            notes.explain(f"{project.place}.workspace", reason)
            found[project] = _PRODUCTION
        else:
            notes.add(f"{project.place}.workspace", _unknown(project, alone=alone))
    return found


def _assign(
    project: Project,
    name: EnvironmentName,
    evidence: Mapping[str, str],
    found: dict[Project, EnvironmentName],
    notes: Notes,
) -> None:
    if any(each.dir == project.dir and environment == name for each, environment in found.items()):
        lost = _files_of(project)
        also = f", with {lost}" if lost else ""
        notes.add(
            project.place, f"{name} already has a state for {project.dir}: move this project to another directory{also}"
        )
        return
    found[project] = name
    if evidence:
        *others, last = evidence
        said = f"{', '.join(others)} and {last}" if others else last
        notes.explain(project.place, f"because of {said}, it is taken to belong to {name}")
    elif project.workspace != name:
        notes.explain(
            f"{project.place}.workspace", f'the workspace "{project.workspace}" is taken to be the environment {name}'
        )
    if evidence.keys() == {_DIRECTORY} or (_DIRECTORY in evidence and names_in(project.dir) == {name}):
        notes.add(
            f"{project.place}.dir",
            f"it is for {name} only, but Planward runs each root module in every environment: merge the directories of "
            "the environments into one, with a var file for each environment",
        )


def _by_workspace(project: Project, branches: Collection[str]) -> set[str]:
    workspace = project.workspace
    if workspace is None:
        return set()
    if workspace in branches and words.fits(words.ENVIRONMENT, workspace):
        return {workspace}
    usual = _USUAL_NAMES.get(workspace.lower())
    return {usual} if usual else set()


_DIRECTORY: Final = "its directory"


def _evidence(project: Project) -> Iterator[tuple[str, str]]:
    """The texts that name exactly one environment, the most reliable first."""
    files = " ".join((*project.arguments.var_files, *project.arguments.backend_config))
    for what, text in (
        ("its workspace", project.workspace),
        ("its files", files),
        ("its workflow", project.workflow),
        ("its name", project.name),
        (_DIRECTORY, project.dir),
    ):
        names = names_in(text or "")
        if len(names) == 1:
            yield what, names.pop()


def names_in(text: str) -> set[str]:
    """The usual environments that a text names: `backend/prod.hcl` names production."""
    parts = _BETWEEN_WORDS.split(text.lower())
    return {_USUAL_NAMES[part] for part in parts if part in _USUAL_NAMES}


def _unknown(project: Project, *, alone: bool) -> str:
    lost = _files_of(project)
    also = f", and list its files ({lost}) there too" if lost and (not alone or names_in(lost)) else ""
    if project.workspace is None:
        return (
            "Atlantis kept one state (workspace default), but here each environment has its own: assign it with "
            f"environments: {{NAME: {{workspace: default}}}}{also}"
        )
    return (
        f'"{project.workspace}" is not an environment: assign the state to one with environments: '
        f"{{NAME: {{workspace: {project.workspace}}}}}{also}"
    )


def _files_of(project: Project) -> str:
    return ", ".join((*project.arguments.var_files, *project.arguments.backend_config))
