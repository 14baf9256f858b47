"""The difference inside long strings: JSON documents, YAML, scripts."""

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from checks.sensitive import Mask

_CONTEXT = 2
_MOST_LINES = 80
_LONGEST_LINE = 240
_MOST_COMPARED = 2_000
_WIDEST = 72


def is_document(text: str) -> bool:
    """Whether a string is better read by lines: several of them, or a JSON object or array."""
    return "\n" in text.strip("\n") or _json(text) is not None


def text_lines(text: str, sign: str, mask: Mask) -> tuple[str, ...]:
    """A document that is only there on one side, each line with its sign."""
    return _at_most([f"{sign} {_line(line, mask)}" for line in _lines(text, mask)])


def diff_lines(before: str, after: str, mask: Mask) -> tuple[str, ...]:
    """The lines that change, with a little context; empty where only white space or the order of keys changes."""
    old, new = _lines(before, mask), _lines(after, mask)
    if len(old) > _MOST_COMPARED or len(new) > _MOST_COMPARED:
        return (f"- {len(old):,} lines", f"+ {len(new):,} lines, too many to compare here")
    return _at_most([_line(line, mask) for line in _hunks(old, new)])


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
        if number:
            yield "  …"
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                yield from (f"  {line}" for line in old[old_start:old_end])
            else:
                yield from (f"- {line}" for line in old[old_start:old_end])
                yield from (f"+ {line}" for line in new[new_start:new_end])


def _lines(text: str, mask: Mask) -> list[str]:
    text = mask.text(text)
    document = _json(text)
    if document is not None:
        try:
            return list(_json_lines(mask.value(document), "", ""))
        except RecursionError:
            pass  # too deep to be laid out: it is a text like any other
    return [line.rstrip("\r") for line in text.rstrip("\n").split("\n")]


def _json_lines(value: Any, indent: str, before: str) -> Iterator[str]:
    """A JSON value by lines, keys sorted; what is short and flat stays on one line."""
    if _is_flat(value):
        flat = json.dumps(value, sort_keys=True, ensure_ascii=False)
        if not isinstance(value, dict | list) or (indent and len(indent) + len(before) + len(flat) <= _WIDEST):
            yield f"{indent}{before}{flat}"
            return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield f"{indent}{before}{opening}"
    items = sorted(value.items()) if isinstance(value, dict) else [(None, item) for item in value]
    for number, (key, item) in enumerate(items, 1):
        name = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
        lines = list(_json_lines(item, f"{indent}  ", name))
        yield from lines[:-1]
        yield lines[-1] + ("," if number < len(items) else "")
    yield f"{indent}{closing}"


def _is_flat(value: Any) -> bool:
    """Whether nothing is nested in it: a deeper value is laid out by lines always, so that both sides look alike."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not any(isinstance(item, dict | list) and item for item in items)


def _json(text: str) -> Any:
    """The object or array that a text holds as JSON; None if it holds none, or an empty one."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text) or None
    except (ValueError, RecursionError):
        return None


def _line(line: str, mask: Mask) -> str:
    line = mask.text(line)
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 24]}… {len(line):,} characters"


def _at_most(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= _MOST_LINES:
        return tuple(lines)
    return (*lines[: _MOST_LINES - 1], f"  … {len(lines) - _MOST_LINES + 1:,} more lines")
