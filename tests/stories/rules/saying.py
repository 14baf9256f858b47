"""What the stories of the rules read: titles, buttons and reactions on GitHub, and Planward's audit log."""

import json
from collections.abc import Mapping
from typing import Any

from tests.stories.story import Story
from tests.stories.waiting import eventually

APPLY = "planward/apply (staging)"
OR_REVERT = (
    "Press Plan, look at what it would change, then press Apply; or revert it, then press Plan on the commit of "
    "the revert."
)
"""The advice in the hold of a commit that did not come from a merged, green pull request."""


def title(check: Mapping[str, Any]) -> str:
    """The title of a check run, which the merge box shows."""
    return str(check["output"]["title"])


def held(check: Mapping[str, Any]) -> str:
    """The title of a check run, which must be a hold."""
    assert check["conclusion"] == "action_required", (check["conclusion"], title(check))
    return title(check)


def green(check: Mapping[str, Any]) -> str:
    """The title of a check run, which must have succeeded."""
    assert check["conclusion"] == "success", (check["conclusion"], title(check))
    return title(check)


def becomes_green(story: Story, sha: str) -> None:
    """Wait until the newest plan of a commit has succeeded, whatever the conclusions of earlier plans."""
    eventually(
        lambda: [each["conclusion"] for each in story.check_runs(sha)][-1:] == ["success"],
        f"planward/plan on {sha[:7]} of {story.name} turns green",
    )


def confirming(environment: str, addresses: str) -> str:
    """The title of a hold that waits until somebody confirms the destruction of these addresses."""
    return (
        f"Confirm what is destroyed in {environment}: {addresses}. Someone with write access who neither wrote nor "
        "pushed any commit of this pull request has to look at the plan and press Confirm destroy."
    )


def refused(check: Mapping[str, Any]) -> str:
    """The title of a check run, which must have failed."""
    assert check["conclusion"] == "failure", (check["conclusion"], title(check))
    return title(check)


def buttons(story: Story, check: Mapping[str, Any]) -> list[str]:
    """The identifiers of a check run's buttons, which are on GitHub's pages but not in REST."""
    with story.github.world.lock:
        found = next(each for each in story.repository.check_runs if each.id == check["id"])
        return [str(action["identifier"]) for action in found.actions]


def answered(story: Story, comment: int) -> str:
    """Wait for the reaction that answers a comment; there has to be exactly one."""

    def reactions() -> list[str]:
        return [str(each["content"]) for each in story.get(f"/issues/comments/{comment}/reactions")]

    [reaction] = eventually(reactions, f"comment {comment} of {story.name} is answered")
    return str(reaction)


def unanswered(story: Story, comment: int) -> bool:
    """Whether a comment has no reaction. Call it only after `story.quiet()`, when none can come any more."""
    return not story.get(f"/issues/comments/{comment}/reactions")


def audit(story: Story) -> list[tuple[str, str, str]]:
    """The entries of Planward's audit log, oldest first: who, did what, on which commit."""
    return [(row["who"], row["did"], row["sha"][:7]) for row in audit_rows(story)]


def audit_rows(story: Story) -> list[dict[str, Any]]:
    """The rows of Planward's audit log with their details, oldest first."""
    rows = story.line.query(
        "select who, did, sha, cast(details as text) as details from audit where repository_id = :id order by id",
        id=story.repository.id,
    )
    return [{**row, "details": json.loads(row["details"])} for row in rows]
