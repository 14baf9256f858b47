"""Secrets are hidden in every form in which they may be written."""

import base64
import html
import json
import pickle
import re
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from checks.sensitive import REPLACEMENT, Mask
from tests.examples import examples

SECRET = 'pa"ss\\wörd <&> %/+ ${x}'
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\nab=\n-----END PRIVATE KEY-----\n"


def masked(text: str, *values: str) -> str:
    return Mask.of(values).text(text)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1]
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026"),
        json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        json.dumps(SECRET.replace("${", "$${"), ensure_ascii=False)[1:-1],
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        re.sub("%..", lambda escape: escape[0].lower(), quote(SECRET, safe="")),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        html.escape(SECRET),
    ],
)
def test_a_secret_is_hidden_however_it_is_written(written: str) -> None:
    assert masked(f"before [{written}] after", SECRET).rstrip("=") == f"before [{REPLACEMENT}] after"


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "user: "])
@pytest.mark.parametrize("after", ["", "@", "@h", "@host"])
def test_a_secret_is_hidden_inside_a_longer_base64(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}hunter2-hunter2{after}".encode()).decode()
    seen = masked(encoded, "hunter2-hunter2")
    assert REPLACEMENT in seen
    left, right = seen.split(REPLACEMENT)
    assert before.startswith(base64.b64decode(left[: len(left) // 4 * 4]).decode())
    assert len(right.rstrip("=")) <= 4 * len(after)


def test_base64_in_lines_is_hidden_line_by_line() -> None:
    secret = "".join(chr(33 + n % 90) for n in range(200))
    wrapped = "\n".join(textwrap.wrap(base64.b64encode(secret.encode()).decode(), 76))
    assert set(masked(wrapped, secret).split("\n")) == {REPLACEMENT}


@pytest.mark.parametrize(
    ("secret", "text", "seen"),
    [
        ("1", "1", REPLACEMENT),
        ("1", " 1\n", f" {REPLACEMENT}\n"),
        ("1", "count = 1", "count = 1"),
        ("true", "enabled = true", "enabled = true"),
        ("true", "true", REPLACEMENT),
        ("8080", "port 8080", "port 8080"),
        ("123456", "pin 123456.", f"pin {REPLACEMENT}."),
        ("123456", "1234567", "1234567"),
        ("abcd", "x abcd y", f"x {REPLACEMENT} y"),
        ("abcd", "abcde xabcd abcd_", "abcde xabcd abcd_"),
        ("abcdef", "xabcdefy", f"x{REPLACEMENT}y"),
        ("  ", "a  b", "a  b"),
        ("", "a", "a"),
    ],
)
def test_short_secrets_do_not_blank_everything(secret: str, text: str, seen: str) -> None:
    assert masked(text, secret) == seen


def test_a_secret_inside_another_and_secrets_that_overlap_are_hidden_as_one() -> None:
    assert masked("x abcdefghijkl y", "abcdefgh", "defg-unused", "efghijkl") == f"x {REPLACEMENT} y"


def test_each_line_of_a_secret_is_hidden() -> None:
    seen = masked("first: alpha-line\nsecond:   bravo-line  \nelse", "alpha-line\n  bravo-line\n")
    assert seen == f"first: {REPLACEMENT}\nsecond:   {REPLACEMENT}  \nelse"


def test_a_secret_of_several_lines_is_hidden_as_a_whole_short_lines_included() -> None:
    assert masked("[alpha-line\nxy\nbravo-line]", "alpha-line\nxy\nbravo-line") == f"[{REPLACEMENT}]"
    assert masked("[alpha-line\r\nxy\r\nbravo-line]", "alpha-line\nxy\nbravo-line") == f"[{REPLACEMENT}]"


def test_each_secret_in_a_json_document_is_also_hidden_alone() -> None:
    document = json.dumps({"type": "service_account", "private_key": KEY, "nested": [{"password": "hunter2-hunter2"}]})
    mask = Mask.of([document])
    assert mask.text("type service_account, hunter2-hunter2") == f"type service_account, {REPLACEMENT}"
    assert mask.text("MIIEvQIBADANBgkq") == REPLACEMENT


def test_a_text_that_only_looks_like_json_is_masked_like_any_text() -> None:
    assert masked("{not json} here", "{not json}") == f"{REPLACEMENT} here"


def test_a_value_is_masked_through_and_through() -> None:
    mask = Mask.of(["hunter2-hunter2", "123456", "1", "true"])
    value = {"a": ["x hunter2-hunter2", 123456, 1, True, None, 1.5], "hunter2-hunter2": "1"}
    assert mask.value(value) == {"a": [f"x {REPLACEMENT}", REPLACEMENT, 1, True, None, 1.5], REPLACEMENT: REPLACEMENT}


def test_a_mask_can_be_given_more_values() -> None:
    mask = Mask.of(["alpha-secret"])
    assert mask.also(["bravo-secret"]).text("alpha-secret bravo-secret") == f"{REPLACEMENT} {REPLACEMENT}"
    assert mask.also(["alpha-secret", " "]) is mask


def test_a_mask_reveals_nothing_that_it_hides() -> None:
    mask = Mask.of(["hunter2-hunter2"])
    assert repr(mask) == "Mask()"
    with pytest.raises(TypeError):
        pickle.dumps(mask)


def test_text_that_cannot_be_encoded_is_masked_too() -> None:
    assert masked("\ud800 hunter2-hunter2", "hunter2-hunter2") == f"? {REPLACEMENT}"
    assert masked("a\ud800bcdefgh", "a\ud800bcdefgh") == REPLACEMENT


secrets = st.text(min_size=6, max_size=30).filter(lambda text: len(text.strip()) >= 6 and not text.strip().isdigit())


@settings(max_examples=examples(150))
@given(secret=secrets, before=st.text(max_size=10), after=st.text(max_size=10))
def test_no_secret_survives_in_any_form(secret: str, before: str, after: str) -> None:
    stripped = secret.strip()
    assume(stripped not in REPLACEMENT and REPLACEMENT not in stripped)
    assume(not any(character in stripped for character in "0123456789.,+-"))
    mask = Mask.of([secret])
    for encode in (
        str,
        json.dumps,
        quote,
        quote_plus,
        html.escape,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text.encode().hex(),
    ):
        seen = mask.text(f"{before} {encode(stripped)} {after}")
        assert REPLACEMENT in seen
        assert stripped not in seen.replace(REPLACEMENT, "")
