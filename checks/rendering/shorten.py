"""Shorten the lines of a change where space is limited: the difference stays, and a note says what is missing."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import msgspec

from checks.rendering.lines import Line, partners

MOST_LINES_OF_TEXT = 80
"""The limit for one document, or one list of instances."""
MOST_LINES = 400
"""The limit for one change."""
LONGEST_LINE = 320
_INDENT = "    "
_INDENT_LENGTH = len(_INDENT)
_AROUND = 48
_LONGEST_PART = 160
_MOST_PAIRS = 250_000
_TOKEN = re.compile(r"\w+|\W")


def shorten(lines: Sequence[Line]) -> list[Line]:
    """At most `MOST_LINES` lines of one change.

    If any are left out or shortened, one more line says how many, and where to find all of it.
    """
    fitted, left_out, shortened = [], 0, 0
    for line in _drop_lines(lines):
        if isinstance(line, int):
            left_out += line
            fitted.append(_remark(f"  … {line:,} more lines"))
        else:
            fitted.append(line)
    if len(fitted) > MOST_LINES:
        left_out += len(fitted) - MOST_LINES
        fitted = fitted[:MOST_LINES]
    for at, text in list(_shorten_lines(fitted)):
        fitted[at] = msgspec.structs.replace(fitted[at], text=text)
        shortened += 1
    if left_out or shortened:
        counts = ((shortened, "shortened"), (left_out, "left out"))
        said = " and ".join(f"{number:,} line{'s' * (number > 1)} {done}" for number, done in counts if number)
        fitted.append(_remark(f"# {said} here: the run's page and the JSON have all of it"))
    return fitted


def shorten_pair(old: str, new: str) -> tuple[str, str]:
    """Two long texts reduced to their differences with some context."""
    start = _common_prefix_length(old, new, min(len(old), len(new)))
    end = _common_prefix_length(old[::-1], new[::-1], min(len(old), len(new)) - start)
    one, other = old[start : len(old) - end], new[start : len(new) - end]
    before, after = _cut(old[:start], at_start=True), _cut(old[len(old) - end :], at_end=True)
    parts = _cut_equal_parts(one, other)
    return before + parts[0] + after, before + parts[1] + after


def shorten_middle(text: str, most: int = LONGEST_LINE) -> str:
    """A long text with a note in place of its middle: the length of the omission."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 4
    return f"{text[:head]}… {len(text) - head - tail:,} characters …{text[-tail:]}"


def _drop_lines(lines: Sequence[Line]) -> Iterator[Line | int]:
    """The lines; where one document has too many, a number stands for the dropped ones."""
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and lines[end].inside:
            end += 1
        if end - at > MOST_LINES_OF_TEXT:
            yield from lines[at : at + MOST_LINES_OF_TEXT - 1]
            yield end - at - MOST_LINES_OF_TEXT + 1
        else:
            yield from lines[at : max(end, at + 1)]
        at = max(end, at + 1)


def _shorten_lines(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """Shorter texts for the lines that are too long, by position."""
    beside = dict(partners([line.sign if line.inside else "" for line in lines]))
    for at, line in enumerate(lines):
        if len(line.text) <= LONGEST_LINE:
            continue
        partner = beside.get(at)
        if partner is None:
            yield at, shorten_middle(line.text)
        elif line.sign == "-":
            yield at, _INDENT + shorten_pair(line.text[_INDENT_LENGTH:], lines[partner].text[_INDENT_LENGTH:])[0]
        else:
            yield at, _INDENT + shorten_pair(lines[partner].text[_INDENT_LENGTH:], line.text[_INDENT_LENGTH:])[1]


def _cut_equal_parts(old: str, new: str) -> tuple[str, str]:
    """Both texts, without long equal parts between the differences."""
    if max(len(old), len(new)) <= _LONGEST_PART:
        return old, new
    one, other = _TOKEN.findall(old), _TOKEN.findall(new)
    if not one or not other or len(one) * len(other) > _MOST_PAIRS:
        return shorten_middle(old), shorten_middle(new)
    old_parts, new_parts = [], []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        was, becomes = "".join(one[i1:i2]), "".join(other[j1:j2])
        old_parts.append(_cut(was) if tag == "equal" else shorten_middle(was, _LONGEST_PART))
        new_parts.append(_cut(becomes) if tag == "equal" else shorten_middle(becomes, _LONGEST_PART))
    return shorten_middle("".join(old_parts), 3 * LONGEST_LINE), shorten_middle("".join(new_parts), 3 * LONGEST_LINE)


def _common_prefix_length(one: str, other: str, most: int) -> int:
    """The number of equal characters at the start, up to a limit."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _cut(text: str, *, at_start: bool = False, at_end: bool = False) -> str:
    """A part that is equal on both sides, reduced to the text near the differences."""
    head, tail = 0 if at_start else _AROUND, 0 if at_end else _AROUND
    left_out = len(text) - head - tail
    if left_out <= _AROUND:
        return text
    return f"{text[:head]}… {left_out:,} characters …{text[len(text) - tail :]}"


def _remark(text: str) -> Line:
    return Line(sign=" ", text=text, remark=True)
