"""Find the difference between two values, down to the smallest differing part; nothing is shortened."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from checks.plan.marks import UNKNOWN, Hidden, Shown
from checks.report.change_report import AttributeChange
from checks.report.compare import Effort
from checks.report.equality import is_empty, is_only_marked, same
from checks.report.lists import Match, Pair, known, match_items, part
from checks.report.literal import KNOWN_AFTER_APPLY, SENSITIVE, literal, plain_literal, step
from checks.report.strings import Strings, compare_strings
from checks.report.text_diff import hidden_note, is_document
from checks.sensitive import Mask
from checks.sensitive.encoded import decode

Path = tuple[str | int | float, ...]
References = Mapping[str, tuple[str, ...]]
"""The references in an attribute's expression, by the attribute's path without indices (`ingress.cidr_blocks`)."""
Entries = dict[tuple[str, str, str, bool], tuple[AttributeChange, ...]]
"""How entries of maps are shown, by the map's path, the key, the value, and whether the entry is added."""
_LONGEST_ITEM = 100
MOST_REPEATED = 50_000
"""The maximum number of attributes, and of map entries, whose comparison is remembered for one plan."""
_ONLY_MARKED = "from now on marked as sensitive; the value is unchanged"
_NO_LONGER_MARKED = "no longer marked as sensitive; the value is unchanged"


class Differ(Struct, frozen=True, kw_only=True, gc=False):
    """Compares the values of one resource."""

    mask: Mask
    effort: Effort
    replace_paths: tuple[Path, ...]
    references: References
    entries: Entries

    def compare_attribute(self, name: str, before: Shown, after: Shown) -> Iterable[AttributeChange]:
        """All differences in one attribute whose two sides are not equal."""
        if before is None and (after is UNKNOWN or isinstance(after, Hidden)):
            return (self._compare_literals((name,), _path_text((name,)), before, after),)
        old, new = plain_literal(before, self.mask), plain_literal(after, self.mask)
        if old != new and (old or before is None) and (new or after is None):  # the usual case
            forces = bool(self.replace_paths) and any(path[0] == name for path in self.replace_paths)
            return (AttributeChange(path=name, old=old, new=new, forces_replacement=forces),)
        return self._compare_closely((name,), _path_text((name,)), before, after)

    def changes(self, path: Path, before: Shown, after: Shown, name: str = "") -> Iterable[AttributeChange]:
        """All differences at or below a path. `name` is the path as text, if it differs from `_path_text(path)`."""
        return () if same(before, after) else self._compare_unequal(path, name or _path_text(path), before, after)

    def _compare_unequal(self, path: Path, name: str, before: Shown, after: Shown) -> Iterable[AttributeChange]:
        """All differences between two values that are not equal."""
        old, new = plain_literal(before, self.mask), plain_literal(after, self.mask)
        if old != new and (old or before is None) and (new or after is None):
            return (self._change(path, name, old=old, new=new),)
        return self._compare_closely(path, name, before, after)

    def _compare_closely(self, path: Path, name: str, before: Shown, after: Shown) -> Iterable[AttributeChange]:
        """All differences between two values for which a plain literal on each side is not enough."""
        if before is None or after is None:
            return self._report_one_side(path, name, before, after)
        if after is UNKNOWN and isinstance(before, dict | list) and _has_parts(before):
            return [*self._report_one_side(path, name, before, None), self._compare_literals(path, name, None, after)]
        if isinstance(before, Hidden) or isinstance(after, Hidden) or after is UNKNOWN:
            return (self._compare_literals(path, name, before, after),)
        if isinstance(before, dict) and isinstance(after, dict):
            return self._compare_maps(path, name, before, after)
        if isinstance(before, list) and isinstance(after, list):
            if (before and after) or _has_parts(before or after):
                return [*self._compare_lists(path, name, before, after), *self._note_emptied(path, name, after)]
            return (self._compare_literals(path, name, before, after),)
        if isinstance(before, str) and isinstance(after, str):
            return (self._compare_strings(path, name, before, after),)
        if _has_parts(before) or _has_parts(after):
            return [*self._report_one_side(path, name, before, None), *self._report_one_side(path, name, None, after)]
        return (self._compare_literals(path, name, before, after),)

    def _compare_maps(
        self, path: Path, name: str, before: Mapping[str, Shown], after: dict[str, Shown]
    ) -> Iterator[AttributeChange]:
        for key in sorted({*before, *after}):
            was, becomes = before.get(key), after.get(key)
            if not same(was, becomes):  # most entries are equal, and need no name
                yield from self._compare_unequal((*path, key), name + self._step(key), was, becomes)
        yield from self._note_emptied(path, name, after)

    def _report_one_side(self, path: Path, name: str, before: Shown, after: Shown) -> Iterable[AttributeChange]:
        """Report a value that is added or removed as a whole. A nested value is reported part by part."""
        value = after if before is None else before
        if isinstance(value, dict) and value:
            comes = before is None
            return [change for key in sorted(value) for change in self._entry(path, name, key, value[key], comes=comes)]
        if isinstance(value, list) and _has_parts(value):
            return self._compare_lists(path, name, *(([], value) if before is None else (value, [])))
        if isinstance(value, str):
            return (self._compare_strings(path, name, *((None, value) if before is None else (value, None))),)
        return (self._compare_literals(path, name, before, after),)

    def _entry(self, path: Path, name: str, key: str, value: Shown, *, comes: bool) -> Iterable[AttributeChange]:
        """Report an entry of a map that is added or removed as a whole; cached, since tags repeat in many resources."""
        if not isinstance(value, str) or len(value) > _LONGEST_ITEM or self.replace_paths:
            return self._part((*path, key), name + self._step(key), value, comes=comes)
        entry = (name, key, value, comes)
        known = self.entries.get(entry)
        if known is None:
            known = tuple(self._part((*path, key), name + self._step(key), value, comes=comes))
            if len(self.entries) < MOST_REPEATED:
                self.entries[entry] = known
        return known

    def _part(self, path: Path, name: str, value: Shown, *, comes: bool) -> Iterable[AttributeChange]:
        """Report one part of a value that is added or removed as a whole."""
        if value is None:
            return ()
        empty = is_empty(value)
        text = literal(value, self.mask) if empty else plain_literal(value, self.mask)
        if text is not None:
            return (self._change(path, name, old=None if comes else text, new=text if comes else None, empty=empty),)
        return self._report_one_side(path, name, None if comes else value, value if comes else None)

    def _note_emptied(self, path: Path, name: str, after: Shown) -> Iterator[AttributeChange]:
        """Report that a list or map is now empty, which is not the same as removed."""
        if not after:
            yield self._change(path, name, new=literal(after, self.mask), empty=True)

    def _compare_lists(
        self, path: Path, name: str, before: Sequence[Shown], after: Sequence[Shown]
    ) -> Iterator[AttributeChange]:
        match = match_items(str(path[-1]), before, after, self.effort)
        if match.reordered:
            note = f"the same {len(after):,} items in another order; compared as a set"
            yield self._change(path, name, note=note)
        for pair in match.pairs:
            was = None if pair.old is None else before[pair.old]
            becomes = None if pair.new is None else after[pair.new]
            yield from self._item(path, name, pair, was, becomes, match)
        stay = [(before[old], after[new]) for old, new, *_ in match.pairs if old is not None and new is not None]
        for late in match.late:
            yield from self._report_late(path, name, stay, late)

    def _item(
        self, path: Path, name: str, pair: Pair, before: Shown, after: Shown, match: Match
    ) -> Iterator[AttributeChange]:
        """Report a list item; a short one that is added or removed takes a single line."""
        place = pair.new if pair.old is None or pair.new is not None else pair.old
        assert place is not None
        path, item_name = (*path, place), name + self.mask.text(pair.name)
        if pair.old is not None and pair.new is not None:
            if pair.moved:
                yield self._report_moved(path, item_name, pair, after)
            yield from self.changes(path, known(before, match.late), known(after, match.late), item_name)
            return
        value, comes = (after, True) if pair.old is None else (before, False)
        if value is None:
            text = literal(None, self.mask)
            yield self._change(path, item_name, old=None if comes else text, new=text if comes else None)
        elif isinstance(value, dict) and not is_empty(value):
            full = {key: inner for key, inner in value.items() if not is_empty(inner)}
            text = literal(full, self.mask)
            if full and len(text) <= _LONGEST_ITEM and not _holds_document(full):
                yield self._change(path, item_name, old=None if comes else text, new=text if comes else None)
                for key in sorted(value.keys() - full.keys()):
                    yield from self._part((*path, key), item_name + self._step(key), value[key], comes=comes)
            else:
                yield from self._report_one_side(path, item_name, None if comes else value, value if comes else None)
        else:
            yield from self.changes(path, None if comes else value, value if comes else None, item_name)

    def _report_moved(self, path: Path, name: str, pair: Pair, item: Shown) -> AttributeChange:
        """Report a moved item of an ordered list, with its content if it has no name by which to recognize it."""
        if pair.name != f"[{pair.new}]":
            return self._change(path, name, note=f"moved from [{pair.old}] to [{pair.new}]")
        text = literal(item, self.mask)
        return self._change(path, name, old=text, new=text, note=f"moved from [{pair.old}]")

    def _report_late(
        self, path: Path, name: str, items: Sequence[tuple[Shown, Shown]], late: tuple[str, ...]
    ) -> Iterator[AttributeChange]:
        """Report that the part at the path `late` becomes unknown in items of a list.

        This takes one line, unless the old values are easier to read part by part.
        """
        old = [part(before, late) for before, after in items if part(after, late) is UNKNOWN]
        if _has_parts(old):
            for at, value in enumerate(old):
                place = "".join([f"[{at}]", *map(self._step, late)])
                yield from self.changes((*path, at, *late), value, UNKNOWN, name + place)
        elif old:
            old_text = None if all(value is None for value in old) else literal(old, self.mask)
            shown = name + "[*]" + "".join(map(self._step, late))
            note = None if len(old) == 1 else f"in {len(old):,} items"
            yield self._change((*path, 0, *late), shown, old=old_text, new=KNOWN_AFTER_APPLY, note=note)

    def _compare_strings(self, path: Path, name: str, before: str | None, after: str | None) -> AttributeChange:
        found: Strings = compare_strings(before, after, self.mask, self.effort)
        return self._change(path, name, old=found.old, new=found.new, lines=found.lines, note=found.note)

    def _compare_literals(self, path: Path, name: str, before: Shown, after: Shown) -> AttributeChange:
        hides = isinstance(before, Hidden) or isinstance(
            after, Hidden
        )  # a value that is secret on one side is hidden on both
        old = None if before is None else SENSITIVE if hides else literal(before, self.mask)
        new = None if after is None else SENSITIVE if hides else literal(after, self.mask)
        lines: tuple[str, ...] = ()
        note = None
        if after is UNKNOWN:
            sources = self._sources(path)
            new = f"{KNOWN_AFTER_APPLY} ← {self.mask.text(', '.join(sources))}" if sources else KNOWN_AFTER_APPLY
            if isinstance(before, str):
                found = compare_strings(before, None, self.mask, self.effort)
                old, lines, note = found.old, found.lines, found.note
        elif hides and before is not None and after is not None and is_only_marked(before, after):
            note = _ONLY_MARKED if isinstance(after, Hidden) else _NO_LONGER_MARKED
        elif old is not None and old == new and not hides:
            note = hidden_note(old)
        return self._change(path, name, old=old, new=new, lines=lines, note=note)

    def _sources(self, path: Path) -> tuple[str, ...] | None:
        if not self.references:
            return None
        return self.references.get(_plain(path)) or self.references.get(_plain(path[:1]))

    def _step(self, key: str) -> str:
        return step(self.mask.text(key))

    def _change(
        self,
        path: Path,
        name: str,
        *,
        old: str | None = None,
        new: str | None = None,
        lines: tuple[str, ...] = (),
        note: str | None = None,
        empty: bool = False,
    ) -> AttributeChange:
        forces = bool(self.replace_paths) and any(
            _starts_with(path, forcing) or _starts_with(forcing, path) for forcing in self.replace_paths
        )
        shown = name if len(path) == 1 else self.mask.text(name)
        return AttributeChange(
            path=shown, old=old, new=new, lines=lines, note=note, empty=empty, forces_replacement=forces
        )


def _is_document(value: Shown) -> bool:
    """Whether a value is a string that is best shown line by line, possibly after decoding."""
    return isinstance(value, str) and (is_document(value) or decode(value) is not None)


def _has_parts(value: Shown) -> bool:
    """Whether a value is easier to read part by part than on one line."""
    return _holds_document(value) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _holds_document(value: Shown) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return _is_document(value) or any(map(_holds_document, items))


def _starts_with(path: Path, start: Path) -> bool:
    return path[: len(start)] == start


def _plain(path: Path) -> str:
    return ".".join(key for key in path if isinstance(key, str))


def _path_text(path: Path) -> str:
    return "".join(map(step, path)).removeprefix(".")
