"""A short identification of a resource: name, place, size."""

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
_Way = tuple[str, ...]


class _Word(NamedTuple):
    """The paths to a value, or to both ends of a range, and its unit."""

    ways: tuple[_Way, ...]
    unit: str


class _Kind(NamedTuple):
    """The alternatives for one word, and the attributes in which they are looked up."""

    words: tuple[_Word, ...]
    names: frozenset[str]


def identity(change: ResourceChange, before: Shown, after: Shown, mask: Mask) -> tuple[str, ...]:
    """A resource's identity before the change, or after it for a new one; unknown, sensitive and empty values are left
    out."""
    values = before if isinstance(before, dict) else after
    if not isinstance(values, dict):
        return ()
    there = values.raw.keys() if isinstance(values, Attributes) else values.keys()
    texts: dict[str, None] = {}
    for kind in _wanted(change.type):
        if not there.isdisjoint(kind.names) and (text := _found(values, there, kind.words, mask)):
            texts[text] = None
    texts.pop(change.name, None)
    return tuple(texts)


def _found(values: dict[str, Shown], there: Container[str], alternatives: Sequence[_Word], mask: Mask) -> str:
    """The first alternative that has a value; equal ends of a range become one."""
    for word in alternatives:
        ends: dict[str, None] = {}
        for way in word.ways:
            if way[0] in there and (text := _text(_value(values, way), mask)):  # few are
                ends[text] = None
        if ends:
            return "–".join(ends) + (f" {word.unit}" if word.unit else "")
    return ""


@cache
def _wanted(type_: str) -> tuple[_Kind, ...]:
    """The alternatives for each word."""
    named = ATTRIBUTES.get(type_)
    kinds = (NAMES, PLACES, SIZES) if named is None else [(attribute,) for attribute in named.split()]
    return tuple(_kind(tuple(map(_word, kind))) for kind in kinds)


def _kind(words: tuple[_Word, ...]) -> _Kind:
    return _Kind(words, frozenset(way[0] for word in words for way in word.ways))


def _word(attribute: str) -> _Word:
    ends, _, unit = attribute.partition(":")
    return _Word(tuple(tuple(end.split(".")) for end in ends.split("-")), unit)


def _value(values: dict[str, Shown], way: _Way) -> Shown:
    value: Shown = values
    for step in way:
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
