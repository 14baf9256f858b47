"""What changes inside one resource or output: attribute by attribute, down to the smallest part that differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from checks.plan.marks import UNKNOWN, Hidden, Shown
from checks.report.change_report import AttributeChange
from checks.report.compare import Effort
from checks.report.differ import Differ, Path, References
from checks.report.equality import is_empty, same
from checks.report.literal import SENSITIVE, literal
from checks.sensitive import Mask

NO_REFERENCES: References = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The attributes that change, how many stay, and which ones nobody sets and nobody knows before the apply."""

    attributes: tuple[AttributeChange, ...]
    unchanged: int = 0
    recomputed: tuple[str, ...] = ()


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
    """Compare two values of a resource, of which None means that there is none.

    `references` are those of the resource's block, None where it is not known: then nothing is called recomputed.
    `replaces` is whether `after` is another object: that empty values are not repeated for it means little.
    """
    if isinstance(before, Hidden) or isinstance(after, Hidden):
        return _all_hidden(before, after)
    differ = Differ(
        mask=mask,
        effort=effort or Effort(),
        replace_paths=tuple(filter(None, replace_paths)),
        references=references or NO_REFERENCES,
    )
    attributes: list[AttributeChange] = []
    recomputed: list[str] = []
    unchanged = 0
    whole = before is None or after is None or replaces
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    for name in sorted(old.keys() | new.keys()):
        was, becomes = old.get(name), new.get(name)
        if same(was, becomes):
            unchanged += not is_empty(was)
        elif becomes is UNKNOWN and references is not None and not _is_set(name, references, differ.replace_paths):
            recomputed.append(mask.text(name))
        elif whole and _says_little(was, becomes, replaces=replaces):
            old_text, new_text = (None if side is None else literal(side, mask) for side in (was, becomes))
            attributes.append(AttributeChange(path=name, old=old_text, new=new_text, empty=True))
        else:
            attributes += differ.changes((name,), was, becomes)
    return Difference(attributes=tuple(attributes), unchanged=unchanged, recomputed=tuple(recomputed))


def _says_little(was: Shown, becomes: Shown, *, replaces: bool) -> bool:
    """Whether an attribute is empty on both sides of an object that comes, goes or is replaced, be it in two ways."""
    if replaces and becomes is None and was in (False, 0):
        return True
    return is_empty(was) and is_empty(becomes)


def _is_set(name: str, references: References, replace_paths: Sequence[Path]) -> bool:
    """Whether the configuration gives an attribute its value, or the attribute matters all the same."""
    if name in references or any(path[0] == name for path in replace_paths):
        return True
    prefix = f"{name}."
    return any(path.startswith(prefix) for path in references)


def _all_hidden(before: Shown, after: Shown) -> Difference:
    """A resource without marks for its values, as Terraform wrote plans before 0.15."""
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
    """Compare two values that are not resources, such as an output's."""
    differ = Differ(mask=mask, effort=effort or Effort(), replace_paths=(), references=references)
    return tuple(differ.changes((name,), before, after))
