"""Compare both sides of a resource or output, attribute by attribute, down to the smallest part that differs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec import Raw, Struct

from checks.plan.marks import UNKNOWN, Hidden, Shown
from checks.plan.sides import Attributes, Sides
from checks.report.change_report import AttributeChange
from checks.report.compare import Effort
from checks.report.differ import MOST_REPEATED, Differ, Entries, Path, References
from checks.report.equality import is_empty, same
from checks.report.literal import SENSITIVE, literal
from checks.sensitive import Mask

NO_REFERENCES: References = MappingProxyType({})
_NULL = Raw(b"null")
_EMPTY = (_NULL, Raw(b'""'), Raw(b"[]"), Raw(b"{}"))
_LONGEST = 2_000
_Repeated = tuple[str, bytes, bytes, int]
"""An attribute's name, its JSON on both sides, and 0 for a kept resource, 1 for a created or destroyed one, 2 for a
replaced one."""


class Difference(Struct, frozen=True, kw_only=True, gc=False):
    """The changed attributes, the number of unchanged ones, and those that the provider computes during the apply."""

    attributes: tuple[AttributeChange, ...]
    unchanged: int = 0
    recomputed: tuple[str, ...] = ()
    recomputed_from: tuple[AttributeChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparisonCache:
    """The data that all comparisons of one plan share: the remaining budget, and earlier results.

    The same attribute often changes in the same way in many resources. It is compared once; after that, the result is
    looked up by the attribute's JSON. Entries of maps, such as tags, are remembered in a similar way.
    """

    effort: Effort = field(default_factory=Effort)
    repeated: dict[_Repeated, tuple[AttributeChange, ...]] = field(default_factory=dict)
    entries: Entries = field(default_factory=dict)


def diff(
    before: Shown,
    after: Shown,
    *,
    mask: Mask,
    effort: Effort | None = None,
    replace_paths: Sequence[Path] = (),
    references: References | None = None,
    replaces: bool = False,
) -> Difference:
    """Compare two values of a resource; None means that the resource does not exist on that side.

    `references` are those of the resource's block, None if unknown: then nothing counts as recomputed. `replaces`:
    whether `after` is a new object. If so, an attribute that was false or 0 and is now absent counts as empty.
    """
    both, comparing = Sides(before, after), ComparisonCache(effort or Effort())
    return diff_sides(both, comparing, mask=mask, replace_paths=replace_paths, references=references, replaces=replaces)


def diff_sides(
    both: Sides,
    comparing: ComparisonCache,
    *,
    mask: Mask,
    replace_paths: Sequence[Path] = (),
    references: References | None = None,
    replaces: bool = False,
) -> Difference:
    """Like `diff`, for both sides of a planned change; only the necessary attributes are decoded."""
    before, after = both.before, both.after
    if isinstance(before, Hidden) or isinstance(after, Hidden):
        return _all_hidden(before, after)
    paths = tuple(filter(None, replace_paths))
    forcing = {path[0] for path in paths}
    differ = Differ(
        mask=mask,
        effort=comparing.effort,
        replace_paths=paths,
        references=references or NO_REFERENCES,
        entries=comparing.entries,
    )
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    old_json, new_json = (side.raw if isinstance(side, Attributes) else {} for side in (old, new))
    whole = 2 if replaces else int(before is None or after is None)
    attributes: list[AttributeChange] = []
    recomputed: list[str] = []
    recomputed_from: list[AttributeChange] = []
    unchanged = 0
    names = both.names or old.keys() | new.keys()
    if old_json and new_json:  # the usual case: an attribute stays the same, or is empty on both sides
        stays = {name for name, raw in old_json.items() if new_json.get(name) == raw and name not in both.remarked}
        small = [name for name in stays if len(old_json[name]) <= len(_NULL)]
        unchanged = len(stays) - sum(_is_empty(old_json[name], hidden=name in both.marked) for name in small)
        names = names - stays
    for name in sorted(names):
        key: _Repeated | None = None
        if both.names and name not in both.marked:
            was_json, becomes_json = old_json.get(name, _NULL), new_json.get(name, _NULL)
            if was_json == becomes_json:
                continue
            if name not in forcing:
                key = (name, bytes(was_json), bytes(becomes_json), whole)
                if (known := comparing.repeated.get(key)) is not None:
                    attributes += known
                    continue
        was, becomes = old.get(name), new.get(name)
        found: tuple[AttributeChange, ...] = ()
        if same(was, becomes):
            unchanged += not is_empty(was)
        elif becomes is UNKNOWN and references is not None and not _is_set(name, references, forcing):
            recomputed.append(mask.text(name))
            recomputed_from += () if is_empty(was) else differ.changes((name,), was, UNKNOWN)
        elif whole and _says_little(was, becomes, replaces=replaces):
            old_text, new_text = (None if side is None else literal(side, mask) for side in (was, becomes))
            found = (AttributeChange(path=name, old=old_text, new=new_text, empty=True),)
        else:
            found = tuple(differ.compare_attribute(name, was, becomes))
        attributes += found
        if (
            found
            and key is not None
            and len(key[1]) + len(key[2]) < _LONGEST
            and len(comparing.repeated) < MOST_REPEATED
        ):
            comparing.repeated[key] = found
    return Difference(
        attributes=tuple(attributes),
        unchanged=unchanged,
        recomputed=tuple(recomputed),
        recomputed_from=tuple(recomputed_from),
    )


def _is_empty(raw: Raw, *, hidden: bool) -> bool:
    """Whether an unchanged attribute is known to be empty, so that it does not count. If it is hidden, only null is
    known to be empty."""
    return raw == _NULL if hidden else raw in _EMPTY


def _says_little(was: Shown, becomes: Shown, *, replaces: bool) -> bool:
    """Whether an attribute of a created, destroyed or replaced object is empty on both sides, such as null and `[]`."""
    if replaces and becomes is None and was in (False, 0):
        return True
    return is_empty(was) and is_empty(becomes)


def _is_set(name: str, references: References, forcing: Collection[str | int | float]) -> bool:
    """Whether the configuration sets an attribute, or the attribute forces the replacement."""
    if name in references or name in forcing:
        return True
    prefix = f"{name}."
    return any(path.startswith(prefix) for path in references)


def _all_hidden(before: Shown, after: Shown) -> Difference:
    """The difference of a resource that is hidden as a whole.

    For example, Terraform before 0.15 does not mark sensitive values, so all values in its plans are hidden.
    """
    old, new = (None if side is None else SENSITIVE for side in (before, after))
    attribute = AttributeChange(path="(all attributes)", old=old, new=new)
    return Difference(attributes=(attribute,))


def diff_value(
    name: str,
    before: Shown,
    after: Shown,
    *,
    mask: Mask,
    effort: Effort | None = None,
    references: References = NO_REFERENCES,
) -> tuple[AttributeChange, ...]:
    """Compare two values of something other than a resource, such as an output."""
    differ = Differ(mask=mask, effort=effort or Effort(), replace_paths=(), references=references, entries={})
    return tuple(differ.changes((name,), before, after))
