"""The outcome of a story, as text that does not depend on its repository."""

import json
import re
from typing import Any

from tests.stories.story import Story

_SHOWN = ("status", "conclusion")


def outcome(story: Story, number: int, merged: str, said: list[str]) -> dict[str, Any]:
    """Everything that GitHub and the chat show of a pull request and its merge, and Terraform's states."""
    head = story.head(number)
    return {
        "plans": [_check(story, each) for each in story.check_runs(head)],
        "applies": [_check(story, each) for each in story.check_runs(merged, "planward/apply (staging)")],
        "deployments": [each["states"] for each in story.deployments("staging")],
        "comments": [plain(story, body) for body in story.comments(number)],
        "messages": [plain(story, text) for text in said],
        "states": {name: _state(story, name) for name in ("testing", "staging", "production")},
    }


def without_words(found: dict[str, Any]) -> dict[str, Any]:
    """The same without what is written: how many there are, how they ended, and the states."""
    shown = [[{key: each[key] for key in _SHOWN} for each in found[name]] for name in ("plans", "applies")]
    counts = {name: len(found[name]) for name in ("comments", "messages")}
    return {**found, "plans": shown[0], "applies": shown[1], **counts}


def _check(story: Story, check: dict[str, Any]) -> dict[str, Any]:
    texts = {key: plain(story, check["output"][key] or "") for key in ("title", "summary", "text")}
    return {**{key: check[key] for key in _SHOWN}, **texts, "annotations": len(story.annotations(check))}


def _state(story: Story, environment: str) -> Any:
    """The resources of `network` without what Terraform makes up for each."""
    found = story.state("network", environment)
    without_ids = {name: [{**each, "id": "ID"} for each in instances] for name, instances in found.items()}
    return json.loads(plain(story, json.dumps(without_ids)))


def plain(story: Story, text: str) -> str:
    """The text without what differs from one repository and one commit to the next."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    named = text.replace(story.owner, "OWNER").replace(str(story.repository.id), "ID")
    return re.sub(r"\b[0-9a-f]{7,40}\b", "HEX", re.sub(r"/\d+\b", "/N", re.sub(r"#\d+\b", "#N", named)))
