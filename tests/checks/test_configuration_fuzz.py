"""Reading any bytes of a pull request ends with facts or with a problem, and the two HCL parsers agree."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.configuration import discover, read_file
from checks.configuration.file_facts import FileFacts
from checks.configuration.hcl_strict import read_hcl_strict
from checks.configuration.hcl_tolerant import read_hcl_tolerant
from checks.configuration.impact import touched
from checks.configuration.inspect_file import inspect_document
from tests.checks.test_configuration_reading import NETWORK

LIMIT_S = 10.0
"""The time limit for one file in `ghapp/reading/processes.py`. The files of these tests take a thousandth of it."""

TOKENS = [
    *'"{}[]()=\\#.?:,\n\0\ufeffé',
    *(
        "${",
        "%{",
        "$${",
        "%%{",
        "~}",
        "<<EOT\n",
        "<<-EOT\n",
        "EOT\n",
        "/*",
        "*/",
        "//",
        "\r\n",
        "...",
        "-1",
        "1e999",
        "0x",
    ),
    *("for x in y :", "if", "terraform", "module", 'backend "s3"', "cloud", "variable", "source", "required_version"),
    *('file("', "${path.module}/"),
]


def _read(name: str, content: bytes) -> FileFacts:
    start = time.thread_time()
    facts = read_file(name, content)
    assert time.thread_time() - start < LIMIT_S
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=FileFacts) == facts
    configuration = discover({f"a/{name}": facts})
    touched(configuration, ["a/x", "b"])
    for root in configuration.root_modules:
        assert root.declarations is not None
    return facts


names = st.sampled_from(["main.tf", "main.tofu", "main.tf.json", "override.tf"])


@given(name=names, content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    _read(name, content)


@given(name=names, words=st.lists(st.sampled_from(TOKENS), max_size=60))
def test_any_row_of_words_is_read_or_refused(name: str, words: list[str]) -> None:
    _read(name, " ".join(words).encode("utf-8", "surrogatepass"))


@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(NETWORK)), st.integers(0, 20), st.sampled_from(["", *TOKENS])),
        min_size=1,
        max_size=6,
    )
)
def test_any_mutation_of_a_real_file_is_read_or_refused(edits: list[tuple[int, int, str]]) -> None:
    text = NETWORK
    for at, length, instead in edits:
        text = text[:at] + instead + text[at + length :]
    content = text.encode("utf-8", "surrogatepass")

    facts = _read("main.tf", content)

    tolerant = read_hcl_tolerant(content)
    if tolerant.problem is None and not text.startswith("\ufeff"):
        strict = read_hcl_strict(text)
        if strict.problem is None:
            assert inspect_document(strict, facts.references) == inspect_document(tolerant, facts.references)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["terraform", "backend", "s3", "module", "source", "x", "//"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(document=documents)
def test_json_is_refused_only_if_it_is_neither_an_object_nor_a_list(document: object) -> None:
    facts = _read("main.tf.json", json.dumps(document).encode())

    assert (facts.problem is None) is isinstance(document, dict | list)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a = " + "(" * 20_000, id="parentheses"),
        pytest.param("a = " + "[" * 20_000 + "]" * 20_000, id="lists"),
        pytest.param("a {\n" * 20_000, id="blocks"),
        pytest.param("terraform {\n" + "a {\n" * 5_000 + "}\n" * 5_000 + "}\n", id="blocks that are looked into"),
        pytest.param("a = " + " + ".join(["1"] * 20_000), id="a sum"),
        pytest.param('a = "' + "${" * 10_000 + "}" * 10_000 + '"', id="templates"),
        pytest.param('a = "' + "$" * 100_000, id="dollars"),
        pytest.param("file(" * 50_000, id="calls"),
        pytest.param("basename(" * 50_000 + "path.module", id="names"),
        pytest.param('"../' * 50_000, id="dots"),
        pytest.param("${path.module}" + "${" * 50_000, id="paths"),
        pytest.param("a = <<EOT\n" * 5_000, id="heredocs"),
        pytest.param('terraform {\n  backend "s3" {\n    a = 1' + "0" * 10_000 + "\n  }\n}\n", id="a number"),
        pytest.param('terraform {\n  backend "s3" {\n    a = 18446744073709551616\n  }\n}\n', id="65 bits"),
        pytest.param('terraform {\n  backend "s3" {\n    a = 1e999\n  }\n}\n', id="infinity"),
    ],
)
def test_hostile_files_do_not_hang(content: str) -> None:
    _read("main.tf", content.encode())
    _read("main.tf.json", ('{"a": ' * 1_000 + json.dumps(content)).encode())
    _read("main.tf.json", b'{"terraform": {"backend": {"s3": {"a": 1' + b"0" * 10_000 + b', "b": "\\ud800"}}}}')


def test_the_configurations_of_this_project_are_read_alike_by_both_grammars() -> None:
    files = sorted(Path(__file__).parent.rglob("*.tf"))

    for path in files:
        text = path.read_text()
        strict, tolerant = read_hcl_strict(text), read_hcl_tolerant(text.encode())
        assert inspect_document(strict, ()) == inspect_document(tolerant, ())
        assert tolerant.problem is None
