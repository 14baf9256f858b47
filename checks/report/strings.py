"""Compare two strings: decoded if they are encoded, by lines if one is a document."""

import json
import unicodedata
from typing import NamedTuple

from checks.report.compare import Effort
from checks.report.text_diff import diff_texts, hidden_note, is_document, text_lines
from checks.sensitive import Mask
from checks.sensitive.encoded import Decoded

_quoted = json.JSONEncoder(ensure_ascii=False).encode


class Strings(NamedTuple):
    """The difference of two strings, in the form of an `AttributeChange`."""

    old: str | None = None
    new: str | None = None
    lines: tuple[str, ...] = ()
    note: str | None = None


def compare_strings(before: str | None, after: str | None, mask: Mask, effort: Effort) -> Strings:
    """Compare two different strings; None on a side without a string."""
    old, new = (None if text is None else effort.decode(text) for text in (before, after))
    if old is None and new is None:
        return _compare(before, after, mask, effort)
    encodings = [decoded.encoding if decoded else "plain" for decoded, text in ((old, before), (new, after)) if text]
    how = encodings[0] if len(set(encodings)) == 1 else " → ".join(encodings)
    said_before, said_after = _decoded_text(old, before), _decoded_text(new, after)
    if said_before == said_after:
        texts = [_quoted(mask.text(text)) for text in (before, after) if text is not None]
        return Strings(texts[0], texts[-1], note=f"{how}; the same when decoded")
    found = _compare(said_before, said_after, mask, effort)
    return found._replace(note="; ".join(filter(None, (f"decoded from {how}", found.note))))


def _decoded_text(decoded: Decoded | None, text: str | None) -> str | None:
    return text if decoded is None else decoded.text


def _compare(before: str | None, after: str | None, mask: Mask, effort: Effort) -> Strings:
    if before is None or after is None:
        text, sign = (after or "", "+") if before is None else (before, "-")
        lines = text_lines(text, sign, mask) if is_document(text) else ()
        if len(lines) > 1:
            return Strings(lines=lines)
        quoted = _quoted(mask.text(text))
        return Strings(None if before is None else quoted, quoted if before is None else None)
    if is_document(before) or is_document(after):
        lines, note = diff_texts(before, after, mask, effort)
        note = "; ".join(
            filter(None, (note, _unseen(before, after), "" if after else "now empty", "" if before else "was empty"))
        )
        if lines or note:
            return Strings(lines=lines, note=note or None)
    old, new = _quoted(mask.text(before)), _quoted(mask.text(after))
    note = hidden_note(old, new) if old == new else _unseen(before, after)
    return Strings(old, new, note=note or None)


def _unseen(before: str, after: str) -> str:
    """Describe the invisible difference of two strings that look alike."""
    if before.isascii() and after.isascii():
        return ""
    if unicodedata.normalize("NFC", before) == unicodedata.normalize("NFC", after):
        return f"the same characters, composed in another way: {_form(before)} → {_form(after)}"
    strange = sorted({*_strange(before)} ^ {*_strange(after)})
    return f"letters of another alphabet inside a word: {', '.join(map(_named, strange))}" if strange else ""


def _form(text: str) -> str:
    return next((form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, text)), "mixed")


def _strange(text: str) -> set[str]:
    """The letters of other alphabets in otherwise Latin words."""
    found: set[str] = set()
    for word in text.split():
        if word.isascii():
            continue
        letters = {letter: _alphabet(letter) for letter in set(word) if letter.isalpha()}
        if "LATIN" in letters.values():
            found |= {letter for letter, alphabet in letters.items() if alphabet in _LOOK_LATIN}
    return found


_LOOK_LATIN = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _named(letter: str) -> str:
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}"
