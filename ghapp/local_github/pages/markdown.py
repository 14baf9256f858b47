"""GitHub Flavored Markdown: render and sanitise it, then add links and colours."""

from __future__ import annotations

import html
import re

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_COMMENTS = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])
_FILES = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

_TAGS = nh3.ALLOWED_TAGS - {"area", "center", "map"} | {"picture", "source"}
_EVERYWHERE = {"align", "dir", "lang", "title", "width", "height", "id"}
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href"},
    "img": {"src", "alt"},
    "code": {"class"},
    "details": {"open"},
    "li": {"value"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_EMOJI = {
    "white_check_mark": "✅",
    "x": "❌",
    "warning": "⚠️",
    "rocket": "🚀",
    "eyes": "👀",
    "heavy_plus_sign": "➕",
    "heavy_minus_sign": "➖",
    "lock": "🔒",
    "fire": "🔥",
    "information_source": "ℹ️",
    "hourglass": "⌛",
    "+1": "👍",
    "-1": "👎",
}
_LINKED = re.compile(
    r"(?P<url>https?://[^\s<>&\"']+[^\s<>&\"'.,;:!?)])|(?<![\w/#&])#(?P<number>\d+)\b|\b(?P<sha>[0-9a-f]{40})\b"
    r"|(?<![\w/@.])@(?P<login>[A-Za-z0-9][A-Za-z0-9-]*)|:(?P<emoji>[a-z0-9_+-]+):"
)
_PRESERVED = re.compile(r"(<(?:a|code|pre)\b.*?</(?:a|code|pre)>|<[^>]+>)", re.DOTALL)
_ALIGNED = re.compile(r'style="text-align:(left|center|right)"')
_FENCE = re.compile(r'<pre><code class="language-(\w+)">(.*?)</code></pre>', re.DOTALL)
_HCL = re.compile(
    r"(?P<string>&quot;(?:(?!&quot;).)*&quot;)|(?P<comment>(?:^|(?<=\s))#[^\n]*)"
    r"|^(?P<indent>\s*)(?P<block>resource|data|module|variable|output|terraform|provider|locals|moved|check|import)\b",
    re.MULTILINE,
)


def render(text: str | None, *, repository_url: str, comment: bool = True) -> Markup:
    """Return the HTML of a comment or a file. Only a comment keeps its line breaks."""
    rendered = (_COMMENTS if comment else _FILES).render(text or "")
    clean = nh3.clean(
        _ALIGNED.sub(r'align="\1"', rendered),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_keep,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow",
    )
    parts = _PRESERVED.split(clean)
    linked = "".join(part if part.startswith("<") else _link(part, repository_url) for part in parts)
    return Markup(_FENCE.sub(lambda match: _fence(match[1], match[2]), linked))  # noqa: S704  sanitised above


def _keep(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return value if tag == "code" and re.fullmatch(r"language-\w+", value) else None
    if attribute == "id":
        return f"user-content-{value}"
    return value


def _link(text: str, repository_url: str) -> str:
    def replace(match: re.Match[str]) -> str:
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if kind == "url":
            return f'<a href="{value}" rel="nofollow">{value}</a>'
        if kind == "number":
            return f'<a href="{repository_url}/pull/{value}">#{value}</a>'
        if kind == "sha":
            return f'<a href="{repository_url}/commit/{value}"><code>{value[:7]}</code></a>'
        if kind == "login":
            return f'<a class="mention" href="/{value}">@{value}</a>'
        return _EMOJI.get(value, match[0])

    return _LINKED.sub(replace, text)


def _fence(language: str, body: str) -> str:
    if language == "diff":
        body = "\n".join(_diff_line(line) for line in body.split("\n"))
    elif language in ("hcl", "terraform", "tf"):
        body = highlight_hcl(body)
    return f'<pre class="highlight"><code>{body}</code></pre>'


def _diff_line(line: str) -> str:
    kind = {"+": "added", "-": "removed", "@": "range", "!": "changed"}.get(line[:1])
    return f'<span class="diff-{kind}">{line}</span>' if kind is not None else line


def highlight_hcl(escaped: str) -> str:
    """Colour HCL that is already HTML-escaped."""

    def replace(match: re.Match[str]) -> str:
        if match["string"]:
            return f'<span class="hcl-string">{match[0]}</span>'
        if match["comment"]:
            return f'<span class="hcl-comment">{match[0]}</span>'
        return f'{match["indent"]}<span class="hcl-keyword">{match["block"]}</span>'

    return _HCL.sub(replace, escaped)


def code_line(line: str, path: str) -> Markup:
    """Return one line of a file, coloured if the file is HCL."""
    escaped = html.escape(line)
    coloured = highlight_hcl(escaped) if path.endswith((".tf", ".tfvars", ".hcl")) else escaped
    return Markup(coloured)  # noqa: S704  escaped above
