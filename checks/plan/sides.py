"""Both sides of a change by attribute, each decoded only when it is needed.

Most attributes of a changed resource stay the same, or change in the same way as in a hundred other resources. Both
cases are visible in the JSON itself, without decoding it.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from checks.plan.format import NOT_UNDERSTOOD, NOTHING, NULL, Change, decode_value, not_understood
from checks.plan.marks import Hidden, Shown, marks_any, shown

_attributes = msgspec.json.Decoder(dict[str, Raw])
_NOTHING: Mapping[str, Raw] = {}
_NO_MARKS = (NOTHING, Raw(b"{}"))
_SHORT_MARKS, _MOST_MARKS = 500, 1_024


class Attributes(dict[str, Shown]):
    """The attributes of an object, decoded one at a time by `get`; `raw` has the JSON of each."""

    __slots__ = ("_late", "_marks", "raw")

    def __init__(self, raw: Mapping[str, Raw], marks: Mapping[str, Any], late: Mapping[str, Any]) -> None:
        self.raw, self._marks, self._late = raw, marks, late

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute in its displayable form. Raises PlanFormatError."""
        if name in self:
            return self[name]
        raw = self.raw.get(name)
        if raw is None and name not in self._late:
            return default
        value = None if raw is None else decode_value(raw)
        if name in self._marks or name in self._late:
            value = shown(value, self._marks.get(name, False), self._late.get(name, False))
        self[name] = value
        return value


class Sides(NamedTuple):
    """A change's value before and after.

    If both are `Attributes`, `names` are the attributes of either side, and `marked` those with any part that is
    sensitive or known only after apply. `remarked` are the attributes that the two sides may mark differently: such
    attributes can differ although their JSON is equal.
    """

    before: Shown
    after: Shown
    names: AbstractSet[str] = frozenset()
    marked: AbstractSet[str] = frozenset()
    remarked: AbstractSet[str] = frozenset()


def sides(change: Change) -> Sides:
    """Both sides of a change. Raises PlanFormatError if they cannot be read."""
    before_marks, after_marks = _read_marks(change.before_sensitive), _read_marks(change.after_sensitive)
    late = _read_marks(change.after_unknown)
    old, new = _read(change.before), _read(change.after)
    if (
        old is None
        or new is None
        or before_marks.by_name is None
        or after_marks.by_name is None
        or late.by_name is None
        or not _marks_fit(old, before_marks.by_name)
        or not _marks_fit(new, after_marks.by_name, late.by_name)
    ):
        before, after = decode_value(change.before), decode_value(change.after)
        return Sides(shown(before, before_marks.whole), shown(after, after_marks.whole, late.whole))
    marked_alike = before_marks.by_name == after_marks.by_name and not late.by_name
    marked: AbstractSet[str] = before_marks.by_name.keys()
    if not marked_alike:
        marked |= after_marks.by_name.keys() | late.by_name.keys()
    return Sides(
        None if old is _NOTHING else Attributes(old, before_marks.by_name, {}),
        None if new is _NOTHING and not late.by_name else Attributes(new, after_marks.by_name, late.by_name),
        (old.keys() | new.keys()) if marked_alike else (old.keys() | new.keys() | late.by_name.keys()),
        marked,
        frozenset() if marked_alike else marked,
    )


def marked_part(value: Raw, marks: Raw, late: Raw = NOTHING) -> Shown:
    """The part of a value that is marked, perhaps with unmarked parts beside it. Raises PlanFormatError."""
    sensitive = _read_marks(marks)
    attributes = _read(value) if sensitive.by_name is not None else None
    if attributes is None or sensitive.by_name is None:
        return shown(decode_value(value), sensitive.whole, _read_marks(late).whole)
    part = {name: decode_value(attributes[name]) for name in sensitive.by_name if name in attributes}
    return Hidden(part) if sensitive.marks_wholes else shown(part, sensitive.whole, _read_marks(late).whole)


class _Marks(NamedTuple):
    """Decoded marks.

    `by_name` has the marks of each attribute that has any; None if they are not given by attribute. `marks_wholes`:
    whether each of these marks covers its whole attribute.
    """

    whole: Any
    by_name: Mapping[str, Any] | None
    marks_wholes: bool = False


_UNMARKED = _Marks({}, {})


def _read_marks(marks: Raw) -> _Marks:
    if marks in _NO_MARKS:
        return _UNMARKED
    return _cached_marks(bytes(marks)) if len(marks) <= _SHORT_MARKS else _decode_marks(marks)


@lru_cache(maxsize=_MOST_MARKS)
def _cached_marks(marks: bytes) -> _Marks:
    """Decode marks and cache them: all instances of a resource have the same ones. Nobody may modify the result."""
    return _decode_marks(Raw(marks))


def _decode_marks(marks: Raw) -> _Marks:
    whole = decode_value(marks)
    if not isinstance(whole, dict):
        return _Marks(whole, None)
    by_name = {name: mark for name, mark in whole.items() if marks_any(mark)}
    return _Marks(whole, by_name, marks_wholes=all(mark is True for mark in by_name.values()))


def _marks_fit(attributes: Mapping[str, Raw], marks: Mapping[str, Any], late: Mapping[str, Any] = {}) -> bool:
    """Whether each mark belongs to an existing attribute, or to one that is known only after apply.

    Any marks fit a missing object.
    """
    if attributes is _NOTHING or marks.keys() <= attributes.keys():
        return True
    return all(name in attributes or name in late for name in marks)


def _read(value: Raw) -> Mapping[str, Raw] | None:
    """The attributes of an object; an empty mapping for null, and None for anything else."""
    if value == NULL:
        return _NOTHING
    try:
        return _attributes.decode(value)
    except msgspec.ValidationError:
        return None
    except NOT_UNDERSTOOD as error:
        raise not_understood(error) from None
