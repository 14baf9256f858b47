"""Many pull requests in one repository, what people do with them, and how they have to end."""

import random
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from ghapp.local_github.state import CheckRun
from tests.stories.line import Line
from tests.stories.rules.test_chat import Chat
from tests.stories.story import Story
from tests.stories.waiting import eventually

Kind = Literal["merged", "pushed to again", "conflicting", "broken", "left open"]
_KINDS: tuple[Kind, ...] = ("merged", "conflicting", "pushed to again", "broken", "merged", "left open")
"""A conflicting pull request changes the same root module as the pull request before it."""
_MERGED: tuple[Kind, ...] = ("merged", "pushed to again")
_CHAT = 'notify:\n  - {url: "vault:kv/{team}/chat#url", on: [failed, waiting, applied]}\n'
_APPLIED = ["in_progress", "success"]


@dataclass(kw_only=True)
class Proposed:
    """One pull request. `size` is the size that it gives to its root module."""

    kind: Kind
    root_module: str
    size: int
    number: int = 0
    heads: list[str] = field(default_factory=list)
    merge_sha: str | None = None


class Crowd:
    """The pull requests of one repository."""

    def __init__(self, line: Line, chat: Chat, size: int, chance: random.Random, *, patience_s: float) -> None:
        self._chance = chance
        self._patience_s = patience_s
        self._chat = chat
        self.proposed: list[Proposed] = []
        for number in range(size):
            kind = _KINDS[number % len(_KINDS)]
            of = number - 1 if kind == "conflicting" else number
            self.proposed.append(Proposed(kind=kind, root_module=f"m{of}", size=10 + number))
        self.story: Story = line.story(files={"README.md": "# Many\n"}, config=_CHAT, installed=False, testing=True)
        files: dict[str, str] = {}
        for name in sorted({each.root_module for each in self.proposed}):
            files |= self.story.root_module(name)
        self.story.commit("staging", files, by=self.story.reviewer)
        line.bao.put(f"kv/{self.story.team}/chat", url=chat.url)
        self.story.install()

    # -- what people do

    def act(self) -> None:
        """Open all pull requests, push again to some, wait for the plans, and merge those to be merged."""
        order = list(self.proposed)
        self._chance.shuffle(order)
        for each in order:
            self._propose(each)
        for each in order:
            ended = eventually(partial(self._planned, each), f"{each} is planned", patience_s=self._patience_s)
            assert ended.conclusion == ("failure" if each.kind == "broken" else "success"), (each, ended.title)
        for each in order:
            if each.kind in _MERGED:
                each.merge_sha = self.story.merge(each.number)

    def _planned(self, each: Proposed) -> CheckRun | None:
        """The newest plan of a head if it is completed.

        It is read from memory, since so many pull requests would make too many requests.
        """
        with self.story.github.world.lock:
            runs = [run for run in self.story.repository.check_runs if run.head_sha == each.heads[-1]]
        plans = [run for run in runs if run.name == "planward/plan"]
        return plans[-1] if plans and plans[-1].status == "completed" else None

    def _propose(self, each: Proposed) -> None:
        branch = f"topic-{each.kind.replace(' ', '-')}-{each.size}"
        if each.kind == "pushed to again":
            each.heads.append(self.story.commit(branch, self._files(each, size=1000 + each.size)))
            each.number = self.story.open(branch, title=branch)
            each.heads.append(self.story.commit(branch, self._files(each, size=each.size)))
        else:
            each.heads.append(self.story.commit(branch, self._files(each, size=each.size)))
            each.number = self.story.open(branch, title=branch)

    def _files(self, each: Proposed, *, size: int) -> dict[str, str]:
        wrong = 'output "wrong" {\n  value = terraform_data.nett.id\n}\n' if each.kind == "broken" else ""
        path = f"{each.root_module}/main.tf"
        return {path: self.story.root_module(each.root_module, size=size, extra=wrong)[path]}

    # -- how it has to end

    def wrong(self) -> list[str]:
        """Everything that did not end as it should have, in words."""
        problems: list[str] = []
        for each in self.proposed:
            problems += [f"{self.story.name}#{each.number} ({each.kind}): {what}" for what in self._wrong(each)]
        of_all = (*self._unfinished(), *self._wrong_deployments(), *self._wrong_chat())
        return problems + [f"{self.story.name}: {what}" for what in of_all]

    def _wrong(self, each: Proposed) -> list[str]:
        problems: list[str] = []
        *older, head = each.heads
        for sha in older:
            ends = [check["conclusion"] for check in self.story.check_runs(sha)]
            if len(ends) > 1 or not {*ends} <= {"cancelled", "success"}:
                problems.append(f"its older head's plans ended {ends}")
        expected = {"broken": ["failure"], "conflicting": ["success", "failure"]}.get(each.kind, ["success"])
        plans = self.story.check_runs(head)
        ended = [check["conclusion"] for check in plans]
        if (_without_repeats(ended) if each.kind == "conflicting" else ended) != expected:
            problems.append(f"plans: {[(check['conclusion'], check['output']['title']) for check in plans]}")
        elif each.kind == "conflicting" and "Conflict with staging" not in plans[-1]["output"]["title"]:
            problems.append(f"does not conflict: {plans[-1]['output']['title']}")
        comments = self.story.comments(each.number)
        if len(comments) != (each.kind in _MERGED):
            problems.append(f"{len(comments)} comments")
        if each.merge_sha is not None:
            problems += self._wrong_apply(each.merge_sha, comments)
        state = self.story.state(each.root_module, "staging").get("terraform_data.net")
        size = None if state is None else state[0]["input"]["value"]["size"]
        if each.kind in _MERGED and size != each.size:
            problems.append(f"staging has the size {size}, not {each.size}")
        if each.kind in ("broken", "left open") and state is not None:
            problems.append("it was applied")
        return problems

    def _wrong_apply(self, merge_sha: str, comments: list[str]) -> list[str]:
        applies = self.story.check_runs(merge_sha, "planward/apply (staging)")
        ends = [(check["conclusion"], check["output"]["title"]) for check in applies]
        if len(ends) != 1:
            return [f"applies: {ends}"]
        [(conclusion, title)] = ends
        if conclusion == "cancelled" and title.startswith("contained in "):
            return [] if any("contained in" in comment for comment in comments) else [f"comment: {comments}"]
        return [] if conclusion == "success" else [f"applies: {ends}"]

    def _unfinished(self) -> list[str]:
        with self.story.github.world.lock:
            runs = list(self.story.repository.check_runs)
        return [f"{run.name} on {run.head_sha[:7]} is {run.status}" for run in runs if run.status != "completed"]

    def _applied(self) -> list[str]:
        """The merges that an apply of their own applied: those whose check run does not say "contained in" another."""
        merges = [each.merge_sha for each in self.proposed if each.merge_sha is not None]
        name = "planward/apply (staging)"
        return [sha for sha in merges if self.story.check_runs(sha, name)[-1]["conclusion"] == "success"]

    def _wrong_deployments(self) -> list[str]:
        problems: list[str] = []
        deployments = self.story.deployments("staging")
        if sorted(each["sha"] for each in deployments) != sorted(self._applied()):
            problems.append(f"deployments of {[each['sha'][:7] for each in deployments]}")
        for each in deployments:
            if each["states"] not in (_APPLIED, [*_APPLIED, "inactive"]):
                problems.append(f"the deployment of {each['sha'][:7]}: {each['states']}")
        return problems

    def _wrong_chat(self) -> list[str]:
        messages = [text for text in self._chat.said if self.story.name in text]
        return [] if len(messages) == len(self._applied()) else [f"messages in chat: {messages}"]


def _without_repeats(conclusions: list[str]) -> list[str]:
    """The conclusions without "cancelled", except for the newest, and with each repeated conclusion only once.

    If the base moves several times within a moment, a pull request may be planned again for each of these moves.
    """
    *older, newest = conclusions
    ended = [*(each for each in older if each != "cancelled"), newest]
    return [each for each, before in zip(ended, [None, *ended], strict=False) if each != before]
