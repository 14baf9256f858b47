"""What a story comes to, in words that do not depend on which repository it was told in."""

import re
from typing import Any

from tests.stories.harness import Story

_SHOWN = ("status", "conclusion")


def outcome(story: Story, number: int, merged: str) -> dict[str, Any]:
    """Everything that GitHub shows of a pull request and its merge, and Terraform's state."""
    head = story.head(number)
    return {
        "plans": [_check(story, each) for each in story.check_runs(head)],
        "applies": [_check(story, each) for each in story.check_runs(merged, "planward/apply (staging)")],
        "deployments": [each["states"] for each in story.deployments("staging")],
        "comments": [_plain(story, body) for body in story.comments(number)],
        "sizes": {name: story.size(name) for name in ("testing", "staging")},
    }


def without_words(found: dict[str, Any]) -> dict[str, Any]:
    """The same without what is written: how many there are, how they ended, and the state."""
    shown = [[{key: each[key] for key in _SHOWN} for each in found[name]] for name in ("plans", "applies")]
    return {**found, "plans": shown[0], "applies": shown[1], "comments": len(found["comments"])}


def _check(story: Story, check: dict[str, Any]) -> dict[str, Any]:
    texts = {key: _plain(story, check["output"][key] or "") for key in ("title", "summary", "text")}
    return {**{key: check[key] for key in _SHOWN}, **texts, "annotations": len(story.annotations(check))}


def _plain(story: Story, text: str) -> str:
    named = text.replace(story.owner, "OWNER").replace(str(story.repository.id), "ID")
    return re.sub(r"\b[0-9a-f]{7,40}\b", "HEX", re.sub(r"/\d+\b", "/N", re.sub(r"#\d+\b", "#N", named)))
