"""When two values of a plan are the same for a person who reads their difference."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from checks.plan.marks import UNKNOWN, Hidden, Shown

_HOLDING = (str, list, dict)  # as a constant: `str | list | dict` is made at each call


def same(before: Shown, after: Shown) -> bool:
    """Equality that tells true from 1, and for which nothing known equals what is unknown."""
    if before is UNKNOWN or after is UNKNOWN:
        return before is after
    if before != after:
        return False
    if before is None or isinstance(before, str):
        return True
    if type(before) is not type(after):
        numbers = isinstance(before, int | Decimal) and isinstance(after, int | Decimal)
        return numbers and not isinstance(before, bool) and not isinstance(after, bool)
    if isinstance(before, dict) and isinstance(after, dict):
        return all(same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return all(map(same, before, after))
    return True


def is_empty(value: Shown) -> bool:
    """Whether a value says nothing: null, an empty text, list or map."""
    return value is None or (not value and isinstance(value, _HOLDING))


def is_only_marked(before: Shown, after: Shown) -> bool:
    """Whether two values differ in nothing but what of them is marked as sensitive."""
    return same(_bare(before), _bare(after))


def numbered(before: Sequence[Shown], after: Sequence[Shown]) -> tuple[list[int], list[int]]:
    """A number for each item, equal where the items are; hidden values are told apart by comparing, never by text."""
    groups: dict[str, list[tuple[Shown, int]]] = {}
    count = 0
    numbered: tuple[list[int], list[int]] = ([], [])
    for items, numbers in zip((before, after), numbered, strict=True):
        for item in items:
            text = item if isinstance(item, str) else json.dumps(item, sort_keys=True, default=_as_json)
            group = groups.setdefault(text, [])
            number = next((number for other, number in group if same(other, item)), None)
            if number is None:
                number = count = count + 1
                group.append((item, number))
            numbers.append(number)
    return numbered


def _bare(value: Any) -> Any:
    """A value without its marks, only to be compared."""
    match value:
        case Hidden():
            return value.bare()
        case dict():
            return {key: _bare(item) for key, item in value.items()}
        case list():
            return [_bare(item) for item in value]
        case _:
            return value


def _as_json(value: object) -> object:
    """For what JSON has no word; only to sort what may be equal from what cannot be."""
    return ["hidden", value.bare()] if isinstance(value, Hidden) else str(value)
