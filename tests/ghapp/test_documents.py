"""The pages in docs/ agree with the program."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.rendering.json_report import json_schema
from ghapp.repository_config import read_config
from ghapp.repository_config.schema import config_schema
from tests.docs.configuration_table import declared_table, written_table

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()
REPORT = (DOCS / "report.md").read_text()


def test_the_table_of_the_keys_is_the_one_that_is_declared() -> None:
    assert written_table(CONFIGURATION) == declared_table(), "run python -m tests.docs.configuration_table"


def keys_of(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted path of each key in the config's JSON Schema. `NAME` is a name that people choose, `[]` an item."""
    for name, value in schema.get("properties", {}).items():
        yield f"{prefix}{name}"
        yield from keys_of(value, f"{prefix}{name}.")
        if isinstance(value.get("items"), dict):
            yield from keys_of(value["items"], f"{prefix}{name}[].")
    named = schema.get("additionalProperties")
    if isinstance(named, dict) and "properties" in named:
        yield from keys_of(named, f"{prefix}NAME.")


def test_the_table_and_the_schema_have_the_same_keys() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", CONFIGURATION, flags=re.MULTILINE)
    assert rows == list(keys_of(config_schema()))


def test_the_examples_of_the_page_can_be_read() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, flags=re.DOTALL)
    assert examples
    for example in examples:
        read_config(example.encode(), branches=["staging", "production"], repository_name="shop")


@pytest.mark.parametrize("name", ["JsonReport", "RootReport", "ChangeReport", "AttributeChange", "Diagnostic"])
def test_every_property_of_the_json_form_is_in_its_page(name: str) -> None:
    for attribute in json_schema()["$defs"][name]["properties"]:
        assert f"`{attribute}`" in REPORT, f"{name}.{attribute}"
