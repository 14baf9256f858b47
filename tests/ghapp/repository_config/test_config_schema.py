"""The published JSON Schema and the reader agree."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from ghapp.repository_config import ConfigInvalid, keys, read_config
from ghapp.repository_config.schema import config_schema, schema_text
from tests.examples import examples

SCHEMA = config_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def reader_takes(value: object) -> bool:
    """Whether the reader accepts a value. It is written as JSON, which is YAML, too."""
    try:
        read_config(json.dumps(value).encode(), branches=[], repository_name="infra")
    except ConfigInvalid:
        return False
    return True


def schema_takes(value: object) -> bool:
    return bool(VALIDATOR.is_valid(value))


def described(schema: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    yield where, schema.get("description", "")
    for name, inner in schema.get("properties", {}).items():
        yield from described(inner, f"{where}.{name}")
    items = schema.get("items", {})
    for name, inner in items.get("properties", {}).items():
        yield from described(inner, f"{where}[].{name}")
    if isinstance(schema.get("additionalProperties"), dict) and "properties" in schema["additionalProperties"]:
        yield from described(schema["additionalProperties"], f"{where}.*")


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(schema_text()) == SCHEMA


def test_every_key_has_a_description() -> None:
    assert [where for where, description in described(SCHEMA) if not description.endswith((".", '"'))] == []


def test_reader_and_schema_accept_the_example() -> None:
    value = YAML(typ="safe", pure=True).load(Path(__file__).with_name("planward.yml"))
    assert reader_takes(value)
    assert schema_takes(value)


@pytest.mark.parametrize(
    "value",
    [
        {"tem": "x"},
        {"team": "a/b"},
        {"team": ".."},
        {"team": None},
        {"environments": []},
        {"environments": {"a/b": {}}},
        {"environments": {"testing": {"branch": "x"}}},
        {"environments": {"testing": {"apply": "manual"}}},
        {"environments": {"eu": {"apply": "never"}}},
        {"environments": {"eu": {"branch": "a..b"}}},
        {"environments": {"eu": {"branch": "a/"}}},
        {"environments": {"eu": {"approvers": ["@x"]}}},
        {"secrets": [{"as": "env"}]},
        {"secrets": [{"path": "kv/{workspace}/x"}]},
        {"root_modules": [{"dir": "/x"}]},
        {"root_modules": [{"dir": "a", "var_files": ["{x}.tfvars"]}]},
        {"root_modules": [{"dir": "a", "workspace": "{workspace}"}]},
        {"root_modules": [{"dir": "a", "extra_arguments": ["-target=x"]}]},
        {"root_modules": [{"dir": "a", "required_version": "newest"}]},
        {"root_modules": [{"dir": "a", "environments": {"testing": {"dir": "b"}}}]},
        {"root_modules": [{}]},
        {"confirm": ["destory"]},
        {"confirm": ["destroy", "destroy"]},
        {"four_eyes": "yes"},
        {"drafts": "pln"},
        {"trusted_bots": ["dependabot"]},
        {"policies": ["policy/*.rego"]},
        {"drift": {"schedule": "0 6 * * 1-5"}},
        {"identity": []},
        {"environments": {"testing": {"apply": "on_pull_request"}}},
        {"environments": {"testing": {"plan": "sometimes"}}},
        {"environments": {"eu": {"preview": "on_request"}}},
        {"environments": {"eu": {"approvals": 0}}},
        {"environments": {"eu": {"approvals": "2"}}},
        {"environments": {"eu": {"parity": "all"}}},
        {"root_modules": [{"dir": "a", "watch": "x"}]},
        {"root_modules": [{"dir": "a", "watch": ["/x"]}]},
        {"notify": [{"url": "https://h/x", "on": ["drift"]}]},
        {"notify": [{"url": "https://h/x", "on": "failed"}]},
        {"notify": [{"url": "vault:kv/x"}]},
    ],
)
def test_reader_and_schema_refuse_a_document_that_is_wrong_in_one_place(value: object) -> None:
    assert not reader_takes(value)
    assert not schema_takes(value)


WORDS = st.sampled_from(
    ["staging", "production", "testing", "eu", "a/b", "network", "network/", "../x", "{environment}.tfvars",
     "{workspace}", "{x}", "kv/{team}/{branch}/*", "kv/x", "https://h/x", "vault:kv/x#y", "failed", "waiting", "plan",
     "skip", "env", "tfvars", "automatic", "manual", "never", "on_merge", "destroy", "replace", "aws_db_instance",
     "dependabot[bot]", "acme/platform", "0 6 * * 1-5", "-parallelism=3", ">= 1.9, < 2", "main", "release/1.0", "..",
     "TOKEN", "a b", "1", "x\n", "-", ".", "a.b"]
)  # fmt: skip
LEAVES = st.one_of(WORDS, WORDS, WORDS, st.text(max_size=6), st.none(), st.booleans(), st.integers(0, 9))
TEXTS = st.lists(LEAVES, max_size=3)


def mapping(keys: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.one_of(st.sampled_from(keys), st.sampled_from(keys), WORDS), values, max_size=4)


VALUES = st.one_of(LEAVES, TEXTS, mapping(("a", "TOKEN"), LEAVES))
ENVIRONMENT = st.one_of(mapping(keys.ENVIRONMENT.names, VALUES), st.none())
ROOT_MODULE = st.builds(
    lambda one, more, other: {**one, **more, **other},
    st.fixed_dictionaries({}, optional={"dir": WORDS}),
    mapping(keys.ROOT_MODULE.names, VALUES),
    st.fixed_dictionaries({}, optional={"environments": mapping(("testing",), mapping(keys.OVERRIDE.names, VALUES))}),
)
DOCUMENTS = st.one_of(
    mapping(keys.CONFIG.names, VALUES),
    st.fixed_dictionaries(
        {},
        optional={
            "team": LEAVES,
            "environments": st.dictionaries(WORDS, ENVIRONMENT, max_size=3),
            "secrets": st.lists(mapping(keys.SECRET.names, VALUES), max_size=2),
            "root_modules": st.lists(ROOT_MODULE, max_size=2),
            "confirm": TEXTS,
            "trusted_bots": TEXTS,
            "notify": st.lists(mapping(keys.NOTIFY.names, VALUES), max_size=2),
        },
    ),
)


@settings(max_examples=examples(600))
@given(DOCUMENTS)
def test_every_document_that_the_reader_accepts_the_schema_accepts_too(document: dict[str, Any]) -> None:
    if reader_takes(document):
        VALIDATOR.validate(document)


@st.composite
def accepted_documents(draw: st.DrawFn) -> dict[str, Any]:
    """A consistent document, in which each key may be present or absent."""
    environment = st.fixed_dictionaries(
        {},
        optional={
            "apply": st.sampled_from(["automatic", "manual"]),
            "approvers": st.just(["acme/platform", "jo"]),
            "team": st.sampled_from(["payments", "a.b-c_d"]),
            "promote_from": st.none(),
        },
    )
    override = {
        "workspace": st.sampled_from(["{environment}", "x-{team}"]),
        "var_files": st.just(["{environment}.tfvars", "../common.tfvars"]),
        "backend_config": st.just(["env/{branch}.hcl"]),
        "extra_arguments": st.just(["-parallelism=3", "-refresh=false"]),
        "team": st.just("network"),
    }
    root_module: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {"dir": st.just("live/network")},
        optional={
            **override,
            "depends_on": st.just([]),
            "required_version": st.sampled_from([">= 1.9", "~> 1.5, != 1.5.3"]),
            "environments": st.fixed_dictionaries({"testing": st.fixed_dictionaries({}, optional=override)}),
        },
    )
    document = st.fixed_dictionaries(
        {},
        optional={
            "team": st.just("payments"),
            "environments": st.fixed_dictionaries(
                {"production": environment, "staging": st.one_of(environment, st.none())},
                optional={"testing": st.sampled_from([None, {"apply": "on_merge"}, {}])},
            ),
            "secrets": st.just([{"path": "kv/{team}/{branch}/*"}, {"path": "a/b", "as": "env", "field": "x"}]),
            "root_modules": st.lists(root_module, max_size=1),
            "confirm": st.just(["destroy", "aws_db_instance"]),
            "four_eyes": st.booleans(),
            "drafts": st.sampled_from(["plan", "skip"]),
            "trusted_bots": st.just(["renovate[bot]"]),
            "notify": st.just([{"url": "vault:kv/{team}/slack#url"}]),
        },
    )
    return draw(document)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a document, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places(value[key])


@settings(max_examples=examples(150))
@given(accepted_documents())
def test_reader_and_schema_accept_every_consistent_document(document: dict[str, Any]) -> None:
    assert reader_takes(document)
    VALIDATOR.validate(document)


@settings(max_examples=examples(300))
@given(accepted_documents(), st.data())
def test_reader_and_schema_refuse_a_document_in_which_one_value_has_a_wrong_type(
    document: dict[str, Any], data: st.DataObject
) -> None:
    where = list(places(document))
    if not where:
        return
    container, key = data.draw(st.sampled_from(where))
    container[key] = data.draw(st.sampled_from([7, 1.5, [[]], {"?": 1}]))
    assert not reader_takes(document)
    assert not schema_takes(document)
