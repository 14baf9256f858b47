"""The three stories that the fault tests play, each until its apply is reported: `tell`, `tell_approved` and
`tell_unexplained`. `undisturbed` is the first one without a fault.
"""

import functools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.stories.faults.conftest import FaultyLine
from tests.stories.faults.outcome import outcome, plain
from tests.stories.rules.test_chat import Chat, chat_room, story_with
from tests.stories.story import Story
from tests.stories.waiting import PATIENCE_S, eventually

_APPLY = "planward/apply (staging)"
_LOOKING = (
    "enqueue the next (reconciliation|cleanup)|enqueue an earlier reconciliation|end abandoned runs|"
    "enqueue repositories|redeliver|reconcile|erase|remove (logs|runs|rows|jobs)|move|reseal"
)
OF_A_LOOK = rf"step ({_LOOKING}): .*|accepted (look|rec|tidy).*|POST /app/hook/deliveries/.*"
"""Points of periodic work and of a start. They may be reached at any moment and are not part of a story."""


@dataclass(kw_only=True)
class Told:
    """The outcome of one story, and the points that Planward reached during it."""

    outcome: dict[str, Any]
    passed: frozenset[str]

    def among(self, pattern: str) -> frozenset[str]:
        """The points that were reached and that a pattern matches as a whole."""
        return frozenset(point for point in self.passed if re.fullmatch(pattern, point))


@contextmanager
def begun(faulty: FaultyLine, *, testing: bool = False) -> Iterator[tuple[Story, Chat]]:
    """Make a repository whose chat gets every notification."""
    with chat_room() as chat:
        yield story_with(faulty.line, chat, testing=testing), chat


def maybe_lost(faulty: FaultyLine, since: int) -> int:
    """The number of messages since the mark `since` that the chat may lack.

    Planward sends each message at most once. After a kill, it cannot ask the chat whether the message arrived.
    """
    return len(faulty.line.events("chat_not_sent_again", since=since))


def tell(
    faulty: FaultyLine, *, kill: str = "", disturb: Callable[[], None] | None = None, patience_s: float = PATIENCE_S
) -> Told:
    """Propose, merge, and wait until the merge is applied and nothing is under way. Two environments are planned.

    Planward is killed at each point that the pattern `kill` matches. `disturb` is called just before the proposal, to
    begin another disturbance.
    """
    with begun(faulty, testing=True) as (story, chat):
        faulty.quiet()
        before, since = len(faulty.read("passed")), faulty.line.logs.mark()
        if kill:
            faulty.kill_at(kill)
        if disturb is not None:
            disturb()
        number = story.propose()
        head = story.head(number)
        assert completed(story, head, "planward/plan", patience_s)["conclusion"] == "success"
        merged = story.merge(number)
        completed(story, merged, "planward/apply (staging)", patience_s)
        eventually(lambda: story.comments(number), "the pull request has a comment", patience_s=patience_s)
        eventually(lambda: chat.said or maybe_lost(faulty, since), "the chat has a message", patience_s=patience_s)
        faulty.quiet(patience_s=patience_s)
        passed = frozenset(each for each in faulty.read("passed")[before:] if not re.fullmatch(OF_A_LOOK, each))
        return Told(outcome=outcome(story, number, merged, chat.said), passed=passed)


@functools.cache
def undisturbed(faulty: FaultyLine) -> Told:
    """The story of `tell` without a fault, told once on each line."""
    return tell(faulty)


STAMPED = """\
resource "terraform_data" "stamp" {
  input = "made at ${plantimestamp()}"

  lifecycle {
    ignore_changes = [input]
  }
}
"""


def tell_approved(faulty: FaultyLine, *, kill: str = "", patience_s: float = PATIENCE_S) -> Told:
    """Merge into an environment that is applied manually, and approve the plan that is shown. Each plan is different.

    Planward may be killed from the merge on. The outcome says whether the plan that was shown is the one applied.
    """
    by_hand = "environments:\n  staging: {branch: staging, apply: manual}\n"
    with chat_room() as chat:
        story = story_with(faulty.line, chat, more=by_hand)
        extra = {"network/main.tf": story.root_module("network", size=2, extra=STAMPED)["network/main.tf"]}
        number = story.propose(extra)
        assert completed(story, story.head(number), "planward/plan", patience_s)["conclusion"] == "success"
        faulty.quiet(patience_s=patience_s)
        planned_at = int(time.time())
        eventually(lambda: int(time.time()) > planned_at, "the next plan has another stamp")
        before, since = len(faulty.read("passed")), faulty.line.logs.mark()
        if kill:
            faulty.kill_at(kill)
        merged = story.merge(number)
        held = completed(story, merged, _APPLY, patience_s)
        assert held["conclusion"] == "action_required", held["output"]
        story.press(held, "apply", by=story.maintainer)
        done = completed(story, merged, _APPLY, patience_s, count=2)
        eventually(lambda: "added in staging" in "".join(story.comments(number)), "a comment", patience_s=patience_s)
        eventually(
            lambda: "Applied" in "".join(chat.said) or maybe_lost(faulty, since), "a message", patience_s=patience_s
        )
        faulty.quiet(patience_s=patience_s)
        passed = frozenset(each for each in faulty.read("passed")[before:] if not re.fullmatch(OF_A_LOOK, each))
        stamp = str(story.state("network", "staging")["terraform_data.stamp"][0]["input"]["value"])
        as_shown = [stamp in f"{each['output']['summary']}{each['output']['text']}" for each in (held, done)]
        kept = faulty.ask("select count(*) from kept_plans where repository_id = :id", id=story.repository.id)
        shown = outcome(story, number, merged, chat.said)
        return Told(outcome={**shown, "as shown": as_shown, "plan files kept": kept}, passed=passed)


def tell_unexplained(faulty: FaultyLine, *, kill: str = "", patience_s: float = PATIENCE_S) -> Told:
    """Push to the environment's branch by hand, press Plan and then Apply. Planward may be killed from the push on."""
    with begun(faulty) as (story, chat):
        faulty.quiet(patience_s=patience_s)
        before = len(faulty.read("passed"))
        if kill:
            faulty.kill_at(kill)
        pushed = story.commit("staging", story.network(2), by=story.author)
        for count, button in enumerate(("plan", "apply"), start=1):
            held = completed(story, pushed, _APPLY, patience_s, count=count)
            assert held["conclusion"] == "action_required", held["output"]
            story.press(held, button, by=story.maintainer)
        done = completed(story, pushed, _APPLY, patience_s, count=3)
        assert done["conclusion"] == "success", done["output"]
        faulty.quiet(patience_s=patience_s)
        passed = frozenset(each for each in faulty.read("passed")[before:] if not re.fullmatch(OF_A_LOOK, each))
        checks = [
            (each["conclusion"], plain(story, each["output"]["title"])) for each in story.check_runs(pushed, _APPLY)
        ]
        states = [each["states"] for each in story.deployments("staging")]
        size = story.size("staging")
        return Told(
            outcome={
                "checks": checks,
                "deployments": states,
                "size": size,
                "messages": [plain(story, text) for text in chat.said],
            },
            passed=passed,
        )


def completed(story: Story, sha: str, name: str, patience_s: float, *, count: int = 1) -> dict[str, Any]:
    """Wait until there are `count` check runs of this name and the newest is completed; return that one."""

    def newest() -> dict[str, Any] | None:
        found = story.check_runs(sha, name)
        return found[-1] if len(found) >= count and found[-1]["status"] == "completed" else None

    found: dict[str, Any] = eventually(newest, f"{name} on {sha[:7]} is completed", patience_s=patience_s, pause_s=1.0)
    return found
