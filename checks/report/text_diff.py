"""Compare long strings: JSON documents, YAML, scripts. The result is complete; formats with limits shorten it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from checks.report.compare import Effort, Span, compare
from checks.report.json_layout import is_policy, json_lines, read_json, with_sorted_sets
from checks.sensitive import REPLACEMENT, Mask

_CONTEXT = 2
_GAP = "  …"
_LINE_ENDS = {"\r\n": "CRLF", "\n": "LF", "": "mixed"}


class TextDifference(NamedTuple):
    """The changed lines with a little context, and notes about the strings as a whole."""

    lines: tuple[str, ...]
    note: str | None


class _Text(NamedTuple):
    """A masked string in lines. `line_end` is "" if the string has several kinds of line ends, None if it has none."""

    lines: tuple[str, ...]
    is_json: bool = False
    line_end: str | None = None
    ends_with_line: bool = True


def is_document(text: str) -> bool:
    """Whether a string is better shown in lines: it has several, or it is a JSON object or array."""
    return "\n" in text.strip("\n") or read_json(text) is not None


def text_lines(text: str, sign: str, mask: Mask) -> tuple[str, ...]:
    """A document that exists only on one side, each line with its sign."""
    return tuple(f"{sign} {line}" for line in _by_lines(text, mask).lines)


def diff_texts(before: str, after: str, mask: Mask, effort: Effort) -> TextDifference:
    """Compare two strings by lines, and JSON by its content: if only its format changes, a note replaces the lines."""
    old, new = _by_lines(before, mask), _by_lines(after, mask)
    if old.is_json and new.is_json:
        spans = compare(_without_commas(old.lines), _without_commas(new.lines), effort)
    else:
        old, new = _without_carriage_returns(old, new), _without_carriage_returns(new, old)
        spans = compare(old.lines, new.lines, effort)
    lines = tuple(_hunks(old.lines, new.lines, spans))
    return TextDifference(lines, _note(before, after, old, new, mask, differs=lines != ()))


def hidden_note(*masked: str) -> str:
    """The note that says why two different strings look alike."""
    hides = any(REPLACEMENT in text for text in masked)
    return "differs only in hidden parts" if hides else "differs only in characters that cannot be shown"


def _note(before: str, after: str, old: _Text, new: _Text, mask: Mask, *, differs: bool) -> str | None:
    notes = []
    if not (old.is_json and new.is_json):
        if old.line_end is not None and new.line_end is not None and old.line_end != new.line_end:
            notes.append(f"line ends: {_LINE_ENDS[old.line_end]} → {_LINE_ENDS[new.line_end]}")
        if old.lines and new.lines and not (old.is_json or new.is_json) and old.ends_with_line != new.ends_with_line:
            notes.append(f"line feed at the end: {'added' if new.ends_with_line else 'removed'}")
    elif not differs:
        one, other = read_json(before), read_json(after)
        if one == other:
            notes.append("the same JSON, written in another way")
        elif is_policy(one) and with_sorted_sets(one) == with_sorted_sets(other):
            notes.append("the same policy: its sets are in another order")
    if not notes and not differs:
        notes.append(hidden_note(mask.text(before), mask.text(after)))
    return "; ".join(notes) or None


def _by_lines(text: str, mask: Mask) -> _Text:
    text = mask.text(text)
    document = read_json(text)
    if document is not None:
        try:
            lines = json_lines(with_sorted_sets(mask.value(document)))
            return _Text(tuple(map(mask.text, lines)), is_json=True)
        except RecursionError:
            pass  # nested too deeply to be laid out: treated like any other string
    if not text:
        return _Text(())
    ends_with_line = text.endswith("\n")
    lines_of_text = text.removesuffix("\n").split("\n")
    ended = lines_of_text if ends_with_line else lines_of_text[:-1]
    returns = sum(line.endswith("\r") for line in ended)
    line_end = None if not ended else "\n" if not returns else "\r\n" if returns == len(ended) else ""
    return _Text(tuple(map(mask.text, lines_of_text)), line_end=line_end, ends_with_line=ends_with_line)


def _without_carriage_returns(text: _Text, other: _Text) -> _Text:
    """The text without the carriage returns of its line ends; they stay if one of the two strings mixes line ends."""
    if text.line_end != "\r\n" or other.line_end == "":
        return text
    return text._replace(lines=tuple(line.removesuffix("\r") for line in text.lines))


def _without_commas(lines: Sequence[str]) -> list[str]:
    """The lines without their last comma, which says nothing about the line itself."""
    return [line.removesuffix(",") for line in lines]


def _hunks(old: Sequence[str], new: Sequence[str], spans: Sequence[Span]) -> Iterator[str]:
    last = len(spans) - 1
    for number, (equal, old_start, old_end, new_start, new_end) in enumerate(spans):
        if not equal:
            yield from (f"- {line}" for line in old[old_start:old_end])
            yield from (f"+ {line}" for line in new[new_start:new_end])
            continue
        first = number == 0
        around = (0 if first else _CONTEXT) + (0 if number == last else _CONTEXT)
        if len(spans) == 1 or new_end - new_start <= around:
            yield from (f"  {line}" for line in new[new_start:new_end] if len(spans) > 1)
            continue
        if not first:
            yield from (f"  {line}" for line in new[new_start : new_start + _CONTEXT])
        if not first and number != last:
            yield _GAP
        if number != last:
            yield from (f"  {line}" for line in new[new_end - _CONTEXT : new_end])
