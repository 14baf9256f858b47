"""Check that Markdown has only the intended structure."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
FOLD = re.compile(r"<details(?: open)?><summary>(?P<line>[^\n]*)</summary>\n?|</details>\n?")
IN_FOLD = re.compile(r'(?:<code>[^<>]*</code>|<b>[^<>]*</b>|<a href="[^"<>\s]*"><code>[^<>]*</code></a>|[^<>])*')


def assert_meant(markdown: str, urls: set[str]) -> None:
    """Check that no text from Terraform became markup: no tag, link, picture, heading, mention or reference."""
    tokens = PARSER.parse(markdown)
    folds = 0
    for token in tokens:
        assert token.type in {
            "paragraph_open", "paragraph_close", "inline", "heading_open", "heading_close", "bullet_list_open",
            "bullet_list_close", "list_item_open", "list_item_close", "fence", "html_block", "table_open",
            "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open",
            "th_close", "td_open", "td_close",
        }, token.type  # fmt: skip
        if token.type == "html_block":
            match = FOLD.fullmatch(token.content)
            assert match, token.content
            folds += 1 if match["line"] is not None else -1
            assert folds in (0, 1)
            assert match["line"] is None or IN_FOLD.fullmatch(match["line"]), token.content
        if token.type == "inline":
            assert_inline_meant(token, urls)
    assert folds == 0
    assert_tables_are_even(tokens)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", markdown)


def assert_inline_meant(inline: Token, urls: set[str]) -> None:
    said = ""
    in_code = False
    for token in inline.children or ():
        assert token.type in {
            "text", "code_inline", "strong_open", "strong_close", "link_open", "link_close", "html_inline", "softbreak",
        }, (token.type, inline.content)  # fmt: skip
        if token.type == "html_inline":
            assert token.content in ("<code>", "</code>"), inline.content
            in_code = token.content == "<code>"
        if token.type == "link_open":
            assert any(str(token.attrs["href"]).startswith(url) for url in urls), inline.content
        said += "\0" if token.type != "text" or in_code else token.content
    assert not re.search(r"@\w|#\d|\bGH-\d", said), said


def assert_tables_are_even(tokens: list[Token]) -> None:
    widths = [0]
    for token in tokens:
        if token.type == "tr_open":
            widths.append(0)
        elif token.type in ("th_open", "td_open"):
            widths[-1] += 1
        elif token.type == "table_close":
            assert len(set(widths[1:])) == 1
            widths = [0]
