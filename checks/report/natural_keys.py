"""Name list items as people do: by a rule's name or ports instead of its index."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias, TypeGuard

from checks.plain_text import number_text
from checks.plan.marks import Shown

Item: TypeAlias = "dict[str, Shown]"

_quoted = json.JSONEncoder(ensure_ascii=False).encode

_NAMES: tuple[tuple[str, ...], ...] = (
    ("name",),
    ("Name",),
    ("key",),
    ("id",),
    ("sid",),
    ("Sid",),
    ("rule_id",),
    ("rule_name",),
    ("priority",),
    ("device_name",),
    ("host",),
    ("hostname",),
    ("domain_name",),
    ("path",),
    ("attribute_name",),
    ("index_name",),
    ("type", "from_port", "to_port", "protocol"),
    ("from_port", "to_port", "protocol"),
    ("protocol", "port"),
    ("port", "target_port"),
    ("port",),
    ("cidr_block",),
    ("type",),
)
"""Groups of attributes that together name an item, the best group first."""
_SAMPLE_SIZE = 2  # how many items of each list are examined first, to rule out groups with missing attributes


def all_objects(items: Sequence[Shown]) -> TypeGuard[Sequence[Item]]:
    """Whether each item of a list is an object; also true for an empty list."""
    return all(isinstance(item, dict) for item in items)


def natural_names(*lists: Sequence[Item]) -> list[list[str]] | None:
    """The name of each item of each list, unique within its list; None if the lists have no common natural key."""
    shared = set.intersection(*(set(item) for items in lists for item in items[:_SAMPLE_SIZE])) if any(lists) else None
    for attributes in _NAMES:
        if shared is not None and not shared.issuperset(attributes):
            continue
        named = [_names(items, attributes) for items in lists]
        if all(names is not None for names in named):
            return [names for names in named if names is not None]
    return None


def _names(items: Sequence[Item], attributes: tuple[str, ...]) -> list[str] | None:
    names: dict[str, None] = {}
    for item in items:
        name = _name(item, attributes)
        if name is None or name in names:
            return None
        names[name] = None
    return list(names)


def _name(item: Mapping[str, Shown], attributes: tuple[str, ...]) -> str | None:
    if "from_port" in attributes and all(
        isinstance(item.get(attribute), str | int | Decimal) for attribute in attributes
    ):
        kind = f"{item['type']} " if "type" in attributes else ""
        first, last = item["from_port"], item["to_port"]
        ports = str(first) if first == last else f"{first}-{last}"
        return _quoted(f"{kind}{ports}/{item['protocol']}")
    parts = [item.get(attribute) for attribute in attributes]
    if not all(isinstance(part, str | int | Decimal) and not isinstance(part, bool) and part != "" for part in parts):
        return None
    return _quoted("/".join(map(_text, parts)))


def _text(part: Shown) -> str:
    return number_text(part) if isinstance(part, int | Decimal) else str(part)
