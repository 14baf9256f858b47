"""A run's report as Markdown, within GitHub's limits."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from checks.rendering.annotations import ANNOTATIONS_LIMIT, all_annotations, annotate
from checks.rendering.escape import is_web_address, prose
from checks.rendering.fit import GAP_BYTES, LeftOut, Piece, fit, size_bytes
from checks.rendering.markdown_details import details
from checks.rendering.markdown_summary import summary
from checks.rendering.openings import Openings
from checks.report import CheckRunOutput, RunReport

LIMIT_BYTES = 65_535
"""GitHub's limit for `summary`, `text` and a comment. Its unit is not documented; bytes are safe."""


_TARGET_SHARE = 0.75
"""The target's share of each text, if testing needs the rest. Either may use the space that the other leaves."""
_RANK_AFTER_ALL_OTHERS = 100


def render_check_run(
    *reports: RunReport,
    changed_lines: Mapping[str, Sequence[range]] | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> CheckRunOutput:
    """Render a run for the `output` of its check run, within GitHub's limit (`limit_bytes`).

    If there are several reports, they are about pull requests with the same head. The first must be the worst one: it
    gives the title.
    `changed_lines` are the lines of the diff by path: annotations on them come first, since GitHub shows only those
    beside the code.
    """
    seen: list[list[Piece]] = []
    rest: list[list[Piece]] = []
    for report in reports:
        heading = [Piece(short=f"## Pull request {report.pull_request}")] if report.pull_request is not None else []
        openings = Openings.of(report)
        first, *others = summary(report, openings)
        others = others if len(reports) == 1 else [_ranked_last(part) for part in others]
        seen += [[*heading, *first, *_annotations_left_out(report)], *others]
        first, *others = details(report, openings)
        others = others if len(reports) == 1 else [_ranked_last(part) for part in others]
        if first or any(others):
            rest += [[*heading, *first], *others]
    annotations = tuple(
        dict.fromkeys(each for report in reports for each in annotate(report, changed_lines=changed_lines))
    )
    return CheckRunOutput(
        title=reports[0].title,
        summary=_share_space(seen, reports, limit_bytes),
        text=_share_space(rest, reports, limit_bytes) or None,
        annotations=annotations[:ANNOTATIONS_LIMIT],
    )


def render_markdown(*reports: RunReport) -> str:
    """Render runs as one document of at most 65,535 bytes, in the given order."""
    pieces: list[Piece] = []
    for report in reports:
        pieces.append(Piece(short=f"### {prose(report.title)}"))
        for part in (*summary(report, Openings.none()), *details(report, Openings.none())):
            pieces += part
    return fitted(pieces, reports[0], LIMIT_BYTES)


def _ranked_last(pieces: Sequence[Piece]) -> list[Piece]:
    return [replace(piece, rank=piece.rank + _RANK_AFTER_ALL_OTHERS) for piece in pieces]


def _share_space(parts: Sequence[Sequence[Piece]], reports: Sequence[RunReport], limit_bytes: int) -> str:
    """Put the parts of the target and of testing into one text. The target gets its share, and what testing leaves.

    If several pull requests share a head, testing gets only the space that their targets leave.
    """
    if len(parts) < 2 or len(reports) > 1:
        return fitted([piece for part in parts for piece in part], reports[0], limit_bytes)
    target, testing = parts
    of_testing = fitted(testing, reports[0], int(limit_bytes * (1 - _TARGET_SHARE)))
    of_target = fitted(target, reports[0], limit_bytes - size_bytes(of_testing) - GAP_BYTES)
    of_testing = fitted(testing, reports[0], limit_bytes - size_bytes(of_target) - GAP_BYTES)
    return "\n\n".join(filter(None, (of_target, of_testing)))


def fitted(pieces: Sequence[Piece], report: RunReport, limit_bytes: int) -> str:
    """The pieces of a report as a text within the limit, which says what was left out and where to find it."""
    return fit(pieces, limit_bytes, ending=lambda left_out: _ending(left_out, report.run_url))


def _ending(left_out: LeftOut, run_url: str | None) -> str:
    where = f" [The run's page]({run_url}) has all of it." if run_url and is_web_address(run_url) else ""
    return f"**Left out here**, since GitHub takes no more: {prose(left_out.words())}.{where}"


def _annotations_left_out(report: RunReport) -> Iterator[Piece]:
    more = len(all_annotations(report)) - ANNOTATIONS_LIMIT
    if more > 0:
        yield Piece(short=f"{more:,} more annotations are not shown beside the code.")
