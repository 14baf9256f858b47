"""Identify a resource for people, in a few words: name, place, size."""

from collections.abc import Container, Sequence
from functools import cache
from typing import NamedTuple

from checks.plan.marks import Hidden, Shown
from checks.plan.resource_change import ResourceChange
from checks.plan.sides import Attributes
from checks.report.identity_table import ATTRIBUTES, NAMES, PLACES, SIZES
from checks.report.literal import SENSITIVE
from checks.sensitive import Mask

_LONGEST = 60
_MOST_ITEMS = 2
_Path = tuple[str, ...]


class _Word(NamedTuple):
    """One word of an identity: the path to its value, or two paths for the ends of a range, and its unit."""

    paths: tuple[_Path, ...]
    unit: str


class _Kind(NamedTuple):
    """The alternatives for one position in an identity, and the attributes that they use."""

    words: tuple[_Word, ...]
    names: frozenset[str]


def identity(change: ResourceChange, before: Shown, after: Shown, mask: Mask) -> tuple[str, ...]:
    """A resource's identity before the change, or after it for a new resource.

    Unknown, sensitive and empty values are left out.
    """
    values = before if isinstance(before, dict) else after
    if not isinstance(values, dict):
        return ()
    present = values.raw.keys() if isinstance(values, Attributes) else values.keys()
    texts: dict[str, None] = {}
    for kind in _kinds_for(change.type):
        if not present.isdisjoint(kind.names) and (text := _first_with_value(values, present, kind.words, mask)):
            texts[text] = None
    texts.pop(change.name, None)
    return tuple(texts)


def _first_with_value(
    values: dict[str, Shown], present: Container[str], alternatives: Sequence[_Word], mask: Mask
) -> str:
    """The text of the first alternative that has a value; a range with equal ends becomes one value."""
    for word in alternatives:
        ends: dict[str, None] = {}
        for path in word.paths:
            if path[0] in present and (text := _text(_value(values, path), mask)):  # absence is usual, and cheap to see
                ends[text] = None
        if ends:
            return "–".join(ends) + (f" {word.unit}" if word.unit else "")
    return ""


@cache
def _kinds_for(type_: str) -> tuple[_Kind, ...]:
    """The alternatives for each position, for a type of resources."""
    named = ATTRIBUTES.get(type_)
    kinds = (NAMES, PLACES, SIZES) if named is None else [(attribute,) for attribute in named.split()]
    return tuple(_make_kind(tuple(map(_read_word, kind))) for kind in kinds)


def _make_kind(words: tuple[_Word, ...]) -> _Kind:
    return _Kind(words, frozenset(path[0] for word in words for path in word.paths))


def _read_word(attribute: str) -> _Word:
    ends, _, unit = attribute.partition(":")
    return _Word(tuple(tuple(end.split(".")) for end in ends.split("-")), unit)


def _value(values: dict[str, Shown], path: _Path) -> Shown:
    value: Shown = values
    for step in path:
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Shown, mask: Mask) -> str:
    match value:
        case str():
            text = mask.text(value)
            return "" if SENSITIVE in text else text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        case Hidden() | bool():
            return ""
        case int() | float():
            return "" if isinstance(mask.value(value), str) else str(value)
        case list():
            items = [text for item in value[:_MOST_ITEMS] if not isinstance(item, list) and (text := _text(item, mask))]
            more = [f"{len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
            return ", ".join([*items, *more]) if items else ""
        case _:
            return ""
