"""What about a change deserves care: data that would be lost, rights, and what becomes reachable."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from checks.report.change_report import AttributeChange, Section
from checks.report.danger_table import (
    ALL_RIGHTS,
    EXPOSING,
    IAM_ATTRIBUTES,
    IAM_PREFIXES,
    IAM_SUFFIXES,
    MIRRORS,
    NETWORK_TYPES,
    STAMPS,
    STATEFUL,
    TAGS,
    UNPROTECTING,
    WORLD,
    WORLD_ATTRIBUTES,
)

_KIND_OF_TYPE = {type_: kind for kind, types in STATEFUL.items() for type_ in types}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_INNER = re.compile(r'([A-Za-z_]\w*) = (\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\w+)')
_EVERY_ACTION = re.compile(r'^\+.*"(?:Action|NotResource|actions)": (?:"\*"|\["\*"\])')
_EVERYBODY = re.compile(r'^\+.*"(?:Principal|AWS)": (?:"\*"|\["\*"\])')
_MOST_PATHS = 4_096  # the same attributes of thousands of resources

OPENS = "opens to the world"
RIGHTS = "permissions"
NETWORK = "network"
UNGUARDED = "removes a safeguard"
EVERYTHING = "allows every action"
_GRAVITY = {OPENS: 1, EVERYTHING: 2, UNGUARDED: 3, RIGHTS: 4, NETWORK: 5}  # what holds data is graver than these


def marks(type_: str, section: Section, attributes: Sequence[AttributeChange]) -> tuple[str, ...]:
    """Why one change deserves care, in words, the gravest first; empty where nothing does."""
    return tuple(_marks(type_, section, attributes))


def gravity(marks: Sequence[str]) -> int:
    """Where a change with these marks stands among others of its section: smaller is graver."""
    return min((_GRAVITY.get(mark, 0) for mark in marks), default=len(_GRAVITY) + 1)


def is_noise(attributes: Iterable[AttributeChange]) -> bool:
    """Whether nothing but tags and version stamps changes."""
    names = {_top(attribute.path) for attribute in attributes}
    return bool(names) and all(name in TAGS or name in STAMPS for name in names)


def without_mirrors(attributes: Sequence[AttributeChange]) -> tuple[AttributeChange, ...]:
    """The attributes without computed ones that only repeat another (`tags_all` beside `tags`)."""
    said = {(attribute.path, attribute.old, attribute.new) for attribute in attributes}
    return tuple(attribute for attribute in attributes if not _mirrors(attribute, said))


def stateful_kind(type_: str) -> str | None:
    """What a resource of this type holds that a new one would not: "database", "bucket", …"""
    return _KIND_OF_TYPE.get(type_)


def _marks(type_: str, section: Section, attributes: Sequence[AttributeChange]) -> Iterator[str]:
    if section in ("destroy", "replace") and (kind := _KIND_OF_TYPE.get(type_)):
        yield kind
    if section in ("tags", "state", "read"):
        return
    opens = not _lets_out(type_, attributes) and any(map(_opens, attributes))
    if opens:
        yield OPENS
    if any(map(_unguards, attributes)):
        yield UNGUARDED
    if any(map(_allows_all, attributes)):
        yield EVERYTHING
    elif type_.startswith(IAM_PREFIXES) or type_.endswith(IAM_SUFFIXES) or any(map(_grants, attributes)):
        yield RIGHTS
    if type_ in NETWORK_TYPES and not opens:
        yield NETWORK


def _lets_out(type_: str, attributes: Sequence[AttributeChange]) -> bool:
    """Whether a firewall's rule is about what may leave: that to the world is everyday."""
    return type_.endswith("_egress_rule") or any(
        (attribute.path, attribute.new) in (("type", '"egress"'), ("direction", '"Outbound"'))
        for attribute in attributes
    )


def _opens(attribute: AttributeChange) -> bool:
    if attribute.new is None:
        return any(_EVERYBODY.match(line) and '"Deny"' not in line for line in attribute.lines)
    return not attribute.path.startswith("egress") and any(
        EXPOSING.get(name) == value or (name in WORLD_ATTRIBUTES and not WORLD.isdisjoint(_QUOTED.findall(value)))
        for name, value in _values(attribute.path, attribute.new)
    )


def _allows_all(attribute: AttributeChange) -> bool:
    if attribute.new is not None:
        return not ALL_RIGHTS.isdisjoint(_QUOTED.findall(attribute.new))
    return any(_EVERY_ACTION.match(line) and '"Deny"' not in line for line in attribute.lines)


def _values(path: str, new: str) -> Iterator[tuple[str, str]]:
    """The attribute's own name and value, and those inside of it where it is an object on one line."""
    if name := _last_name(path):
        yield name, new
    if new.startswith("{"):
        yield from _INNER.findall(new)


def _unguards(attribute: AttributeChange) -> bool:
    taken_away = UNPROTECTING.get(_top(attribute.path))
    return taken_away is not None and attribute.old is not None and taken_away == attribute.new


def _grants(attribute: AttributeChange) -> bool:
    return _top(attribute.path) in IAM_ATTRIBUTES


def _mirrors(attribute: AttributeChange, said: set[tuple[str, str | None, str | None]]) -> bool:
    top = _top(attribute.path)
    original = MIRRORS.get(top)
    return original is not None and (original + attribute.path[len(top) :], attribute.old, attribute.new) in said


@lru_cache(maxsize=_MOST_PATHS)
def _last_name(path: str) -> str:
    names = _NAME.findall(_QUOTED.sub("", path))
    return names[-1] if names else ""


@lru_cache(maxsize=_MOST_PATHS)
def _top(path: str) -> str:
    match = _NAME.match(path)
    return match[0] if match else path
