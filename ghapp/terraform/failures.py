"""Tell apart the failures of Terraform that have different remedies.

Terraform's errors have no code, so they are recognised by their summaries, which have been stable for years. Unknown
errors are OTHER, and are shown unchanged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from checks.diagnostic import Diagnostic


class Failure(StrEnum):
    """Why a command failed, as far as the remedy depends on it."""

    PROVIDER_UNAVAILABLE = "provider_unavailable"
    MODULE_UNAVAILABLE = "module_unavailable"
    STATE_LOCKED = "state_locked"
    STATE_UNREADABLE = "state_unreadable"
    WORKSPACE_MISSING = "workspace_missing"
    VERSION_UNSUPPORTED = "version_unsupported"
    PLAN_STALE = "plan_stale"
    RUNS_ELSEWHERE = "runs_elsewhere"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLock:
    """A state's lock, as Terraform reports it; `id` is for `force-unlock`. Fields that it does not report are empty."""

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
            r"(Failed|Could not|Error) (to )?(download|access(ing)? )?.{0,200}module"
            r"|Module not (found|installed)|Unreadable module"
        ),
        Failure.MODULE_UNAVAILABLE,
    ),
    (
        re.compile(
            r"(Error|Failed)( to)? (load|read|refresh|get|inspect)(ing)? .{0,200}(state|workspaces?)"
            r"|Backend initialization required|Failed to get existing workspaces"
        ),
        Failure.STATE_UNREADABLE,
    ),
    (re.compile(r"Currently selected workspace .{0,200} does not exist"), Failure.WORKSPACE_MISSING),
    (re.compile(r"Unsupported (Terraform|OpenTofu) Core version"), Failure.VERSION_UNSUPPORTED),
    (re.compile(r"Saved plan is stale"), Failure.PLAN_STALE),
    # The backend `remote`, with a workspace whose runs HCP Terraform executes.
    (re.compile(r"Saving a generated plan is currently not supported"), Failure.RUNS_ELSEWHERE),
)

_LOCK = re.compile(r"^[ \t│]*(ID|Who|Operation|Created):(.*)$", re.MULTILINE)

_FROM = re.compile(r'source code from "([^"]{1,2000})"')
"""https://github.com/hashicorp/terraform/blob/v1.11.4/internal/initwd/module_install.go"""

_DETAIL, _MOST_DIAGNOSTICS = 4000, 200

_LOCKED_OVER_HTTP = re.compile(r"HTTP remote state already locked: ID=(\S+)")
"""The backend `http` shows the process that *asked* for the lock under "Lock Info"; only the error names the holder.

https://github.com/hashicorp/terraform/blob/v1.11.4/internal/backend/remote-state/http/client.go
"""


def read_failure(diagnostics: Sequence[Diagnostic]) -> tuple[Failure, StateLock | None]:
    """Determine from its diagnostics why a command failed, and who holds the state's lock if somebody does."""
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


def unavailable_modules(diagnostics: Sequence[Diagnostic]) -> tuple[str, ...]:
    """Return the sources of the modules that init could not download, as Terraform writes them."""
    failed = (each.detail for each in diagnostics if each.severity == "error")
    found = (_FROM.search(" ".join(detail[:_DETAIL].split())) for detail in islice(failed, _MOST_DIAGNOSTICS))
    return tuple(dict.fromkeys(each[1] for each in found if each is not None))


def _read_lock(detail: str) -> StateLock | None:
    over_http = _LOCKED_OVER_HTTP.search(detail)
    if over_http:
        return StateLock(id=over_http[1])
    said = {name: value.strip(" \t") for name, value in _LOCK.findall(detail)}
    if not said.get("ID"):
        return None
    return StateLock(
        id=said["ID"], who=said.get("Who", ""), operation=said.get("Operation", ""), created=said.get("Created", "")
    )
