"""Fit a text into a limit: whole pieces are replaced by their short form, or left out and counted; none is cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

GAP_BYTES = 2
"""Two line feeds."""


class Piece(Struct, frozen=True, kw_only=True):
    """A part of a text that is shown in its long form, in its short form, or not at all.

    `short` is a separate Markdown block; with `row` it continues the previous one after a single line feed. If there
    may be thousands of pieces, `short` is a function, so that texts for which there is no room are never made. `full`
    makes the long form, whose approximate length is `full_bytes`. Pieces with the highest `rank` are left out first.
    `headings` precede the first kept piece that has them. A left-out piece counts as `size` under the name `counts_as`.
    """

    short: str | Callable[[], str]
    full: Callable[[], str] | None = None
    full_bytes: Callable[[], int] = int
    rank: int = 0
    row: bool = False
    headings: tuple[str, ...] = ()
    counts_as: str = ""
    size: int = 1

    def shortest(self) -> str:
        """The short form as text."""
        return self.short if isinstance(self.short, str) else self.short()


@dataclass(slots=True, kw_only=True)
class LeftOut:
    """The omissions in a text: how many pieces are in short form, and how many of each kind are missing."""

    shortened: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.shortened or self.dropped)

    def words(self) -> str:
        """The omissions as text."""
        parts = [f"the details of {self.shortened:,} changes"] if self.shortened else []
        parts += [f"{number:,} {kind}".strip() for kind, number in self.dropped.items()]
        return ", ".join(parts)


def fit(pieces: Sequence[Piece], limit_bytes: int, *, ending: Callable[[LeftOut], str]) -> str:
    """The pieces as one text of at most `limit_bytes` in UTF-8; `ending` describes the omissions, if there are any.

    First the longest pieces are shortened. Then the pieces of the highest rank are left out, the last ones first.
    """
    longest_ending = size_bytes(ending(_all_left_out(pieces))) + GAP_BYTES
    for room in (limit_bytes, limit_bytes - longest_ending):
        texts = _keep(pieces, room)
        long: frozenset[int] = frozenset()
        if None not in texts:
            long = _lengthen(pieces, texts, room)
        left_out = _count_left_out(pieces, texts, long)
        if not left_out:
            return _join(pieces, texts, long)
    text = f"{_join(pieces, texts, long)}\n\n{ending(left_out)}".strip("\n")
    return text if size_bytes(text) <= limit_bytes else ""


def size_bytes(text: str) -> int:
    """The length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _keep(pieces: Sequence[Piece], room: int) -> list[str | None]:
    """The short form of each kept piece, None for the others. Pieces are kept by rank until one does not fit."""
    texts: list[str | None] = [None] * len(pieces)
    seen: set[tuple[str, ...]] = set()
    for index in sorted(range(len(pieces)), key=lambda index: (pieces[index].rank, index)):
        text = pieces[index].shortest()
        room -= size_bytes(text) + GAP_BYTES
        for headings in _prefixes(pieces[index].headings):
            if headings not in seen:
                seen.add(headings)
                room -= size_bytes(headings[-1]) + GAP_BYTES
        if room < 0:
            break
        texts[index] = text
    return texts


def _lengthen(pieces: Sequence[Piece], texts: list[str | None], room: int) -> frozenset[int]:
    """Replace short forms in `texts` by long ones, the smallest first, as long as there is room.

    Returns the positions of the pieces that are now in long form.
    """
    long: set[int] = set()
    headings = {prefix for piece in pieces for prefix in _prefixes(piece.headings)}
    room -= sum(size_bytes(text or "") + GAP_BYTES for text in (*texts, *(prefix[-1] for prefix in headings)))
    longer = [(piece.full_bytes(), index, piece.full) for index, piece in enumerate(pieces) if piece.full is not None]
    for _, index, full in sorted(longer, key=lambda entry: entry[:2]):
        text = full()
        room -= size_bytes(text) - size_bytes(texts[index] or "")
        if room < 0:
            break
        texts[index] = text
        long.add(index)
    return frozenset(long)


def _all_left_out(pieces: Sequence[Piece]) -> LeftOut:
    """The omissions if everything were left out: no other omissions have a longer description."""
    left_out = _count_left_out(pieces, [None] * len(pieces), frozenset())
    left_out.shortened = len(pieces)
    return left_out


def _count_left_out(pieces: Sequence[Piece], texts: Sequence[str | None], long: frozenset[int]) -> LeftOut:
    left_out = LeftOut()
    for index, (piece, text) in enumerate(zip(pieces, texts, strict=True)):
        if text is None:
            left_out.dropped[piece.counts_as] = left_out.dropped.get(piece.counts_as, 0) + piece.size
        elif piece.full is not None and index not in long:
            left_out.shortened += 1
    return left_out


def _join(pieces: Sequence[Piece], texts: Sequence[str | None], long: frozenset[int]) -> str:
    parts: list[str] = []
    last: tuple[str, ...] = ()
    continues = False
    for index, (piece, text) in enumerate(zip(pieces, texts, strict=True)):
        if text is None:
            continue
        common = next(
            (at for at, pair in enumerate(zip(last, piece.headings, strict=False)) if pair[0] != pair[1]),
            min(len(last), len(piece.headings)),
        )
        for heading in piece.headings[common:]:
            parts += ["\n\n", heading]
        same_table = piece.row and (continues or common < len(piece.headings)) and index not in long
        parts += ["\n" if same_table else "\n\n", text]
        last, continues = piece.headings, piece.row and index not in long
    return "".join(parts).strip("\n")


def _prefixes(headings: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [headings[:depth] for depth in range(1, len(headings) + 1)]
