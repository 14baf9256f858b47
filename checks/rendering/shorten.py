"""Shorten the lines of a change if space is limited: around the difference, and always with a note."""

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
_IN = len(_INDENT)
_AROUND = 48
_LONGEST_PART = 160
_MOST_PAIRS = 250_000
_TOKEN = re.compile(r"\w+|\W")


def shorten(lines: Sequence[Line]) -> list[Line]:
    """The lines of one change, at most `MOST_LINES`; a last line says what was shortened and where it is complete."""
    fitted, left_out, shortened = [], 0, 0
    for line in _fewer(lines):
        if isinstance(line, int):
            left_out += line
            fitted.append(_remark(f"  … {line:,} more lines"))
        else:
            fitted.append(line)
    if len(fitted) > MOST_LINES:
        left_out += len(fitted) - MOST_LINES
        fitted = fitted[:MOST_LINES]
    for at, text in list(_shorter(fitted)):
        fitted[at] = msgspec.structs.replace(fitted[at], text=text)
        shortened += 1
    if left_out or shortened:
        counts = ((shortened, "shortened"), (left_out, "left out"))
        said = " and ".join(f"{number:,} line{'s' * (number > 1)} {done}" for number, done in counts if number)
        fitted.append(_remark(f"# {said} here: whole on the report's page and in its JSON"))
    return fitted


def shorten_pair(old: str, new: str) -> tuple[str, str]:
    """Two long texts reduced to their differences with some context."""
    start = _same(old, new, min(len(old), len(new)))
    end = _same(old[::-1], new[::-1], min(len(old), len(new)) - start)
    one, other = old[start : len(old) - end], new[start : len(new) - end]
    before, after = _cut(old[:start], at_start=True), _cut(old[len(old) - end :], at_end=True)
    parts = _parts(one, other)
    return before + parts[0] + after, before + parts[1] + after


def shorten_middle(text: str, most: int = LONGEST_LINE) -> str:
    """A long text without its middle, and the length of the omission."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 4
    return f"{text[:head]}… {len(text) - head - tail:,} characters …{text[-tail:]}"


def _fewer(lines: Sequence[Line]) -> Iterator[Line | int]:
    """The lines, with a number in place of those that are too many in one document."""
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


def _shorter(lines: Sequence[Line]) -> Iterator[tuple[int, str]]:
    """The lines that are too long, by position, with shorter texts."""
    beside = dict(partners([line.sign if line.inside else "" for line in lines]))
    for at, line in enumerate(lines):
        if len(line.text) <= LONGEST_LINE:
            continue
        partner = beside.get(at)
        if partner is None:
            yield at, shorten_middle(line.text)
        elif line.sign == "-":
            yield at, _INDENT + shorten_pair(line.text[_IN:], lines[partner].text[_IN:])[0]
        else:
            yield at, _INDENT + shorten_pair(lines[partner].text[_IN:], line.text[_IN:])[1]


def _parts(old: str, new: str) -> tuple[str, str]:
    """The differences, without long equal parts in between."""
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


def _same(one: str, other: str, most: int) -> int:
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
    """The equal part of both sides, without text far from the differences."""
    head, tail = 0 if at_start else _AROUND, 0 if at_end else _AROUND
    left_out = len(text) - head - tail
    if left_out <= _AROUND:
        return text
    return f"{text[:head]}… {left_out:,} characters …{text[len(text) - tail :]}"


def _remark(text: str) -> Line:
    return Line(sign=" ", text=text, remark=True)
