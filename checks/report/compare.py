"""Compare two sequences: exactly where that is cheap, approximately otherwise."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from checks.sensitive.encoded import Decoded, decode

MOST_DECODED = 20_000_000
"""The limit for the decoded texts of one report, in characters. After that, texts are shown encoded."""
MOST_PAIRS = 40_000_000
"""The most pairs of lines or items that are compared for one report. After that, both sides are shown in full."""
_MOST_PAIRS_AT_ONCE = 4_000_000


class Span(NamedTuple):
    """`new[new_start:new_end]` replaces `old[old_start:old_end]`; if `equal`, they are the same."""

    equal: bool
    old_start: int
    old_end: int
    new_start: int
    new_end: int


class Effort:
    """The remaining budget for comparisons: a hostile plan must not keep a process busy for hours."""

    __slots__ = ("_characters", "_left")

    def __init__(self, pairs: int = MOST_PAIRS, characters: int = MOST_DECODED) -> None:
        self._left, self._characters = pairs, characters

    def decode(self, text: str) -> Decoded | None:
        """The content of an encoded text, as long as the budget lasts."""
        decoded = decode(text) if self._characters > 0 else None
        self._characters -= len(decoded.text) if decoded else 0
        return decoded

    def spend(self, pairs: int) -> bool:
        """Whether that many pairs may be compared."""
        if pairs > self._left:
            return False
        self._left -= pairs
        return True


def compare(
    old: Sequence[Hashable], new: Sequence[Hashable], effort: Effort, *, fewest_moves: bool = False
) -> list[Span]:
    """Cut both sequences into equal and different spans.

    `fewest_moves` is for mostly unique items: as many of them as possible keep their position, however short the
    spans become.
    """
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - start
    end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    old_end, new_end = len(old) - end, len(new) - end
    anchors = fewest_moves or (old_end - start) * (new_end - start) > _MOST_PAIRS_AT_ONCE
    spans = [Span(True, 0, start, 0, start)] if start else []
    spans += _spans(old, new, Span(False, start, old_end, start, new_end), effort, anchored=not anchors)
    return [*spans, Span(True, old_end, len(old), new_end, len(new))] if end else spans


def longest_rising(numbers: Sequence[int]) -> list[int]:
    """The positions of the longest ascending subsequence: all other items have moved."""
    tails: list[int] = []
    at_tail: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(tails, number)
        before.append(at_tail[length - 1] if length else -1)
        if length == len(tails):
            tails.append(number)
            at_tail.append(place)
        else:
            tails[length], at_tail[length] = number, place
    found: list[int] = []
    place = at_tail[-1] if at_tail else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]


def _spans(
    old: Sequence[Hashable], new: Sequence[Hashable], within: Span, effort: Effort, *, anchored: bool
) -> Iterator[Span]:
    """Cut one span further: if `anchored`, by comparing all pairs while the budget lasts; otherwise at its anchors.

    `anchored`: whether the span is small, or lies between anchors, so that no anchors are needed.
    """
    _, old_start, old_end, new_start, new_end = within
    pairs = (old_end - old_start) * (new_end - new_start)
    if old_start == old_end and new_start == new_end:
        return
    if not pairs:
        yield within
    elif not anchored:
        yield from _between_anchors(old, new, within, effort)
    elif pairs <= _MOST_PAIRS_AT_ONCE and effort.spend(pairs):
        matcher = SequenceMatcher(None, old[old_start:old_end], new[new_start:new_end], autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            yield Span(tag == "equal", old_start + i1, old_start + i2, new_start + j1, new_start + j2)
    else:
        yield within


def _between_anchors(old: Sequence[Hashable], new: Sequence[Hashable], within: Span, effort: Effort) -> Iterator[Span]:
    """Cut a span at its anchors: the items that are unique in both sequences, and whose order is the same in both."""
    _, old_at, old_end, new_at, new_end = within
    once = Counter(old[old_at:old_end])
    places = {item: place for place, item in enumerate(old[old_at:old_end], old_at) if once[item] == 1}
    once = Counter(new[new_at:new_end])
    shared = [(places[item], place) for place, item in enumerate(new[new_at:new_end], new_at)
              if once[item] == 1 and item in places]  # fmt: skip
    for number in longest_rising([old_place for old_place, _ in shared]):
        old_place, new_place = shared[number]
        if (old_at, new_at) != (old_place, new_place):
            gap = Span(False, old_at, old_place, new_at, new_place)
            yield from _spans(old, new, gap, effort, anchored=True)
        yield Span(True, old_place, old_place + 1, new_place, new_place + 1)
        old_at, new_at = old_place + 1, new_place + 1
    yield from _spans(old, new, Span(False, old_at, old_end, new_at, new_end), effort, anchored=True)
