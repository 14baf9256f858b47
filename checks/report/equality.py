"""Whether two values of a plan are equal for a person who reads their difference."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from checks.plan.marks import UNKNOWN, Hidden, Shown

_CONTAINERS = (str, list, dict)  # as a constant, since `str | list | dict` is built at each call


def same(before: Shown, after: Shown) -> bool:
    """Whether two values are equal. Unlike `==`, this distinguishes true from 1, and known values from unknown ones."""
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
    """Whether a value is empty: null, an empty string, list or map."""
    return value is None or (not value and isinstance(value, _CONTAINERS))


def is_only_marked(before: Shown, after: Shown) -> bool:
    """Whether two values differ only in which parts are marked as sensitive."""
    return same(_bare(before), _bare(after))


def numbered(before: Sequence[Shown], after: Sequence[Shown]) -> tuple[list[int], list[int]]:
    """Number the items of both lists, so that equal items have equal numbers. Hidden values stay in this function."""
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
    """A value with its hidden parts in plain text, only for comparisons."""
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
    """The JSON form of a value that JSON does not have. Different values may have the same form."""
    return ["hidden", value.bare()] if isinstance(value, Hidden) else str(value)
