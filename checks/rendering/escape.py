"""Foreign text made harmless for Markdown and HTML, without changing how it reads.

Everything that Terraform, a provider or a pull request's author wrote goes through one of these. In a code span, a
fence or `<code>` GitHub neither notifies (`@name`) nor links (`#123`), so such text is put there wherever it can be.
"""

import html
import re
from urllib.parse import quote

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# Controls, lone surrogates, and the invisible characters that reorder, join or hide what stands beside them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_RUN_OF_BACKTICKS = re.compile("`+")
_CODE_IN_PROSE = re.compile("(`[^`\n]+`)")
_MARKDOWN = re.compile(r"([\\`*_\[\]~|!{}()#])")
_LINE_START = re.compile(r"^(?:([-+=])|(\d{1,9})([.)]))")
_WOULD_NOTIFY = re.compile(r"@(?=[\w-])|#(?=\d)|\b(?:GH|gh|Gh|gH)-(?=\d)|/(?:issues|pull|commit|discussions)/(?=\w)")
_WEB_ADDRESS = re.compile(r"https?://[\w.\-:\[\]]+(?:/[\w.~%/+@:=,\-]*)?(?:\?[\w.~%/+@:=,&;\-]*)?(?:#[\w.~%/\-]*)?")
_NO_WIDTH = "\u200b"
_LONGEST_PROSE = 3_000
_LONGEST_CODE = 400


def clean(text: str) -> str:
    """Make what cannot be seen visible (`\\u202e`), drop terminal colours; tabs and line feeds stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    return _UNSEEN.sub(lambda match: _visible(match[0]), text)


def one_line(text: str) -> str:
    """`clean` text with every run of white space as one space."""
    return " ".join(clean(text).split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, ending at a word with "…" where something was left out."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at_word = cut.rfind(" ")
    return (cut[:at_word] if at_word > limit // 2 else cut).rstrip(" ,;:") + "…"


def prose(text: str) -> str:
    """Text as Markdown that reads as it was written: no markup, no mention, no reference; `code` stays code."""
    parts = _CODE_IN_PROSE.split(_at_most(one_line(text), _LONGEST_PROSE))
    escaped = "".join(code(part[1:-1]) if index % 2 else _escape_prose(part) for index, part in enumerate(parts))
    return _LINE_START.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", escaped)


def code(text: str) -> str:
    """Text as a code span, also inside a table's row; a very long one is shortened in its middle."""
    text = _at_most(one_line(text), _LONGEST_CODE)
    if not text:
        return "(empty)"
    if "|" in text:  # whether a backslash before "|" belongs to the row or to the span differs between parsers
        return f"<code>{_MARKDOWN.sub(lambda match: f'&#{ord(match[0])};', html.escape(text))}</code>"
    ticks = "`" * (_longest_run(text) + 1)
    padding = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def html_code(text: str) -> str:
    """Text as `<code>`, for lines that are HTML already (a fold's summary)."""
    return f"<code>{html.escape(_at_most(one_line(text), _LONGEST_CODE))}</code>"


def html_prose(text: str) -> str:
    """`prose` for lines that are HTML already."""
    parts = _CODE_IN_PROSE.split(_at_most(one_line(text), _LONGEST_PROSE))
    return "".join(
        html_code(part[1:-1]) if index % 2 else _WOULD_NOTIFY.sub(lambda match: match[0] + "&#8203;", html.escape(part))
        for index, part in enumerate(parts)
    )


def html_text(text: str) -> str:
    """Text for an HTML text node or a quoted attribute, on one line."""
    return html.escape(one_line(text))


def escape_html(text: str) -> str:
    """Text for an HTML text node or a quoted attribute, its lines kept."""
    return html.escape(text)


def fence(text: str, language: str = "") -> str:
    """Text as a fenced block whose fence does not occur in it."""
    text = clean(text).strip("\n")
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def address_of_file(blob_url: str, path: str, start_line: int | None = None, end_line: int | None = None) -> str:
    """The web address of a file's lines below `blob_url`."""
    lines = "" if start_line is None else f"#L{start_line}"
    if start_line is not None and end_line is not None and end_line > start_line:
        lines += f"-L{end_line}"
    return f"{blob_url}/{quote(path.encode('utf-8', 'replace'), safe='/')}{lines}"


def is_web_address(text: str) -> bool:
    """Whether a text may stand as the target of a link."""
    return _WEB_ADDRESS.fullmatch(text) is not None


def _visible(character: str) -> str:
    if character == "\r":
        return "\\r"
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _escape_prose(text: str) -> str:
    text = _WOULD_NOTIFY.sub(lambda match: match[0] + _NO_WIDTH, text)
    text = _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return text.replace(_NO_WIDTH, "&#8203;").replace("$", "&#36;")


def _at_most(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 3 :]}"


def _longest_run(text: str) -> int:
    return max(map(len, _RUN_OF_BACKTICKS.findall(text)), default=0)
