"""Making a text fit a limit by stages: nothing is cut, whole pieces become shorter or are left out and counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_GAP_BYTES = 2  # two line feeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a text that is shown whole, in its short form, or not at all.

    `short` is a Markdown block of its own, unless `row` says that it continues the one before by a single line feed.
    `full` makes the long form. `rank` says how soon it is left out: the highest first. `headings` stand before the
    first piece that is kept among those which have them. `counts_as` is what is said where it is left out.
    """

    short: str
    full: Callable[[], str] | None = None
    full_bytes: int = 0
    rank: int = 0
    row: bool = False
    headings: tuple[str, ...] = ()
    counts_as: str = ""
    size: int = 1


@dataclass(slots=True, kw_only=True)
class LeftOut:
    """What a text does not show: how many pieces only in short, and how many of each kind not at all."""

    shortened: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.shortened or self.dropped)

    def words(self) -> str:
        """What was left out, in words."""
        parts = [f"the details of {self.shortened:,} changes"] if self.shortened else []
        parts += [f"{number:,} {kind}".strip() for kind, number in self.dropped.items()]
        return ", ".join(parts)


def fit(pieces: Sequence[Piece], limit_bytes: int, *, ending: Callable[[LeftOut], str]) -> str:
    """The pieces as one text of at most `limit_bytes` in UTF-8; `ending` says what was left out, if anything was.

    First the longest full forms become short, then the pieces of the highest rank go, from the last to the first.
    """
    longest_ending = size_bytes(ending(_everything(pieces))) + _GAP_BYTES
    for room in (limit_bytes, limit_bytes - longest_ending):
        kept = _keep(pieces, room)
        texts = _lengthen(pieces, room) if all(kept) else [piece.short for piece in pieces]
        left_out = _left_out(pieces, kept, texts)
        if not left_out:
            return _joined(pieces, kept, texts)
    text = f"{_joined(pieces, kept, texts)}\n\n{ending(left_out)}".strip("\n")
    return text if size_bytes(text) <= limit_bytes else ""


def size_bytes(text: str) -> int:
    """The length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _keep(pieces: Sequence[Piece], room: int) -> list[bool]:
    """Which pieces stay, be it in short: the lowest ranks first, until the first that does not fit."""
    kept = [False] * len(pieces)
    seen: set[tuple[str, ...]] = set()
    for index in sorted(range(len(pieces)), key=lambda index: (pieces[index].rank, index)):
        room -= size_bytes(pieces[index].short) + _GAP_BYTES
        for headings in _prefixes(pieces[index].headings):
            if headings not in seen:
                seen.add(headings)
                room -= size_bytes(headings[-1]) + _GAP_BYTES
        if room < 0:
            break
        kept[index] = True
    return kept


def _lengthen(pieces: Sequence[Piece], room: int) -> list[str]:
    """Every piece's text: full forms from the smallest on while there is room, so that the largest shrink first."""
    texts = [piece.short for piece in pieces]
    headings = {prefix for piece in pieces for prefix in _prefixes(piece.headings)}
    room -= sum(size_bytes(text) + _GAP_BYTES for text in (*texts, *(prefix[-1] for prefix in headings)))
    longer = [(piece.full_bytes, index, piece.full) for index, piece in enumerate(pieces) if piece.full is not None]
    for _, index, full in sorted(longer, key=lambda entry: entry[:2]):
        text = full()
        room -= size_bytes(text) - size_bytes(texts[index])
        if room < 0:
            break
        texts[index] = text
    return texts


def _everything(pieces: Sequence[Piece]) -> LeftOut:
    """What would be said if nothing were shown: nothing longer is ever said."""
    left_out = _left_out(pieces, [False] * len(pieces), [""] * len(pieces))
    left_out.shortened = len(pieces)
    return left_out


def _left_out(pieces: Sequence[Piece], kept: Sequence[bool], texts: Sequence[str]) -> LeftOut:
    left_out = LeftOut()
    for piece, is_kept, text in zip(pieces, kept, texts, strict=True):
        if not is_kept:
            left_out.dropped[piece.counts_as] = left_out.dropped.get(piece.counts_as, 0) + piece.size
        elif piece.full is not None and text is piece.short:
            left_out.shortened += 1
    return left_out


def _joined(pieces: Sequence[Piece], kept: Sequence[bool], texts: Sequence[str]) -> str:
    parts: list[str] = []
    last: tuple[str, ...] = ()
    continues = False
    for piece, is_kept, text in zip(pieces, kept, texts, strict=True):
        if not is_kept:
            continue
        common = next(
            (at for at, pair in enumerate(zip(last, piece.headings, strict=False)) if pair[0] != pair[1]),
            min(len(last), len(piece.headings)),
        )
        for heading in piece.headings[common:]:
            parts += ["\n\n", heading]
        same_table = piece.row and (continues or common < len(piece.headings)) and text is piece.short
        parts += ["\n" if same_table else "\n\n", text]
        last, continues = piece.headings, piece.row and text is piece.short
    return "".join(parts).strip("\n")


def _prefixes(headings: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [headings[:depth] for depth in range(1, len(headings) + 1)]
