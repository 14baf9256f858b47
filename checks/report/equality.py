"""When two values of a plan are the same for a person who reads their difference."""

import json
from collections.abc import Sequence

from checks.plan.marks import UNKNOWN, Hidden, Shown

_HIDDEN_EMPTY = (Hidden(""), Hidden(None), Hidden([]), Hidden({}))


def same(before: Shown, after: Shown) -> bool:
    """Equality that tells true from 1, and for which nothing known equals what is unknown."""
    if before is UNKNOWN or after is UNKNOWN:
        return before is after
    if before != after:
        return False
    if before is None or isinstance(before, str):
        return True
    if type(before) is not type(after):
        numbers = isinstance(before, int | float) and isinstance(after, int | float)
        return numbers and not isinstance(before, bool) and not isinstance(after, bool)
    if isinstance(before, dict) and isinstance(after, dict):
        return all(same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return all(map(same, before, after))
    return True


def is_empty(value: Shown) -> bool:
    """Whether a value says nothing: null, an empty text, list or map, be it hidden."""
    if isinstance(value, str | list | dict):
        return not value
    return value is None or (isinstance(value, Hidden) and value in _HIDDEN_EMPTY)


def numbered(before: Sequence[Shown], after: Sequence[Shown]) -> tuple[list[int], list[int]]:
    """A number for each item, equal where the items are; hidden values are told apart by comparing, never by text."""
    groups: dict[str, list[tuple[Shown, int]]] = {}
    count = 0
    numbered: tuple[list[int], list[int]] = ([], [])
    for items, numbers in zip((before, after), numbered, strict=True):
        for item in items:
            group = groups.setdefault(json.dumps(item, sort_keys=True, default=repr), [])
            number = next((number for other, number in group if same(other, item)), None)
            if number is None:
                number = count = count + 1
                group.append((item, number))
            numbers.append(number)
    return numbered
