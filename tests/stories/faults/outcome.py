"""The outcome of a story, in a form that is equal for two repositories with the same story."""

import json
import re
from typing import Any

from tests.stories.story import Story

_SHOWN = ("status", "conclusion")


def outcome(story: Story, number: int, merged: str, messages: list[str]) -> dict[str, Any]:
    """Everything that GitHub and the chat show about a pull request and its merge, and Terraform's states."""
    head = story.head(number)
    return {
        "plans": [_check(story, each) for each in story.check_runs(head)],
        "applies": [_check(story, each) for each in story.check_runs(merged, "planward/apply (staging)")],
        "deployments": [each["states"] for each in story.deployments("staging")],
        "comments": [plain(story, body) for body in story.comments(number)],
        "messages": [plain(story, text) for text in messages],
        "states": {name: _state(story, name) for name in ("testing", "staging", "production")},
    }


def without_words(found: dict[str, Any]) -> dict[str, Any]:
    """An outcome without its texts: counts of comments and messages, conclusions of the check runs, and the states."""
    shown = [[{key: each[key] for key in _SHOWN} for each in found[name]] for name in ("plans", "applies")]
    counts = {name: len(found[name]) for name in ("comments", "messages")}
    return {**found, "plans": shown[0], "applies": shown[1], **counts}


def _check(story: Story, check: dict[str, Any]) -> dict[str, Any]:
    texts = {key: plain(story, check["output"][key] or "") for key in ("title", "summary", "text")}
    return {**{key: check[key] for key in _SHOWN}, **texts, "annotations": len(story.annotations(check))}


def _state(story: Story, environment: str) -> Any:
    """The resources of `network` without the ids that Terraform generates."""
    found = story.state("network", environment)
    without_ids = {name: [{**each, "id": "ID"} for each in instances] for name, instances in found.items()}
    return json.loads(plain(story, json.dumps(without_ids)))


def plain(story: Story, text: str) -> str:
    """The text with placeholders for everything that differs between repositories and commits."""
    # The addresses first: their ports come from the same range as the repositories' ids.
    text = text.replace(story.line.url, "PLANWARD").replace(story.github.url, "GITHUB")
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    named = re.sub(rf"\b{story.repository.id}\b", "ID", text.replace(story.owner, "OWNER"))
    return re.sub(r"\b[0-9a-f]{7,40}\b", "HEX", re.sub(r"/\d+\b", "/N", re.sub(r"#\d+\b", "#N", named)))
