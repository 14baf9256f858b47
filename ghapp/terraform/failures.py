"""Kinds of failure that have a way out of their own.

Terraform gives errors no code, so that they are told apart by their summaries, which have been stable for years. One
that is not known is OTHER: it is shown as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from checks.diagnostic import Diagnostic


class Failure(StrEnum):
    """Why a command failed, as far as the way out depends on it."""

    PROVIDER_UNAVAILABLE = "provider_unavailable"
    MODULE_UNAVAILABLE = "module_unavailable"
    STATE_LOCKED = "state_locked"
    STATE_UNREADABLE = "state_unreadable"
    WORKSPACE_MISSING = "workspace_missing"
    VERSION_UNSUPPORTED = "version_unsupported"
    PLAN_STALE = "plan_stale"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLock:
    """Who holds a state's lock, as Terraform says; `id` is what `force-unlock` takes."""

    id: str
    who: str = ""
    operation: str = ""
    created: str = ""


_BY_SUMMARY = (
    (
        re.compile(
            r"Failed to (query available provider packages|install provider|resolve provider packages)"
            r"|Required plugins are not installed|Inconsistent dependency lock file|Incompatible provider version"
            r"|Invalid provider registry host|Provider registry"
        ),
        Failure.PROVIDER_UNAVAILABLE,
    ),
    (
        re.compile(
            r"(Failed|Could not|Error) (to )?(download|access(ing)? )?.*module"
            r"|Module not (found|installed)|Unreadable module"
        ),
        Failure.MODULE_UNAVAILABLE,
    ),
    (
        re.compile(
            r"(Error|Failed)( to)? (load|read|refresh|get|inspect)(ing)? .*(state|workspaces?)"
            r"|Backend initialization required|Failed to get existing workspaces"
        ),
        Failure.STATE_UNREADABLE,
    ),
    (re.compile(r"Currently selected workspace .* does not exist"), Failure.WORKSPACE_MISSING),
    (re.compile(r"Unsupported (Terraform|OpenTofu) Core version"), Failure.VERSION_UNSUPPORTED),
    (re.compile(r"Saved plan is stale"), Failure.PLAN_STALE),
)

_LONGEST_QUOTE = 240
_LOCK = re.compile(r"^[ \t│]*(ID|Who|Operation|Created):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def read_failure(diagnostics: Sequence[Diagnostic]) -> tuple[Failure, StateLock | None]:
    """Tell why a command failed by its diagnostics, and who holds the state where somebody does."""
    for diagnostic in diagnostics:
        if diagnostic.severity != "error":
            continue
        if diagnostic.summary.startswith("Error acquiring the state lock"):
            lock = _read_lock(diagnostic.detail)
            return (Failure.STATE_LOCKED, lock) if lock else (Failure.STATE_UNREADABLE, None)
        for pattern, failure in _BY_SUMMARY:
            if pattern.search(diagnostic.summary):
                return failure, None
    return Failure.OTHER, None


def explain(
    where: str,
    root_module: str,
    failure: Failure,
    lock: StateLock | None,
    diagnostics: Sequence[Diagnostic],
    exit_code: int,
) -> str:
    """Say in one line why a command failed, with the way out."""
    errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
    # One with a place says more than the general remark that newer versions put in front.
    error = next((diagnostic for diagnostic in errors if diagnostic.path), errors[0] if errors else None)
    said = _said(error) if error else f"exit status {exit_code}"
    line = f":{error.start_line}" if error and error.start_line else ""
    place = f" ({error.path}{line})" if error and error.path else ""
    match failure:
        case Failure.PROVIDER_UNAVAILABLE:
            return (
                f"{where} cannot install a provider ({said}): does its version exist, and does Planward reach the "
                "registry? Correct required_providers or the lock file, or use Re-run"
            )
        case Failure.MODULE_UNAVAILABLE:
            return f"{where} cannot get a module ({said}){place}: does its source exist, and may Planward read it?"
        case Failure.STATE_LOCKED if lock:
            return (
                f"{where} finds the state locked by {lock.who or 'somebody'} since {lock.created} (ID {lock.id}): wait "
                f"and use Re-run, or comment `planward unlock -d {root_module}` if nobody is at work there any more"
            )
        case Failure.STATE_LOCKED | Failure.STATE_UNREADABLE:
            return (
                f"{where} cannot read the state ({said}): is the backend there, and may the environment's secrets "
                "read it? Then use Re-run"
            )
        case Failure.WORKSPACE_MISSING:
            return f"{where} finds no workspace of that name ({said}): make it, or correct workspace in the config"
        case Failure.VERSION_UNSUPPORTED:
            return f"{where} is not for the installed version ({said}){place}: correct required_version"
        case Failure.PLAN_STALE:
            return f"{where} finds that the state changed since the plan was made: use Re-run to plan anew"
        case Failure.OTHER:
            return f"{where} failed{place}: {said}"
        case _:
            assert_never(failure)


def _said(error: Diagnostic) -> str:
    summary = " ".join(error.summary.split())
    first = next((line.strip() for line in error.detail.splitlines() if line.strip()), "")
    return (summary if error.path or not first else f"{summary}: {first}")[:_LONGEST_QUOTE]


def _read_lock(detail: str) -> StateLock | None:
    said = dict(_LOCK.findall(detail))
    if not said.get("ID"):
        return None
    return StateLock(
        id=said["ID"], who=said.get("Who", ""), operation=said.get("Operation", ""), created=said.get("Created", "")
    )
