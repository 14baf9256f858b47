"""Make foreign text plain: no invisible characters, no terminal colours."""

import re
from decimal import Decimal

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_MOST_DIGITS = 400
# Control characters, lone surrogates, and invisible characters that reorder, join or hide others.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180e\u2000-\u200b\u200e"
    "\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def clean(text: str) -> str:
    """Make invisible characters visible (`\\u202e`), and remove terminal colours; tabs and line feeds stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    return _UNSEEN.sub(lambda match: _visible(match[0]), text)


def one_line(text: str) -> str:
    """`clean` the text, and replace each run of white space by one space."""
    return " ".join(clean(text).split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, in one line. If it is longer, it is cut and ends in "…".

    The cut is after a word, unless that word ends in the first half.
    """
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at_word = cut.rfind(" ")
    return (cut[:at_word] if at_word > limit // 2 else cut).rstrip(" ,;:") + "…"


def number_text(number: int | float | Decimal) -> str:
    """A number as Terraform prints it, without an exponent or trailing zeros; a huge number stays unchanged."""
    if isinstance(number, int):
        return str(number)
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    if not exact.is_finite() or abs(exact.adjusted()) > _MOST_DIGITS:
        return str(exact).lower()
    text = format(exact, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _visible(character: str) -> str:
    if character == "\r":
        return "\\r"
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
