"""Rows of the benchmarks' table: a figure, its baseline and its aim."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement; `what` names it, and `ratio` is the figure divided by the baseline."""

    what: str
    figure: str
    baseline: str = ""
    ratio: float | None = None
    aim: str = ""
    reached: bool | None = None


def render(rows: Sequence[Row]) -> str:
    """Render the table in Markdown."""
    lines = ["| what | figure | baseline | ratio | aim | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        verdict = {None: "", True: "reached", False: "missed"}[row.reached]
        lines.append(f"| {row.what} | {row.figure} | {row.baseline} | {ratio} | {row.aim} | {verdict} |")
    return "\n".join(lines)


def in_turn(
    what: str, ours: Sequence[float], bare: Sequence[float], *, aim: float, than: str = "a shell script"
) -> Row:
    """Compare the medians of Planward's times and of a baseline's, which were measured in turn."""
    ratio = statistics.median(ours) / statistics.median(bare)
    return Row(
        what=what,
        figure=f"{statistics.median(ours):.2f} s",
        baseline=f"{statistics.median(bare):.2f} s, {than}",
        ratio=ratio,
        aim=f"ratio {aim}",
        reached=ratio <= aim,
    )


def p50_and_p99(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    return statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
