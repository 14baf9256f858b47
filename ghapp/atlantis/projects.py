"""Read Atlantis' projects. Several projects may have the same directory; merge.py makes one root module of them."""

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from checks.wildcards import Wildcards
from ghapp.atlantis.keys import AUTOPLAN, FOUND_BY_ITSELF, NOT_ATLANTIS, NOT_LEFT_OUT, POLICIES, PROJECT, Notes
from ghapp.atlantis.workflows import Arguments
from ghapp.repository_config import words

AS_ATLANTIS = ("**/", "**", "*", "?")
"""Atlantis' wildcards: `**/` is any number of directories, `*` a part of one name."""
_TERRAFORMS_OWN = frozenset(
    {"*.tf", "*.tf*", "*.tf.json", "*.tofu", "*.tfvars", "*.tfvars.json", "*.auto.tfvars", ".terraform.lock.hcl"}
)
_GLOB = re.compile(r"[*?\[]")
_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An Atlantis project in one directory; a `dir` with wildcards makes several of these.

    `workspace` is None for Terraform's default workspace.
    """

    place: str
    dir: str
    arguments: Arguments
    name: str | None = None
    workspace: str | None = None
    workflow: str | None = None
    version: str | None = None
    depends_on: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    group: int = 0


def read_projects(
    value: Any, workflows: Mapping[str, Arguments], directories: Collection[str], notes: Notes
) -> list[Project]:
    """Read `projects`. A `dir` with wildcards is expanded to the `directories` that match it."""
    projects: list[Project] = []
    for index, entry in enumerate(value if isinstance(value, list) else []):
        place = f"projects[{index}]"
        projects += _read_project(notes.mapping(entry, place), place, workflows, directories, notes)
    if value is not None and not isinstance(value, list):
        notes.add("projects", "is not understood: it is not a list")
    return projects


def _read_project(
    entry: Mapping[str, Any],
    place: str,
    workflows: Mapping[str, Arguments],
    directories: Collection[str],
    notes: Notes,
) -> list[Project]:
    for key in entry:
        if key in PROJECT:
            notes.explain(f"{place}.{key}", PROJECT[key])
        elif key in ("policy_check", "custom_policy_check"):
            notes.add(f"{place}.{key}", POLICIES)
        elif key not in _CONVERTED:
            notes.add(f"{place}.{key}", NOT_ATLANTIS)
    for key in notes.mapping(entry.get("autoplan"), f"{place}.autoplan"):
        if key in AUTOPLAN:
            notes.explain(f"{place}.autoplan.{key}", AUTOPLAN[key])
        elif key != "when_modified":
            notes.add(f"{place}.autoplan.{key}", NOT_ATLANTIS)
    found = _directories(entry, place, directories, notes)
    name, group = entry.get("name"), entry.get("execution_order_group", 0)
    if not isinstance(group, int):
        notes.add(f"{place}.execution_order_group", "is not understood: it is not a number")
    depends_on = entry.get("depends_on")
    workspace, workflow = entry.get("workspace"), entry.get("workflow")
    return [
        Project(
            place=place,
            name=name if isinstance(name, str) else None,
            dir=directory,
            workspace=None if workspace in (None, "", "default") else notes.text(workspace, f"{place}.workspace"),
            workflow=workflow if isinstance(workflow, str) else None,
            arguments=_arguments(entry, place, workflows, notes),
            version=_version(entry, place, notes),
            depends_on=() if depends_on is None else notes.texts(depends_on, f"{place}.depends_on"),
            watch=_watch(entry, place, directory, notes),
            group=group if isinstance(group, int) else 0,
        )
        for directory in found
    ]


def _watch(entry: Mapping[str, Any], place: str, directory: str, notes: Notes) -> tuple[str, ...]:
    """The patterns of `when_modified` that cover more than Planward detects by itself."""
    written = notes.mapping(entry.get("autoplan"), f"{place}.autoplan").get("when_modified")
    place = f"{place}.autoplan.when_modified"
    found: list[str] = []
    for pattern in () if written is None else notes.texts(written, place):
        wrong = words.path_inside(pattern, below=directory) or ("has a brace" if set("{}") & set(pattern) else None)
        if pattern.startswith("!"):
            notes.explain(place, f"{pattern}: {NOT_LEFT_OUT}")
        elif pattern.rpartition("/")[2] in _TERRAFORMS_OWN:
            notes.explain(place, FOUND_BY_ITSELF)
        elif wrong or "[" in pattern:
            only = "the only wildcards are *, ** and ?; write one pattern for each character in the brackets"
            notes.add(place, wrong or f'"{pattern}": {only}')
        else:
            found.append(pattern)
    return tuple(found)


_CONVERTED = frozenset(
    {"dir", "workspace", "workflow", "terraform_version", "depends_on", "execution_order_group", "autoplan"}
)


def _directories(entry: Mapping[str, Any], place: str, directories: Collection[str], notes: Notes) -> list[str]:
    written = notes.text(entry.get("dir"), f"{place}.dir")
    if written is None:
        return []
    written = written.lstrip("/") or "."  # in Atlantis, a leading "/" is the repository's root
    wrong = words.path_inside(written) or ("has a brace" if set("{}") & set(written) else None)
    if wrong:
        notes.add(f"{place}.dir", wrong)
        return []
    directory = posixpath.normpath(written)
    if not _GLOB.search(directory):
        return [directory]
    pattern = Wildcards(directory, AS_ATLANTIS)
    matching = sorted(each for each in directories if pattern.matches(each))
    if not matching:
        notes.add(f"{place}.dir", f'no root module matches "{written}"')
    return matching


def _arguments(entry: Mapping[str, Any], place: str, workflows: Mapping[str, Arguments], notes: Notes) -> Arguments:
    if entry.get("workflow") is None:
        return workflows.get("default", Arguments())
    name = notes.text(entry["workflow"], f"{place}.workflow")
    if name is None:
        return Arguments()
    if name not in workflows:
        notes.add(f"{place}.workflow", f'"{name}" is defined on Atlantis\' server: copy its arguments by hand')
        return Arguments()
    return workflows[name]


def _version(entry: Mapping[str, Any], place: str, notes: Notes) -> str | None:
    written = entry.get("terraform_version")
    if written is None:
        return None
    found = _VERSION.fullmatch(str(written).strip())
    if found is None:
        notes.add(f"{place}.terraform_version", f'is not understood: "{written}"')
        return None
    return f"= {found[1]}"
