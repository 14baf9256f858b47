"""Every change with its diff, root module by root module, the most dangerous first."""

from collections.abc import Iterator
from functools import partial

from checks.rendering.escape import code, prose
from checks.rendering.fit import Piece
from checks.rendering.lines import estimated_bytes, lines_of_attributes, lines_of_change
from checks.rendering.markdown_change import OPEN_LINES, change_fold, change_line, diff_fence
from checks.rendering.markdown_summary import diagnostic_block, is_plain, safe_blob_url, where
from checks.rendering.order import by_danger
from checks.rendering.titles import CHECKS_TITLE, DRIFT_TITLE, INVOCATIONS_TITLE, TITLES, words_of_root
from checks.report import RootReport, RunReport
from checks.report.change_report import SECTIONS, ChangeReport, Section

_RANKS = {section: 2 * number for number, section in enumerate(SECTIONS)}
_OUTPUTS, _CHECKS, _WARNINGS, _DRIFT = 7, 1, 11, 15
_OPEN_IN_ALL = 200
_MOST_MESSAGES = 5
_CLOSED = frozenset({"tags", "read"})

_LEFT_OUT: dict[Section, str] = {
    "destroy": "to destroy",
    "replace": "to replace",
    "change": "to change",
    "add": "to add",
    "read": "to read",
    "tags": "with new tags",
    "state": "in the state alone",
}


def details(report: RunReport, *, may_open: bool = True) -> list[Piece]:
    """The pieces of the details. `may_open` is whether short diffs stand open."""
    openings = _Openings(_OPEN_IN_ALL if may_open else 0)
    return [piece for root in by_danger(report) for piece in _root(root, report, openings)]


class _Openings:
    """How many lines may still stand open: a report in which all is open is as long as Terraform's own."""

    def __init__(self, lines: int) -> None:
        self._left = lines

    def take(self, change: ChangeReport) -> bool:
        if not self._left or len(change.attributes) > OPEN_LINES:
            return False
        lines = len(lines_of_change(change))
        if lines > min(OPEN_LINES, self._left):
            return False
        self._left -= lines
        return True


def _root(root: RootReport, report: RunReport, openings: _Openings) -> Iterator[Piece]:
    above = () if is_plain(report) else (f"### {where(root, report)}: {prose(words_of_root(root))}",)
    blob_url = safe_blob_url(report)
    yield from _checks(root, above)
    for section in SECTIONS:
        heading = (*above, f"#### {TITLES[section]}")
        for change in root.changes:
            if change.section == section:
                yield _change(change, heading, _RANKS[section], blob_url, openings)
        if section == "add" and root.outputs:
            yield _outputs(root, (*above, "#### Outputs"))
    for invocation in root.invocations:
        heading = (*above, f"#### {INVOCATIONS_TITLE}")
        yield Piece(short=f"- {prose(invocation)}", row=True, rank=_OUTPUTS, headings=heading, counts_as="actions")
    for diagnostic in root.diagnostics:
        if diagnostic.severity == "warning":
            block = diagnostic_block(diagnostic, "", blob_url)
            yield Piece(short=block, rank=_WARNINGS, headings=(*above, "#### Warnings"), counts_as="warnings")
    for warning in root.warnings:
        heading = (*above, "#### Warnings")
        yield Piece(short=f"- {prose(warning)}", row=True, rank=_WARNINGS, headings=heading, counts_as="warnings")
    for change in root.drift:
        heading = (*above, f"#### {DRIFT_TITLE}")
        yield _change(change, heading, _DRIFT, blob_url, _Openings(0), counts_as="drifted")


def _change(
    change: ChangeReport,
    headings: tuple[str, ...],
    rank: int,
    blob_url: str | None,
    openings: _Openings,
    counts_as: str = "",
) -> Piece:
    has_body = bool(change.attributes or change.several_blocks or change.left_out)
    is_open = has_body and change.section not in _CLOSED and openings.take(change)
    return Piece(
        short=f"- {change_line(change, blob_url)}",
        full=partial(change_fold, change, blob_url, is_open=is_open) if has_body else None,
        full_bytes=estimated_bytes(change.attributes),
        rank=rank,
        row=True,
        headings=headings,
        counts_as=counts_as or _LEFT_OUT[change.section],
        size=change.size,
    )


def _outputs(root: RootReport, headings: tuple[str, ...]) -> Piece:
    return Piece(
        short=f"- {len(root.outputs)} values change",
        full=lambda: diff_fence(lines_of_attributes(root.outputs)),
        full_bytes=estimated_bytes(root.outputs),
        rank=_OUTPUTS,
        row=True,
        headings=headings,
        counts_as="values of outputs",
        size=len(root.outputs),
    )


def _checks(root: RootReport, above: tuple[str, ...]) -> Iterator[Piece]:
    heading = (*above, f"#### {CHECKS_TITLE}")
    for check in root.checks:
        messages = "".join(f"\n  - {prose(message)}" for message in check.messages[:_MOST_MESSAGES])
        line = f"- {code(check.address)}: **{prose(check.status)}**{messages}"
        yield Piece(
            short=line,
            rank=_CHECKS,
            row=True,
            headings=heading,
            counts_as="checks",
        )
