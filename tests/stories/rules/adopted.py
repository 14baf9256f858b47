"""Repositories whose infrastructure was there before the App: a story need not apply what it only wants to change."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.stories.line import Line
from tests.stories.story import Story


def resources(*names: str) -> dict[str, str | None]:
    """A file of `network` for each resource."""
    return {f"network/{name}.tf": f'resource "terraform_data" "{name}" {{\n  input = "{name}"\n}}\n' for name in names}


def adopted_story(
    line: Line,
    files: Mapping[str, str | None] | None = None,
    *,
    more: Mapping[str, Mapping[str, Any]] | None = None,
    environments: Iterable[str] = ("staging",),
    **options: Any,
) -> Story:
    """A story in whose environments `network` was applied as it is in the repository before the App is installed.

    `files` are committed to staging's branch before, too. `more` names the resources in them, with their attributes.
    """
    story = line.story(installed=False, **options)
    if files:
        story.commit("staging", files, by=story.reviewer)
    for environment in environments:
        net = {"input": {"size": 1, "password": story.password(environment)}}
        write_state(story, environment, {"net": net, **(more or {})})
    story.install()
    return story


def write_state(story: Story, environment: str, contained: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a state of `network` as an apply writes it; `contained` has the attributes of each resource.

    https://developer.hashicorp.com/terraform/language/resources/terraform-data
    """
    state = {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 1,
        "lineage": f"adopted-{story.owner}-{environment}",
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": name,
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [_instance(name, attributes)],
            }
            for name, attributes in contained.items()
        ],
    }
    story.state_path("network", environment).write_text(json.dumps(state))


def _instance(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    dynamic = {key: {"value": value, "type": _type(value)} for key, value in attributes.items()}
    password = [{"type": "get_attr", "value": "input"}, {"type": "get_attr", "value": "password"}]
    return {
        "schema_version": 0,
        "attributes": {
            "id": f"id-of-{name}",
            "input": dynamic.get("input"),
            "output": dynamic.get("input"),
            "triggers_replace": dynamic.get("triggers_replace"),
        },
        "sensitive_attributes": [password] if isinstance(attributes.get("input"), dict) else [],
    }


def _type(value: Any) -> Any:
    """The type of a value as Terraform writes it beside a dynamic one."""
    if isinstance(value, dict):
        return ["object", {key: _type(each) for key, each in value.items()}]
    return "string" if isinstance(value, str) else "number"
