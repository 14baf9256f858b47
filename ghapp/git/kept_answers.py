"""A cache of git's answers, so that a plan does not run the same query ten times.

Most answers are about objects, which never change. The others are lists of branches, each valid until the next fetch.
"""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from ghapp.processes import Exited

_MOST_BYTES = 16 * 1024 * 1024
_LARGEST_BYTES = 1024 * 1024
_ENTRY_BYTES = 1_000
"""The approximate memory of an entry, without its texts."""
_SHA = re.compile(r"[0-9a-f]{40}")

Question = tuple[Path, tuple[str, ...]]
"""The mirror and git's arguments."""


class KeptAnswers:
    """Answers of all mirrors about objects named by their full SHA. The least recently used ones are dropped first.

    An answer stays true after its mirror has been removed, but it does not mean that the objects still exist. For lists
    of branches, the question contains a stamp that changes with each fetch (`moving_refs` in mirror.py).
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Question, Exited] = OrderedDict()

    async def get(
        self,
        question: Question,
        objects: Collection[str],
        ask: Callable[[], Awaitable[Exited]],
        lasting: Collection[int],
    ) -> Exited:
        """The kept answer, or that of `ask`, which is kept if its exit code is one of `lasting`.

        `objects` are those that the answer depends on; if one of them is not a whole SHA, nothing is kept.
        """
        kept = self.find(question)
        if kept is not None:
            return kept
        answer = await ask()
        if answer.exit_code in lasting:
            self.keep(question, objects, answer)
        return answer

    def find(self, question: Question) -> Exited | None:
        """The kept answer, None if there is none."""
        kept = self._kept.get(question)
        if kept is not None:
            self._kept.move_to_end(question)
        return kept

    def keep(self, question: Question, objects: Collection[str], answer: Exited) -> None:
        """Keep an answer that depends only on these objects, unless it is large or one of them is not a whole SHA."""
        size_bytes = _size(question, answer)
        if size_bytes > _LARGEST_BYTES or question in self._kept or not all(map(_SHA.fullmatch, objects)):
            return
        self._kept[question] = answer
        self._bytes += size_bytes
        while self._bytes > self._most_bytes:
            self._bytes -= _size(*self._kept.popitem(last=False))


def _size(question: Question, answer: Exited) -> int:
    _, words = question
    return _ENTRY_BYTES + sum(map(len, words)) + len(answer.stdout)
