"""Which resource this is, in a few words: name, place, size."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from checks.plan.marks import Hidden, Shown
from checks.plan.resource_change import ResourceChange
from checks.report.identity_table import ATTRIBUTES, NAMES, PLACES, SIZES
from checks.report.literal import SENSITIVE
from checks.sensitive import Mask

_LONGEST = 60
_MOST_ITEMS = 2
_Way = tuple[str, ...]


class _Word(NamedTuple):
    """The ways to a value, or to both ends of a range, and the unit that it is said with."""

    ways: tuple[_Way, ...]
    unit: str


def identity(change: ResourceChange, before: Shown, after: Shown, mask: Mask) -> tuple[str, ...]:
    """What the resource was, or where it is new, will be; values that are unknown, sensitive or empty are left out."""
    values = before if isinstance(before, dict) else after
    if not isinstance(values, dict):
        return ()
    found = (_found(values, words, mask) for words in _wanted(change.type))
    texts = dict.fromkeys(text for text in found if text)
    return tuple(text for text in texts if text != change.name)


def _found(values: dict[str, Shown], alternatives: Sequence[_Word], mask: Mask) -> str:
    """The first of the alternatives that has a value; the ends of a range that are equal are one."""
    for word in alternatives:
        ends = dict.fromkeys(text for way in word.ways if (text := _text(_value(values, way), mask)))
        if ends:
            return "–".join(ends) + (f" {word.unit}" if word.unit else "")
    return ""


@cache
def _wanted(type_: str) -> tuple[tuple[_Word, ...], ...]:
    """What is looked for: for each word that is said its alternatives."""
    named = ATTRIBUTES.get(type_)
    if named is not None:
        return tuple((_word(attribute),) for attribute in named.split())
    return tuple(tuple(map(_word, kind)) for kind in (NAMES, PLACES, SIZES))


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
        case Hidden():
            return ""
        case bool():
            return ""
        case str():
            text = mask.text(value)
            return "" if SENSITIVE in text else text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        case int() | float():
            return "" if isinstance(mask.value(value), str) else str(value)
        case list():
            items = [text for item in value[:_MOST_ITEMS] if not isinstance(item, list) and (text := _text(item, mask))]
            more = [f"{len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
            return ", ".join([*items, *more]) if items else ""
        case _:
            return ""
