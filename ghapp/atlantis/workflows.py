"""Read Atlantis' workflows: Terraform's arguments are converted, commands are not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ghapp.atlantis.keys import EXPLAINED_STEPS, NOT_ATLANTIS, PLAIN_STEPS, STEPS, Notes
from ghapp.repository_config import words

_STAGES = ("plan", "apply", "policy_check", "import", "state_rm")
_WORKSPACE = re.compile(r"\$(?:WORKSPACE\b|\{WORKSPACE\})")
_WITH_VALUE = ("-var-file", "-backend-config", "-parallelism", "-lock-timeout", "-lock", "-var", "-target", "-refresh")
_IGNORED_ARGUMENTS = {
    "-reconfigure": "every run begins with a fresh init",
    "-upgrade": "the lock file decides the versions",
    "-input": "Terraform never asks for input",
    "-no-color": "the report is made from JSON",
    "-lock": "applies lock the state; plans of pull requests write nothing, so they do not",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments that a workflow passes to Terraform. `{workspace}` stands for Atlantis' $WORKSPACE."""

    var_files: tuple[str, ...] = ()
    backend_config: tuple[str, ...] = ()
    extra_arguments: tuple[str, ...] = ()


def read_workflow(name: str, value: Any, notes: Notes) -> Arguments:
    """Read one workflow."""
    place = f"workflows.{name}"
    found: dict[str, list[str]] = {"var_files": [], "backend_config": [], "extra_arguments": []}
    for stage, content in notes.mapping(value, place).items():
        if stage not in _STAGES:
            notes.add(f"{place}.{stage}", NOT_ATLANTIS)
            continue
        stage_place = f"{place}.{stage}"
        for key, steps in notes.mapping(content, stage_place).items():
            if key != "steps":
                notes.add(f"{stage_place}.{key}", NOT_ATLANTIS)
                continue
            for index, step in enumerate([] if steps is None else notes.items(steps, f"{stage_place}.steps")):
                _read_step(step, f"{stage_place}.steps[{index}]", found, notes)
    return Arguments(**{key: tuple(dict.fromkeys(values)) for key, values in found.items()})


def _read_step(step: Any, place: str, found: Mapping[str, list[str]], notes: Notes) -> None:
    if isinstance(step, str):
        if step not in PLAIN_STEPS:
            _note_step(step, place, f'"{step}" {NOT_ATLANTIS}', notes)
        return
    for kind, content in notes.mapping(step, place).items():
        if kind in ("init", "plan", "apply") and content is not None:
            for key, value in notes.mapping(content, f"{place}.{kind}").items():
                if key == "extra_args":
                    arguments = notes.texts(value, f"{place}.{kind}.extra_args")
                    _read_arguments(kind, arguments, f"{place}.{kind}.extra_args", found, notes)
                else:
                    notes.add(f"{place}.{kind}.{key}", NOT_ATLANTIS)
        elif kind not in PLAIN_STEPS or content is not None:
            _note_step(kind, f"{place}.{kind}", NOT_ATLANTIS, notes)


def _note_step(kind: str, place: str, otherwise: str, notes: Notes) -> None:
    if kind in EXPLAINED_STEPS:
        notes.explain(place, EXPLAINED_STEPS[kind])
    else:
        notes.add(place, STEPS.get(kind, otherwise))


def _read_arguments(
    kind: str, arguments: tuple[str, ...], place: str, found: Mapping[str, list[str]], notes: Notes
) -> None:
    for written in _join_words(arguments):
        argument = _WORKSPACE.sub("{workspace}", written)
        name, _, value = argument.partition("=")
        file = value.strip("\"'")
        if "$" in argument or "{" in argument.replace("{workspace}", ""):
            notes.add(place, f"{written}: of Atlantis' variables, only $WORKSPACE is supported")
        elif name in ("-var-file", "-backend-config") and file and "=" not in file:
            key = "var_files" if name == "-var-file" else "backend_config"
            found[key].append(file)
        elif name in _IGNORED_ARGUMENTS:
            notes.explain(place, f"{written}: {_IGNORED_ARGUMENTS[name]}")
        elif kind == "init":
            notes.add(place, f"{written}: {words.argument(argument) or 'it is not an argument of init'}")
        else:
            wrong = words.argument(argument)
            if wrong:
                notes.add(place, f"{written}: {wrong}")
            else:
                found["extra_arguments"].append(argument)


def _join_words(arguments: tuple[str, ...]) -> Iterator[str]:
    """Each argument with its value as one word. Atlantis passes them to a shell, so `["-var-file", "x"]` and
    `["-var-file x"]` mean the same."""
    parts = [part for argument in arguments for part in argument.split()]
    index = 0
    while index < len(parts):
        part = f"-{parts[index].lstrip('-')}" if parts[index].startswith("-") else parts[index]
        follows = parts[index + 1] if index + 1 < len(parts) else ""
        if part in _WITH_VALUE and follows and not follows.startswith("-"):
            part, index = f"{part}={follows}", index + 1
        yield part
        index += 1
