"""What changes inside one resource or output: attribute by attribute, down to the smallest part that differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import TypeGuard

from checks.plan.marks import UNKNOWN, Hidden, Shown
from checks.report.change_report import AttributeChange
from checks.report.equality import is_empty, numbered, same
from checks.report.literal import KNOWN_AFTER_APPLY, SENSITIVE, literal, step
from checks.report.natural_keys import Item, natural_names
from checks.report.text_diff import diff_lines, is_document, text_lines
from checks.sensitive import Mask

Path = tuple[str | int | float, ...]
References = Mapping[str, tuple[str, ...]]
"""What an attribute's expression refers to, by the attribute's path without indices (`ingress.cidr_blocks`)."""
NO_REFERENCES: References = MappingProxyType({})
_MOST_COMPARED = 1_000
_MOST_ATTRIBUTES = 400
_LONGEST_ITEM = 100


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
    replace_paths: Sequence[Path] = (),
    references: References | None = None,
    replaces: bool = False,
) -> Difference:
    """Compare two values of a resource, of which None means that there is none.

    `references` are those of the resource's block, None where it is not known: then nothing is called recomputed.
    `replaces` is whether `after` is another object: that empty values are not repeated for it means nothing.
    """
    if isinstance(before, Hidden) or isinstance(after, Hidden):
        return _all_hidden(before, after)
    differ = _Differ(mask=mask, replace_paths=tuple(filter(None, replace_paths)), references=references or {})
    attributes: list[AttributeChange] = []
    recomputed: list[str] = []
    unchanged = 0
    gone = after is None
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    for name in sorted({*old, *new}):
        was, becomes = old.get(name), new.get(name)
        if same(was, becomes) or (is_empty(was) and (gone or becomes is None)) or (was is None and becomes in ([], {})):
            unchanged += not is_empty(was)
        elif becomes is None and replaces and was in (False, 0):
            unchanged += 1
        elif becomes is UNKNOWN and references is not None and not _is_set(name, references, differ.replace_paths):
            recomputed.append(mask.text(name))
        else:
            attributes += differ.changes((name,), was, becomes)
    if len(attributes) > _MOST_ATTRIBUTES:
        left_out = AttributeChange(path=f"… {len(attributes) - _MOST_ATTRIBUTES + 1:,} more")
        attributes = [*attributes[: _MOST_ATTRIBUTES - 1], left_out]
    return Difference(attributes=tuple(attributes), unchanged=unchanged, recomputed=tuple(recomputed))


def _is_set(name: str, references: References, replace_paths: Sequence[Path]) -> bool:
    """Whether the configuration gives an attribute its value, or the attribute matters all the same."""
    prefix = f"{name}."
    return any(path == name or path.startswith(prefix) for path in references) or any(
        path[0] == name for path in replace_paths
    )


def _all_hidden(before: Shown, after: Shown) -> Difference:
    """A resource without marks for its values, as Terraform wrote plans before 0.15."""
    old, new = (None if side is None else SENSITIVE for side in (before, after))
    attribute = AttributeChange(path="(all attributes)", old=old, new=new)
    return Difference(attributes=(attribute,))


def diff_value(
    name: str, before: Shown, after: Shown, *, mask: Mask, references: References = NO_REFERENCES
) -> tuple[AttributeChange, ...]:
    """Compare two values that are not resources, such as an output's."""
    return tuple(_Differ(mask=mask, replace_paths=(), references=references).changes((name,), before, after))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Differ:
    mask: Mask
    replace_paths: tuple[Path, ...]
    references: References

    def changes(self, path: Path, before: Shown, after: Shown, name: str = "") -> Iterator[AttributeChange]:
        """Everything that differs at or below a path; `name` is how the path reads, where that is not its steps."""
        name = name or _path_text(path)
        if same(before, after):
            return
        if isinstance(before, Hidden) or isinstance(after, Hidden) or after is UNKNOWN:
            yield self._leaf(path, name, before, after)
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in sorted({*before, *after}):
                yield from self.changes((*path, key), before.get(key), after.get(key), name + self._step(key))
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._lists(path, name, before, after)
        elif isinstance(before, str) and isinstance(after, str) and is_document(before) and is_document(after):
            yield self._documents(path, name, before, after)
        elif _is_nothing(before) or _is_nothing(after):
            yield from self._one_sided(path, name, before, after)
        else:
            yield self._leaf(path, name, before, after)

    def _one_sided(self, path: Path, name: str, before: Shown, after: Shown) -> Iterator[AttributeChange]:
        """What comes or goes as a whole: nested values by their parts, so that each can be read."""
        value, sign = (after, "+") if _is_nothing(before) else (before, "-")
        if isinstance(value, dict) and value:
            for key in sorted(value):
                if not _is_nothing(value[key]):
                    was, becomes = (None, value[key]) if sign == "+" else (value[key], None)
                    yield from self.changes((*path, key), was, becomes, name + self._step(key))
        elif _all_objects(value) and value:
            items: list[Shown] = [*value]
            yield from self._lists(path, name, [], items) if sign == "+" else self._lists(path, name, items, [])
        elif isinstance(value, str) and is_document(value):
            lines = text_lines(value, sign, self.mask)
            yield self._change(path, name, lines=lines) if len(lines) > 1 else self._leaf(path, name, before, after)
        else:
            yield self._leaf(path, name, before, after)

    def _lists(self, path: Path, name: str, before: list[Shown], after: list[Shown]) -> Iterator[AttributeChange]:
        if _all_objects(before) and _all_objects(after) and (names := natural_names(before, after)) is not None:
            yield from self._named_items(
                path, name, dict(zip(names[0], before, strict=True)), dict(zip(names[1], after, strict=True))
            )
            return
        old, new = numbered(before, after)
        if sorted(old) == sorted(new):
            yield self._change(path, name, old=f"({len(old)} items)", new="(the same in another order)")
            return
        if max(len(old), len(new)) > _MOST_COMPARED:
            yield self._change(path, name, old=f"({len(old):,} items)", new=f"({len(new):,} items)")
            return
        for tag, old_start, old_end, new_start, new_end in SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes():
            if tag == "equal":
                continue
            paired = min(old_end - old_start, new_end - new_start)
            for offset in range(paired):
                at, to = old_start + offset, new_start + offset
                yield from self.changes((*path, to), before[at], after[to], f"{name}[{to}]")
            for at in range(old_start + paired, old_end):
                yield from self._item((*path, at), f"{name}[{at}]", before[at], None)
            for to in range(new_start + paired, new_end):
                yield from self._item((*path, to), f"{name}[{to}]", None, after[to])

    def _item(self, path: Path, name: str, before: Shown, after: Shown) -> Iterator[AttributeChange]:
        """An item of a list; one that comes or goes is a single line where it is short."""
        value = after if before is None else before if after is None else None
        if isinstance(value, dict) and value:
            text = literal({key: part for key, part in value.items() if not is_empty(part)}, self.mask)
            if len(text) <= _LONGEST_ITEM:
                sides = (text, None) if after is None else (None, text)
                yield self._change(path, name, old=sides[0], new=sides[1])
                return
        yield from self.changes(path, before, after, name)

    def _named_items(
        self, path: Path, name: str, before: Mapping[str, Item], after: Mapping[str, Item]
    ) -> Iterator[AttributeChange]:
        indices = {item_name: index for index, item_name in enumerate(before)}
        indices |= {item_name: index for index, item_name in enumerate(after)}
        if before.keys() == after.keys() and all(same(before[key], after[key]) for key in before):
            yield self._change(path, name, old=f"({len(before)} items)", new="(the same in another order)")
        single = len(before) == len(after) == 1 and before.keys() != after.keys()
        if single:  # the only item has another name now: that is a change of it
            yield from self.changes((*path, 0), next(iter(before.values())), next(iter(after.values())), f"{name}[0]")
            return
        for key in sorted(indices, key=lambda key: (indices[key], key)):
            item = f"{name}[{self.mask.text(key)}]"
            yield from self._item((*path, indices[key]), item, before.get(key), after.get(key))

    def _step(self, key: str) -> str:
        return step(self.mask.text(key))

    def _documents(self, path: Path, name: str, before: str, after: str) -> AttributeChange:
        lines = diff_lines(before, after, self.mask)
        if lines:
            return self._change(path, name, lines=lines)
        hidden = self.mask.text(before) == self.mask.text(after)
        if hidden:
            return self._change(path, name, old=SENSITIVE, new=SENSITIVE)
        return self._change(path, name, old="(text)", new="(the same, formatted otherwise)")

    def _leaf(self, path: Path, name: str, before: Shown, after: Shown) -> AttributeChange:
        hides = isinstance(before, Hidden) or isinstance(after, Hidden)  # what is a secret on one side was one before
        old = None if before is None else SENSITIVE if hides else literal(before, self.mask)
        new = None if after is None else SENSITIVE if hides else literal(after, self.mask)
        if after is UNKNOWN and isinstance(before, str) and is_document(before):
            old = f"(text of {len(before):,} characters)"
        if after is UNKNOWN:
            sources = self.references.get(_plain(path)) or self.references.get(_plain(path[:1]))
            new = f"{KNOWN_AFTER_APPLY} ← {self.mask.text(', '.join(sources))}" if sources else KNOWN_AFTER_APPLY
        if old is not None and old == new and not hides:
            new = f"{new}, changed"
        return self._change(path, name, old=old, new=new)

    def _change(
        self, path: Path, name: str, *, old: str | None = None, new: str | None = None, lines: tuple[str, ...] = ()
    ) -> AttributeChange:
        forces = bool(self.replace_paths) and any(
            _begins(path, forcing) or _begins(forcing, path) for forcing in self.replace_paths
        )
        shown = name if len(path) == 1 else self.mask.text(name)
        return AttributeChange(path=shown, old=old, new=new, lines=lines, forces_replacement=forces)


def _is_nothing(value: Shown) -> bool:
    return value is None or (isinstance(value, list | dict) and not value)


def _all_objects(value: Shown) -> TypeGuard[list[Item]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _begins(path: Path, start: Path) -> bool:
    return path[: len(start)] == start


def _plain(path: Path) -> str:
    return ".".join(key for key in path if isinstance(key, str))


def _path_text(path: Path) -> str:
    return "".join(map(step, path)).removeprefix(".")
