"""Does a plan fail only because a root module that it reads from has not been applied yet?"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from checks.diagnostic import Diagnostic

_MISSING = re.compile(r'attribute named "([^"]*)"')


class LowerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a root module that others build on, made for the same change."""

    changes_anything: bool
    new_outputs: frozenset[str] = frozenset()
    planned_at_apply: bool = False
    """Whether it is planned only at the apply, so that its future outputs are unknown."""


def not_there_yet(diagnostics: Sequence[Diagnostic], lower: Mapping[str, LowerPlan]) -> str | None:
    """Why a root module can be planned only after those it reads from are applied; None if it fails for another reason.

    `lower` are the root modules whose state it reads, by directory. Every error must be about a missing state that one
    of them will create, or about an output that one of them will add.
    """
    errors = [each for each in diagnostics if each.severity == "error"]
    waits: dict[str, str] = {}
    for error in errors:
        found = _waits_for(error, lower)
        if found is None:
            return None
        waits.setdefault(*found)
    if not waits:
        return None
    return "; ".join(
        f"it reads {what} of `{directory}`, which this change creates" for directory, what in waits.items()
    )


def _waits_for(error: Diagnostic, lower: Mapping[str, LowerPlan]) -> tuple[str, str] | None:
    """The root module that has to be applied before this error can go away, and its missing part."""
    if error.summary == "Unable to find remote state":
        found = (directory for directory, plan in lower.items() if plan.changes_anything or plan.planned_at_apply)
        return next(((directory, "the state") for directory in found), None)
    missing = _MISSING.search(error.detail) if error.summary == "Unsupported attribute" else None
    if missing is None:
        return None
    known = (directory for directory, plan in lower.items() if missing[1] in plan.new_outputs)
    later = (directory for directory, plan in lower.items() if plan.planned_at_apply)
    directory = next(iter((*known, *later)), None)
    return None if directory is None else (directory, f"the output `{missing[1]}`")
