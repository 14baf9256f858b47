"""Apply Terraform's marks to a value: hide sensitive parts, and replace unknown parts by UNKNOWN."""

import enum
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from checks.plain_text import number_text


class Hidden:
    """A sensitive value: it can be compared with another one, but neither printed nor stored."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and type(self._value) is type(other._value) and self._value == other._value

    def bare(self) -> Any:
        """The hidden value, only for comparisons."""
        return self._value

    __hash__ = None  # type: ignore[assignment]  # values may be lists and maps

    def __repr__(self) -> str:
        return "(sensitive)"

    def __reduce__(self) -> str:
        raise TypeError("a sensitive value is not stored")

    def texts(self) -> Iterator[str]:
        """The strings and numbers in it, for a mask."""
        return _texts(self._value)


class Unknown(enum.Enum):
    """A value that Terraform knows only after apply."""

    UNKNOWN = "(known after apply)"

    def __repr__(self) -> str:
        return self.value

    __str__ = __repr__


UNKNOWN: Final = Unknown.UNKNOWN

Shown: TypeAlias = (
    "bool | int | Decimal | str | Hidden | Literal[Unknown.UNKNOWN] | list[Shown] | dict[str, Shown] | None"
)


def shown(value: Any, sensitive: Any, unknown: Any = False) -> Shown:
    """The displayable form of a value, given its marks in the format of the plan JSON.

    `sensitive` and `unknown` are true for the whole value, false for none of it, or have the value's shape. Where
    `sensitive` has another shape, or marks a key that the value lacks, that part of the value is hidden as a whole: the
    mark may have been meant for anything in it.
    """
    if unknown is True:
        return UNKNOWN
    if sensitive is False:
        return _known(value, unknown)
    if isinstance(sensitive, dict) and _is_object(value, unknown) and marks_fit(value, sensitive, unknown):
        return _object(value or {}, sensitive, unknown)
    if isinstance(sensitive, list) and isinstance(value, list) and len(sensitive) == len(value):
        return _list(value, sensitive, unknown)
    if value is None and not marks_any(unknown):
        return None  # nothing to hide: providers mark attributes even if they are not set
    return Hidden(value)


def _known(value: Any, unknown: Any) -> Shown:
    """A value without sensitive parts."""
    if marks_any(unknown):
        if isinstance(unknown, dict) and _is_object(value, unknown):
            return _object(value or {}, {}, unknown)
        if isinstance(unknown, list) and isinstance(value, list):
            return _list(value, [False] * len(value), unknown)
    return value  # type: ignore[no-any-return]


def _object(value: dict[str, Any], sensitive: dict[str, Any], unknown: Any) -> Shown:
    late = unknown if isinstance(unknown, dict) else {}
    seen: dict[str, Shown] = {**value, **{key: None for key in late if key not in value and marks_any(late[key])}}
    for key in {**sensitive, **late}:  # most attributes have no mark, and stay as they are
        if key in seen:
            seen[key] = shown(value.get(key), sensitive.get(key, False), late.get(key, False))
    return seen


def _list(value: list[Any], sensitive: list[Any], unknown: Any) -> Shown:
    late = unknown if isinstance(unknown, list) else []
    late = [*late[: len(value)], *[False] * (len(value) - len(late))]
    return [shown(item, mark, later) for item, mark, later in zip(value, sensitive, late, strict=True)]


def _is_object(value: Any, unknown: Any) -> bool:
    return isinstance(value, dict) or (value is None and isinstance(unknown, dict) and marks_any(unknown))


def marks_fit(value: Any, sensitive: Mapping[str, Any], unknown: Any) -> bool:
    """Whether each mark belongs to a key of the value, or to one that is known only after apply."""
    late = unknown if isinstance(unknown, dict) else {}
    return all(key in (value or {}) or key in late or not marks_any(mark) for key, mark in sensitive.items())


def marks_any(marks: Any) -> bool:
    """Whether marks, in the format of the plan JSON, mark anything at all."""
    if marks is False or marks is True:
        return marks
    if isinstance(marks, dict):
        return any(map(marks_any, marks.values()))
    if isinstance(marks, list):
        return any(map(marks_any, marks))
    return True


def holds_hidden(value: Shown) -> bool:
    """Whether any part of the value is hidden."""
    match value:
        case Hidden():
            return True
        case dict():
            return any(map(holds_hidden, value.values()))
        case list():
            return any(map(holds_hidden, value))
        case _:
            return False


_CONTAINERS = (Hidden, dict, list)


def hidden_texts(value: Shown) -> Iterator[str]:
    """The hidden strings and numbers in a value, for a mask."""
    left: list[Shown] = [value]
    while left:
        item = left.pop()
        if isinstance(item, Hidden):
            yield from item.texts()
        elif isinstance(item, dict):
            left.extend(inner for inner in item.values() if isinstance(inner, _CONTAINERS))
        elif isinstance(item, list):
            left.extend(inner for inner in item if isinstance(inner, _CONTAINERS))


def _texts(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        match left.pop():
            case str() as leaf:
                yield leaf
            case bool() | None:
                pass
            case int() | float() | Decimal() as number:
                yield number_text(number)
            case dict() as items:
                left.extend(items.values())  # not the keys: masking `password` everywhere would hide an ordinary word
            case list() as items:
                left.extend(items)
