"""The order in which Terraform writes a set. The plan JSON does not say which arrays are sets.

An array that is in this order before and after the change may be a set, so positions in it are not reported. An array
whose order matters is in this order only by chance.

https://github.com/zclconf/go-cty/blob/main/cty/set_internals.go
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from checks.plain_text import number_text
from checks.plan.marks import UNKNOWN, Hidden, Shown

_quoted = json.JSONEncoder(ensure_ascii=False).encode


def in_set_order(items: Sequence[Shown]) -> bool:
    """Whether items are in the order in which a set of them would be written."""
    keys = [_place(item) for item in items]
    return all(one <= other for one, other in pairwise(keys))


def _place(item: Any) -> tuple[int, Any]:
    """A sort key: strings, numbers and booleans by their value, everything else by the text that cty hashes.

    Unknown values come after all known ones, and null comes last.
    """
    match item:
        case Hidden():
            return _place(item.bare())
        case None:
            return (9, 0)
        case _ if item is UNKNOWN:
            return (8, 0)
        case bool():
            return (1, item)
        case int() | Decimal():
            return (2, item)
        case str():
            return (3, item)
        case _:
            return (4, _hash(item))


def _hash(value: Any) -> str:
    match value:
        case Hidden():
            return _hash(value.bare())
        case None:
            return "null"
        case bool():
            return "T" if value else "F"
        case int() | Decimal():
            return number_text(value)
        case str():
            return _quoted(value)
        case dict():
            return "<" + "".join(f"{_hash(value[key])};" for key in sorted(value)) + ">"
        case list():
            return "[" + "".join(f"{_hash(item)};" for item in value) + "]"
        case _:
            assert value is UNKNOWN
            return "?"
