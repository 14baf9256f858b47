"""Read a run's masked log for its page: the end of each root run's log, and where the live log continues."""

from dataclasses import dataclass

from ghapp.store import Store
from ghapp.values import RunId

_MOST_LINES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfLog:
    """The log of one root run: its last lines, and the number of omitted lines before them."""

    part: str
    text: str
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLog:
    """The parts in the order of their start. `position` is the position of the last piece of the log."""

    parts: tuple[PartOfLog, ...]
    position: int


async def read_shown_log(store: Store, id: RunId) -> ShownLog:
    """Read the log so far."""
    pieces = await store.runs.read_log(id)
    texts: dict[str, list[str]] = {}
    for _, part, text in pieces:
        texts.setdefault(part, []).extend(text.split("\n"))
    parts = (
        PartOfLog(part=part, text="\n".join(lines[-_MOST_LINES:]), left_out=max(0, len(lines) - _MOST_LINES))
        for part, lines in texts.items()
    )
    return ShownLog(parts=tuple(parts), position=pieces[-1][0] if pieces else 0)
