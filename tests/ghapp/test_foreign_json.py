"""Invalid bytes from outside give one of Planward's own errors, wherever they are read."""

import ast
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import checks
import ghapp
from checks.diagnostic import Diagnostic
from ghapp.foreign_json import MisshapenJson, UnreadableJson, read_any_json, read_json
from ghapp.github.calls import decode
from ghapp.github.errors import GitHubUnavailable
from ghapp.github.failures import read_words
from ghapp.terraform.messages import Messages, RootModuleLocation, read_validation

NOT_JSON = [b"", b"\xff", b'"\xff"', b'["\xff"]', b'{"\xff": 1}', b"{", b"[" * 100_000, b'"\\ud800"', b"nul"]

# These packages decode JSON that Planward itself wrote: jobs, reports, facts, cookies.
OWN_WORDS = (
    "durable/",
    "facts/",
    "keys_apart",
    "worker_process/",
    "flows/",
    "store/",
    "web/sessions",
    "web/pages",
    "web/pictures",
    "demo/",
    "local_github/",
)
# A file that contains one of these catches every exception of its decoder. The last one is enough for `tf_json`, which
# decodes only single strings.
GUARDS = ("NOT_UNDERSTOOD", "(ValueError, RecursionError", "_NOT_JSON", "json.JSONDecodeError")
# Each call in `unguarded_files` contains one of these words. Parsing takes a hundred times as long as this search.
DECODES = re.compile("decode|Decoder|load")


class Shape(msgspec.Struct):
    name: str = ""


@pytest.mark.parametrize("content", NOT_JSON)
@pytest.mark.parametrize("shape", [object, str, list[str], dict[str, str]])
def test_bytes_that_are_not_json_are_unreadable_in_any_shape(content: bytes, shape: Any) -> None:
    with pytest.raises(UnreadableJson):
        read_json(content, shape)


@pytest.mark.parametrize("content", [each for each in NOT_JSON if each != b'"\\ud800"'])
def test_bytes_that_are_not_json_are_unreadable_as_any_json(content: bytes) -> None:
    with pytest.raises(UnreadableJson):
        read_any_json(content)


def test_half_a_surrogate_pair_in_any_json_becomes_a_question_mark() -> None:
    assert read_any_json(rb'{"a\ud800": ["\udfff"], "\ud83d\ude00": 1}') == {"a?": ["?"], "😀": 1}


def test_json_of_another_shape_says_what_is_expected_and_quotes_no_value() -> None:
    with pytest.raises(MisshapenJson, match=r"^Expected `str`, got `int` - at `\$.name`$"):
        read_json(b'{"name": 23}', Shape)


@pytest.mark.parametrize("content", [b'{"name": "\xff"}', b"\xff", b"[1]", b"<html>"])
def test_an_answer_that_is_not_from_github_is_tried_again_later(content: bytes) -> None:
    with pytest.raises(GitHubUnavailable):
        decode(content, Shape, "ask for the repository")


@pytest.mark.parametrize("content", [b'{"message": "\xff"}', b'{"message": "no", "errors": ["\xff"]}', b"[" * 99_999])
def test_an_unreadable_refusal_is_still_a_refusal(content: bytes) -> None:
    assert read_words(content) in ("", "no")


@pytest.mark.parametrize(
    "line",
    [
        b'{"@message": "\\ud800", "type": "diagnostic", "diagnostic": {"summary": "\\ud800"}}',
        b'{"@message": "", "type": "diagnostic", "diagnostic": {"range": [1], "snippet": "x"}}',
        b'{"@message": "", "type": "diagnostic", "diagnostic": {"range": {"filename": "a.tf", "start": 5}}}',
        b'{"@message": "", "type": "diagnostic", "diagnostic": {"range": {"filename": "a.tf", "start": {"line": '
        + b"9" * 99
        + b"}}}}",
        b'{"@message": "", "type": "diagnostic", "diagnostic": {"range": {"filename": "\\u0000"}}}',
        b'{"@message": ' + b"[" * 100_000,
        b'{"@message": \xff\xfe}',
        b"\xff\xfe\x00",
    ],
)
def test_output_that_only_looks_like_a_terraform_message_ends_no_run(line: bytes, tmp_path: Path) -> None:
    lines: list[str] = []
    messages = Messages(
        location=RootModuleLocation(checkout=tmp_path, root_module="."), log=lines.append, foreign=lines.append
    )
    messages.line(line)
    kept = msgspec.json.encode([messages.diagnostics, lines])
    assert msgspec.json.decode(kept, type=tuple[list[Diagnostic], list[str]]) == (messages.diagnostics, lines)
    assert all((each.start_line or 1) < 2**31 for each in messages.diagnostics)  # GitHub accepts no other annotation


@pytest.mark.parametrize("said", [*NOT_JSON, b'{"diagnostics": 1}'])
def test_a_validation_that_cannot_be_read_is_a_value_error(said: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        read_validation(said, RootModuleLocation(checkout=tmp_path, root_module="."))


def unguarded_files(package: Path) -> set[str]:
    """The files that decode JSON directly and do not catch every exception of the decoder."""
    found = set()
    for path in package.rglob("*.py"):
        text = path.read_text()
        if any(guard in text for guard in GUARDS) or not DECODES.search(text):
            continue
        decodes = any(
            isinstance(node, ast.Attribute)
            and node.attr in ("decode", "Decoder", "loads", "load", "JSONDecoder")
            and ast.unparse(node)
            in (
                *("msgspec.json.decode", "msgspec.json.Decoder", "msgspec.msgpack.decode", "msgspec.msgpack.Decoder"),
                *("json.loads", "json.load", "json.JSONDecoder"),
            )
            for node in ast.walk(ast.parse(text))
        )
        if decodes:
            found.add(path.relative_to(package).as_posix())
    return found


def test_foreign_json_is_decoded_only_in_files_that_catch_every_decoding_error() -> None:
    found = unguarded_files(Path(ghapp.__file__).parent) | unguarded_files(Path(checks.__file__).parent)
    assert {path for path in found if not path.startswith(OWN_WORDS)} == set()
