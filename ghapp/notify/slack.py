"""Slack's incoming webhooks: blocks of text in Slack's own markup.

https://docs.slack.dev/messaging/formatting-message-text
https://docs.slack.dev/reference/block-kit/blocks/section-block
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ghapp.notify.wording import Line, Link, Note

_SECTION: Final = 3000
_BLOCKS: Final = 50
_LINE: Final = 1500
_FALLBACK: Final = 4000
_SPACES: Final = re.compile(r"\s+")


def slack_payload(note: Note) -> bytes:
    """The JSON to post: blocks, and the same content as plain `text` for notifications and chats without blocks."""
    lines = [_bold(note.headline), *(_line(line) for line in note.lines)]
    sections = list(_sections(lines))[:_BLOCKS]
    return msgspec.json.encode(
        {
            "text": _fitting(lines, _FALLBACK),
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": section}} for section in sections],
            "unfurl_links": False,
            "unfurl_media": False,
        }
    )


def _sections(lines: Iterable[str]) -> Iterable[str]:
    section = ""
    for line in lines:
        if section and len(section) + 1 + len(line) > _SECTION:
            yield section
            section = ""
        section = f"{section}\n{line}" if section else line
    if section:
        yield section


def _fitting(lines: list[str], limit: int) -> str:
    text = ""
    for line in lines:
        if len(text) + 1 + len(line) > limit:
            break
        text = f"{text}\n{line}" if text else line
    return text


def _bold(headline: str) -> str:
    # An asterisk inside would end the bold text.
    return f"*{_text(headline, _LINE).replace('*', '∗')}*"


def _line(line: Line) -> str:
    share = _LINE // max(1, len(line))
    return "".join(_link(part) if isinstance(part, Link) else _text(part, share) for part in line)


def _link(link: Link) -> str:
    text = _text(link.text, 300)
    # Characters that would end the link are percent-encoded, as browsers do. Other schemes than http(s) are not linked.
    if not link.url.startswith(("https://", "http://")) or len(link.url) > 1000:
        return text
    url = "".join(character if character.isprintable() else "" for character in link.url)
    for character, written in (("&", "&amp;"), ("<", "%3C"), (">", "%3E"), ("|", "%7C"), (" ", "%20")):
        url = url.replace(character, written)
    return f"<{url}|{text.replace('|', '¦')}>"


def _text(text: str, limit: int) -> str:
    """One line, escaped. It is shortened before it is escaped, so that no entity is cut in two.

    Escaping turns one character into at most five.
    """
    line = "".join(character for character in _SPACES.sub(" ", text) if character.isprintable())
    while len(escaped := _escape(line)) > limit:
        line = line[: len(line) - max(1, (len(escaped) - limit) // 5)].removesuffix("…")[:-1] + "…"
    return escaped


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
