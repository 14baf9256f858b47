"""Terraform's version constraints: `>= 1.5, < 2.0`, `~> 1.9.0`, `!= 1.7.1`.

https://developer.hashicorp.com/terraform/language/expressions/version-constraints
"""

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,3})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_CONSTRAINT = re.compile(r"(=|!=|>=|<=|>|<|~>)?+\s*+([^\s,<>=!~]+)")
_LONGEST = 1000
"""The most characters of a constraint. Everybody who can push can write one; a real one has about ten characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version. `written_parts` is the number of parts in its text, on which `~>` depends."""

    parts: tuple[int, ...]
    prerelease: str = ""
    written_parts: int = 3

    @property
    def order(self) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
        """A sort key: a prerelease comes before its release, and its numeric parts sort as numbers."""
        marks = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.prerelease.split(".")
        )
        return self.parts, not self.prerelease, marks


def read_version(text: str) -> Version:
    """Read a version. Raises ValueError on anything else."""
    found = _VERSION.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if not found:
        raise ValueError(f"not a version: {text[:40]!r}")
    parts = tuple(int(part) for part in found[1].split("."))
    return Version(parts=(*parts, 0, 0, 0, 0)[:4], prerelease=found[2] or "", written_parts=len(parts))


def satisfies(version: Version, constraint: str) -> bool:
    """Whether a version satisfies every part of a constraint. Raises ValueError on one that cannot be read."""
    if len(constraint) > _LONGEST:
        raise ValueError(f"a version constraint of more than {_LONGEST} characters")
    answers = [
        _satisfies_part(version, part) for part in constraint.split(",")
    ]  # a list, so that every part is read and checked, even after a mismatch
    return all(answers)


def _satisfies_part(version: Version, part: str) -> bool:
    found = _CONSTRAINT.fullmatch(part.strip())
    if not found:
        raise ValueError(f"not a version constraint: {part[:40]!r}")
    operator, wanted = found[1] or "=", read_version(found[2])
    if operator == "=":
        return version.order == wanted.order
    if operator == "!=":
        return version.order != wanted.order
    if version.prerelease and (version.parts != wanted.parts or not wanted.prerelease):
        return False  # a prerelease fits only if the constraint names a prerelease of the same version
    match operator:
        case ">":
            return version.order > wanted.order
        case ">=":
            return version.order >= wanted.order
        case "<":
            return version.order < wanted.order
        case "<=":
            return version.order <= wanted.order
        case _:
            fixed = wanted.written_parts - 1
            return version.order >= wanted.order and version.parts[:fixed] == wanted.parts[:fixed]
