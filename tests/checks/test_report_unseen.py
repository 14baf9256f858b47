"""Encoded texts are compared decoded, and invisible differences are named or made visible."""

import base64
import gzip
import json
from typing import Any

import pytest

from checks.rendering.html import render_html
from checks.rendering.markdown import render_check_run
from checks.report import RootReport
from checks.report.compare import Effort
from checks.report.root_reports import report_plan
from checks.report.strings import compare_strings
from checks.sensitive import Mask
from checks.sensitive.encoded import decode
from tests.checks.building import NO_MASK, body_of, plan_of, report, resource, run, update

OLD, NEW = (f"#!/bin/bash\nset -e\nexport ENV={env}\nstart app\n" for env in ("production", "staging"))
URL = "url=postgres://app:sup3rpw@db/x\n"


def encoded(text: str, *, compress: bool = False) -> str:
    content = text.encode()
    return base64.b64encode(gzip.compress(content, mtime=0) if compress else content).decode()


@pytest.mark.parametrize(("compress", "how"), [(False, "base64"), (True, "gzip in base64")])
def test_an_encoded_script_is_compared_decoded(compress: bool, how: str) -> None:
    before, after = encoded(OLD, compress=compress), encoded(NEW, compress=compress)
    assert body_of(update({"user_data": before}, {"user_data": after})) == [
        f"~ user_data =  (decoded from {how})",
        "      #!/bin/bash",
        "      set -e",
        "-     export ENV=production",
        "+     export ENV=staging",
        "      start app",
    ]


def test_an_added_encoded_script_is_shown_decoded() -> None:
    lines = body_of(report(plan_of(resource("null_x.y", "create", after={"user_data": encoded(OLD)}))))
    assert lines[:2] == ["+ user_data =  (decoded from base64)", "+     #!/bin/bash"]


def test_a_plain_text_that_becomes_an_encoded_one_is_compared_with_the_decoded_text() -> None:
    lines = body_of(update({"user_data": OLD}, {"user_data": encoded(NEW)}))
    assert lines[0] == "~ user_data =  (decoded from plain → base64)"
    assert "+     export ENV=staging" in lines


def test_a_text_that_is_only_encoded_in_another_way_says_so() -> None:
    lines = body_of(update({"user_data": encoded(OLD)}, {"user_data": encoded(OLD, compress=True)}))
    assert lines[0] == "~ user_data =  (base64 → gzip in base64; the same when decoded)"


def every_form(root: RootReport) -> str:
    output = render_check_run(run(root))
    return f"{output.summary}{output.text}{render_html(run(root))}{root}"


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("where", [lambda text: text, lambda text: [text, "x"], lambda text: {"a": {"b": text}}])
def test_a_credential_inside_an_encoded_text_is_hidden(compress: bool, where: Any) -> None:
    before, after = where(encoded(OLD, compress=compress)), where(encoded(OLD + URL, compress=compress))
    for root in (
        update({"d": before}, {"d": after}),
        update({"d": None}, {"d": after}),
        update({"d": [1]}, {"d": after}),
    ):
        text = every_form(root)
        assert "sup3rpw" not in text
        assert encoded(OLD + URL, compress=compress) not in text
        assert base64.b64encode(URL.encode()[3:-3]).decode() not in text


def test_a_credential_inside_an_encoded_text_of_a_json_document_is_hidden() -> None:
    document = json.dumps({"data": {"script": encoded(OLD + URL)}})
    root = update({"d": "{}"}, {"d": document})
    assert encoded(OLD + URL) not in every_form(root)


def test_a_value_of_vault_inside_a_compressed_text_is_hidden() -> None:
    mask = Mask.of(["correct-horse-battery"])
    after = {"user_data": encoded(f"{OLD}PASSWORD=correct-horse-battery\n", compress=True)}
    root = report_plan(
        plan_of(resource("null_x.y", "create", after=after)),
        root_module=".",
        environment="testing",
        workspace="x",
        mask=mask,
    )
    assert "+     PASSWORD=(sensitive)" in body_of(root)
    assert mask.text(after["user_data"]) == "(sensitive)"


@pytest.mark.parametrize(
    "text",
    [
        "an ordinary text",
        "AbcdefghAbcdefgh",
        "arn:aws:iam::1:role/a",
        "short",
        base64.b64encode(bytes(range(64))).decode(),
        base64.b64encode(gzip.compress(b"cut off, and not whole", mtime=0)[:-4]).decode(),
        base64.b64encode(gzip.compress(b" " * 50_000_000, mtime=0)).decode(),
        base64.b64encode(gzip.compress(b" " * 100_000, mtime=0)).decode(),
    ],
)
def test_an_unreadable_encoded_text_is_left_unchanged(text: str) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("key = 1", "key\xa0= 1", [r'! c = "key = 1" → "key\xa0= 1"']),
        ("a", "a ", ['! c = "a" → "a "']),
        ("a b", "a\u200b b", [r'! c = "a b" → "a\u200b b"']),
        ("caf\u00e9", "cafe\u0301", [
            '! c = "caf\u00e9" → "cafe\u0301"  (the same characters, composed in another way: NFC → NFD)'
        ]),
        ("paypal.com", "p\u0430ypal.com", [
            '! c = "paypal.com" → "p\u0430ypal.com"  (letters of another alphabet inside a word: U+0430 CYRILLIC SMALL '
            "LETTER A)"
        ]),
        ("Москва", "Москвa", [
            '! c = "Москва" → "Москвa"  (letters of another alphabet inside a word: U+041C CYRILLIC CAPITAL LETTER EM, '
            "U+0432 CYRILLIC SMALL LETTER VE, U+043A CYRILLIC SMALL LETTER KA, U+043E CYRILLIC SMALL LETTER O, "
            "U+0441 CYRILLIC SMALL LETTER ES)",
        ]),
        ("a\r\nb\r\n", "a\nb\n", ["! c  (line ends: CRLF → LF)"]),
        ("a\r\nb\n", "a\nb\n", ["! c =  (line ends: mixed → LF)", r"-     a\r", "+     a", "      b"]),
        ("a\nb", "a\nb\n", ["! c  (line feed at the end: added)"]),
        ("a\nb \t\n", "a\nb\n", ["! c =", "      a", "-     b␠␉", "+     b"]),
        ("a\n\tb\n", "a\n  b\n", ["! c =", "      a", r"-     \tb", "+       b"]),
    ],
)  # fmt: skip
def test_invisible_characters_are_marked(before: str, after: str, lines: list[str]) -> None:
    text = render_check_run(run(update({"c": before}, {"c": after}))).text or ""
    shown = [line for line in text.split("```")[1].split("\n")[1:-1] if "unchanged" not in line]
    assert shown == lines


def test_a_change_of_the_mark_alone_says_which() -> None:
    value = {"a": "hunter-7731"}
    assert body_of(update(value, value, after_sensitive={"a": True})) == [
        "~ a = (sensitive)  (from now on marked as sensitive; the value is unchanged)"
    ]
    assert body_of(update(value, value, before_sensitive={"a": True})) == [
        "~ a = (sensitive)  (no longer marked as sensitive; the value is unchanged)"
    ]


def test_an_output_whose_mark_alone_changes_says_so() -> None:
    output = {"actions": ["update"], "before": "x", "after": "x", "after_unknown": False, "before_sensitive": False}
    root = report(plan_of(output_changes={"o": {**output, "after_sensitive": True}}))
    assert [attribute.note for attribute in root.outputs] == ["from now on marked as sensitive; the value is unchanged"]


def test_a_difference_only_in_hidden_parts_says_so() -> None:
    root = update({"u": "postgres://app:one-secret@db"}, {"u": "postgres://app:two-secret@db"})
    assert body_of(root) == ['~ u = "postgres://app:(sensitive)@db"  (differs only in hidden parts)']


def test_an_import_by_identity_shows_the_identity() -> None:
    importing = {"identity": {"account": "1", "name": "x"}}
    (change,) = report(plan_of(resource("null_x.y", "no-op", before={}, after={}, importing=importing))).changes
    assert change.importing == '{ account = "1", name = "x" }'
    assert NO_MASK.text(change.importing) == change.importing


def test_a_credential_that_is_encoded_twice_is_hidden() -> None:
    twice = encoded(f"PASSWORD={encoded(URL)}\n")
    assert Mask.none().text(f"user_data: {twice}") == "user_data: (sensitive)"


def test_a_plan_of_encoded_texts_does_not_make_an_endless_report() -> None:
    effort = Effort(characters=100)
    texts = [encoded(f"{OLD}# {number}") for number in range(4)]
    found = [compare_strings(None, text, NO_MASK, effort) for text in texts]
    assert [each.note for each in found] == ["decoded from base64", "decoded from base64", None, None]
    assert found[3].new == f'"{texts[3]}"'
