"""Make foreign text harmless in Markdown and HTML, without changing how it reads.

All text from Terraform, a provider or a pull request's author passes through one of these functions. In a code span, a
fence or `<code>` GitHub neither notifies (`@name`) nor links (`#123`), so foreign text is put there whenever possible.
"""

import html
import re
from urllib.parse import quote

from checks.plain_text import clean, one_line

_RUN_OF_BACKTICKS = re.compile("`+")
_CODE_IN_PROSE = re.compile("(`[^`\n]+`)")
_MARKDOWN = re.compile(r"([\\`*_\[\]~|!{}()#])")
_LINE_START = re.compile(r"^(?:([-+=])|(\d{1,9})([.)]))")
_WOULD_NOTIFY = re.compile(r"@(?=[\w-])|#(?=\d)|\b(?:GH|gh|Gh|gH)-(?=\d)|/(?:issues|pull|commit|discussions)/(?=\w)")
_WEB_ADDRESS = re.compile(r"https?://[\w.\-:\[\]]+(?:/[\w.~%/+@:=,\-]*)?(?:\?[\w.~%/+@:=,&;\-]*)?(?:#[\w.~%/\-]*)?")
_NO_WIDTH = "\u200b"
_LONGEST_PROSE = 3_000
_LONGEST_CODE = 400


def prose(text: str) -> str:
    """Text as Markdown that reads as it was written, without markup, mentions or references; `code` stays code."""
    parts = _CODE_IN_PROSE.split(_at_most(one_line(text), _LONGEST_PROSE))
    escaped = "".join(code(part[1:-1]) if index % 2 else _escape_prose(part) for index, part in enumerate(parts))
    return _LINE_START.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", escaped)


def code(text: str) -> str:
    """Text as a code span, also for table rows; the middle of a very long one is left out."""
    text = _at_most(one_line(text), _LONGEST_CODE)
    if not text:
        return "(empty)"
    if "|" in text:  # Markdown parsers disagree whether a backslash before "|" belongs to the table or to the code
        return f"<code>{_MARKDOWN.sub(lambda match: f'&#{ord(match[0])};', html.escape(text))}</code>"
    ticks = "`" * (_longest_run(text) + 1)
    padding = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def html_code(text: str) -> str:
    """Text as `<code>`, for lines that are already HTML (a fold's summary)."""
    return f"<code>{html.escape(_at_most(one_line(text), _LONGEST_CODE))}</code>"


def html_prose(text: str) -> str:
    """`prose` for lines that are already HTML."""
    parts = _CODE_IN_PROSE.split(_at_most(one_line(text), _LONGEST_PROSE))
    return "".join(
        html_code(part[1:-1]) if index % 2 else _WOULD_NOTIFY.sub(lambda match: match[0] + "&#8203;", html.escape(part))
        for index, part in enumerate(parts)
    )


def html_text(text: str) -> str:
    """Text for an HTML text node or a quoted attribute, on one line."""
    return html.escape(one_line(text))


def escape_html(text: str) -> str:
    """Text for an HTML text node or a quoted attribute, keeping its lines."""
    return html.escape(text)


def fence(text: str, language: str = "") -> str:
    """Text as a fenced block whose fence does not occur in it."""
    text = clean(text).strip("\n")
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def address_of_file(blob_url: str, path: str, start_line: int | None = None, end_line: int | None = None) -> str:
    """The web address of a file, or of lines in it; `blob_url` is the start of the address."""
    lines = "" if start_line is None else f"#L{start_line}"
    if start_line is not None and end_line is not None and end_line > start_line:
        lines += f"-L{end_line}"
    return f"{blob_url}/{quote(path.encode('utf-8', 'replace'), safe='/')}{lines}"


def is_web_address(text: str) -> bool:
    """Whether a text may be the target of a link."""
    return _WEB_ADDRESS.fullmatch(text) is not None


def _escape_prose(text: str) -> str:
    text = _WOULD_NOTIFY.sub(lambda match: match[0] + _NO_WIDTH, text)
    text = _MARKDOWN.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return text.replace(_NO_WIDTH, "&#8203;").replace("$", "&#36;")


def _at_most(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 3 :]}"


def _longest_run(text: str) -> int:
    return max(map(len, _RUN_OF_BACKTICKS.findall(text)), default=0)
