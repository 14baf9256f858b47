"""Split the JSON document in a string into indented lines, so that two documents can be compared."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

_WIDEST = 72
_SETS_IN_POLICIES: dict[str, frozenset[str]] = {
    "Statement": frozenset({"Action", "NotAction", "Resource", "NotResource"}),
    "bindings": frozenset({"members"}),
}
"""The lists in a policy whose order means nothing, by the top-level key that shows the kind of policy."""
_MAPS_OF_SETS = frozenset({"Principal", "NotPrincipal", "Condition"})

_quoted = json.JSONEncoder(ensure_ascii=False).encode


def read_json(text: str) -> Any:
    """The JSON object or array in a string, with numbers as Decimal; None if there is none, or if it is empty.

    Also None if a key occurs twice: programs disagree about which one counts, so the document is shown as text.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(
            text, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal, object_pairs_hook=_with_unique_keys
        )
    except (ValueError, RecursionError, InvalidOperation):
        return None
    return document or None


def is_policy(document: Any) -> bool:
    """Whether a document grants permissions in a format in which some lists are sets."""
    return isinstance(document, dict) and any(key in document for key in _SETS_IN_POLICIES)


def with_sorted_sets(document: Any) -> Any:
    """A policy with its sets in alphabetical order; anything else unchanged."""
    if not isinstance(document, dict):
        return document
    for key, names in _SETS_IN_POLICIES.items():
        if key in document:
            return {**document, key: _sorted_sets(document[key], names)}
    return document


def json_lines(value: Any, indent: str = "", before: str = "") -> Iterator[str]:
    """A JSON value in lines, with sorted keys; short flat values stay on one line."""
    if _is_flat(value):
        flat = _flat(value)
        if not isinstance(value, dict | list) or (indent and len(indent) + len(before) + len(flat) <= _WIDEST):
            yield f"{indent}{before}{flat}"
            return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{indent}{before}{opening}"
    items = sorted(value.items()) if isinstance(value, dict) else [(None, item) for item in value]
    for number, (key, item) in enumerate(items, 1):
        name = "" if key is None else f"{_quoted(key)}: "
        lines = list(json_lines(item, f"{indent}  ", name))
        yield from lines[:-1]
        yield lines[-1] + ("," if number < len(items) else "")
    yield f"{indent}{closing}"


def _with_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a key occurs twice")
    return unique


def _sorted_sets(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_sorted_sets(item, names) for item in value]
    if isinstance(value, dict):
        return {
            key: _sorted(item) if key in names else _in_map(item) if key in _MAPS_OF_SETS else item
            for key, item in value.items()
        }
    return value


def _in_map(value: Any) -> Any:
    return {key: _in_map(item) for key, item in value.items()} if isinstance(value, dict) else _sorted(value)


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value


def _is_flat(value: Any) -> bool:
    """Whether a value is not nested. Nested ones always take several lines, so that both sides are laid out alike."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not any(isinstance(item, dict | list) and item for item in items)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(key)}: {_flat(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return str(value) if isinstance(value, Decimal) else _quoted(value)
