"""Both sides of a change by attribute, each decoded when it is looked at.

Most attributes of a resource that changes stay, or change as they do in a hundred others. Both is seen in the JSON
itself, without decoding it.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from checks.plan.format import NOT_UNDERSTOOD, NOTHING, NULL, Change, decode_value, not_understood
from checks.plan.marks import Shown, marks_any, marks_fit, shown

_attributes = msgspec.json.Decoder(dict[str, Raw])
_NOTHING: Mapping[str, Raw] = {}
_NO_MARKS = (NOTHING, Raw(b"{}"))


class Attributes(dict[str, Shown]):
    """The attributes of an object, empty until `get` asks for one; `raw` has the JSON of each."""

    __slots__ = ("_late", "_marks", "raw")

    def __init__(self, raw: Mapping[str, Raw], marks: Mapping[str, Any], late: Mapping[str, Any]) -> None:
        super().__init__()
        self.raw, self._marks, self._late = raw, marks, late

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute as it may be looked at. Raises PlanFormatError."""
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

    Where both are `Attributes`, `names` are those of either side, and `marked` the ones that are sensitive, or known
    only after apply, in any part.
    """

    before: Shown
    after: Shown
    names: Collection[str] = ()
    marked: Collection[str] = ()


def sides(change: Change) -> Sides:
    """Both sides of a change. Raises PlanFormatError on what cannot be read."""
    before_marks, after_marks, late = map(
        _marks, (change.before_sensitive, change.after_sensitive, change.after_unknown)
    )
    old, new = _read(change.before), _read(change.after)
    by_attribute = all(isinstance(mark, dict) for mark in (before_marks, after_marks, late))
    fit = by_attribute and _fit(old, before_marks) and _fit(new, after_marks, late)
    if old is None or new is None or not fit:
        before, after = decode_value(change.before), decode_value(change.after)
        return Sides(shown(before, before_marks), shown(after, after_marks, late))
    later = {name: mark for name, mark in late.items() if marks_any(mark)}
    marked = {name for marks in (before_marks, after_marks) for name, mark in marks.items() if marks_any(mark)}
    return Sides(
        None if old is _NOTHING else Attributes(old, before_marks, {}),
        None if new is _NOTHING and not later else Attributes(new, after_marks, later),
        old.keys() | new.keys() | later.keys(),
        marked | later.keys(),
    )


def marked_part(value: Raw, marks: Any, late: Any = False) -> Shown:
    """What of a value is marked, and perhaps more. Raises PlanFormatError."""
    attributes = _read(value) if isinstance(marks, dict) and value != b"null" else None
    if attributes is None:
        return shown(decode_value(value), marks, late)
    part = {
        name: decode_value(attributes[name]) for name, mark in marks.items() if name in attributes and marks_any(mark)
    }
    return shown(part, marks, late)


def _marks(marks: Raw) -> Any:
    """Marks as they are decoded; none for false."""
    return {} if marks in _NO_MARKS else decode_value(marks)


def _fit(attributes: Mapping[str, Raw] | None, marks: Any, late: Any = False) -> bool:
    """Whether each mark is about an attribute that is there; where there is no object there is nothing to hide."""
    return not marks or attributes is _NOTHING or marks_fit(attributes, marks, late)


def _read(value: Raw) -> Mapping[str, Raw] | None:
    """The attributes of an object, none of null; None where it is something else."""
    if value == NULL:
        return _NOTHING
    if bytes(memoryview(value)[:1]) != b"{":
        return None
    try:
        return _attributes.decode(value)
    except NOT_UNDERSTOOD as error:
        raise not_understood(error) from None
