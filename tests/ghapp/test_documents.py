"""The pages in docs/ agree with the program."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.rendering.json_report import json_schema
from ghapp.repository_config import read_config
from ghapp.repository_config.schema import config_schema

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()
REPORT = (DOCS / "report.md").read_text()


def keys_of(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of the config's schema with a dotted path: `NAME` where people choose it, `[]` for an item."""
    for name, value in schema.get("properties", {}).items():
        yield f"{prefix}{name}", value
        yield from keys_of(value, f"{prefix}{name}.")
        if isinstance(value.get("items"), dict):
            yield from keys_of(value["items"], f"{prefix}{name}[].")
    named = schema.get("additionalProperties")
    if isinstance(named, dict) and "properties" in named:
        yield from keys_of(named, f"{prefix}NAME.")


def row_of(path: str, schema: dict[str, Any]) -> str:
    """The row of the table in which a key stands."""
    default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
    return f"| `{path}` | {default} | {schema['description']} |"


@pytest.mark.parametrize(("path", "schema"), list(keys_of(config_schema())), ids=lambda each: str(each)[:60])
def test_every_key_of_the_config_is_in_its_page_as_its_schema_has_it(path: str, schema: dict[str, Any]) -> None:
    assert row_of(path, schema) in CONFIGURATION


def test_the_page_has_no_key_that_the_config_does_not_have() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", CONFIGURATION, flags=re.MULTILINE)
    assert rows == [path for path, _ in keys_of(config_schema())]


def test_the_examples_of_the_page_can_be_read() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, flags=re.DOTALL)
    assert examples
    for example in examples:
        read_config(example.encode(), branches=["staging", "production"], repository_name="shop")


@pytest.mark.parametrize("name", ["JsonReport", "RootReport", "ChangeReport", "AttributeChange", "Diagnostic"])
def test_every_property_of_the_json_form_is_in_its_page(name: str) -> None:
    for attribute in json_schema()["$defs"][name]["properties"]:
        assert f"`{attribute}`" in REPORT, f"{name}.{attribute}"
