"""A row of the benchmarks' table: a figure beside its baseline, and the aim."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured; `ratio` is the figure divided by the baseline's."""

    what: str
    figure: str
    baseline: str = ""
    ratio: float | None = None
    aim: str = ""
    reached: bool | None = None


def render(rows: Sequence[Row]) -> str:
    """The table in Markdown."""
    lines = ["| what | figure | baseline | ratio | aim | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        verdict = {None: "", True: "reached", False: "missed"}[row.reached]
        lines.append(f"| {row.what} | {row.figure} | {row.baseline} | {ratio} | {row.aim} | {verdict} |")
    return "\n".join(lines)
