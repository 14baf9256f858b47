"""The details: every change that the summary does not show, with its diff; by root module, the worst first."""

from collections.abc import Iterator, Sequence
from functools import partial

from checks.rendering.dangers import Dangers, dangers, left_for_details
from checks.rendering.escape import code, html_prose, prose
from checks.rendering.fit import Piece
from checks.rendering.lines import (
    Line,
    estimated_bytes,
    is_deferred,
    lines_of_attributes,
    lines_of_invocation,
    words_of_invocation,
)
from checks.rendering.markdown_change import LEFT_OUT, change_piece, diff_fence, fold
from checks.rendering.markdown_summary import diagnostic_block, safe_blob_url, where
from checks.rendering.openings import Openings
from checks.rendering.order import EnvironmentPart, parts_of
from checks.rendering.titles import (
    CHECKS_TITLE,
    DEFERRED_ACTIONS_TITLE,
    DEFERRED_TITLE,
    DRIFT_TITLE,
    INVOCATIONS_TITLE,
    title_of,
    undeclared_keys,
    undeclared_title,
    words_of_root,
)
from checks.report import RootReport, RunReport
from checks.report.change_report import SECTIONS, ChangeReport

_RANKS = {section: 2 * number for number, section in enumerate(SECTIONS)}
_CHECKS, _DEFERRED, _OUTPUTS, _WARNINGS, _DRIFT = 1, 6, 7, 11, 15
_MOST_MESSAGES = 5


def details(report: RunReport, openings: Openings) -> list[list[Piece]]:
    """The pieces of the details, in a list for each environment."""
    first, *others = (list(_part(part, report, openings)) for part in parts_of(report))
    return [[*first, *_undeclared(report)], *others]


def _undeclared(report: RunReport) -> Iterator[Piece]:
    """One line for the whole report, which lists the keys when it is opened."""
    found = undeclared_keys(report.all_roots)
    if found:
        lines = (f"- {code(name)}: {', '.join(map(code, keys))}" for name, keys in found.items())
        yield Piece(
            short=fold(undeclared_title(found), "\n".join(lines)),
            rank=_WARNINGS,
            counts_as="lists of Vault keys",
        )


def _part(part: EnvironmentPart, report: RunReport, openings: Openings) -> Iterator[Piece]:
    shown = dangers(part.roots)
    for root in part.roots:
        yield from _root(root, part, report, shown, openings)


def _root(
    root: RootReport,
    part: EnvironmentPart,
    report: RunReport,
    shown: tuple[Dangers, ...],
    openings: Openings,
) -> Iterator[Piece]:
    named = not part.is_plain or part.follows
    above = (f"### {where(root, part)}: {prose(words_of_root(root))}",) if named else ()
    blob_url = safe_blob_url(report)
    changes, deferred = left_for_details(root, shown)
    yield from _checks(root, above)
    for section in SECTIONS:
        heading = (*above, f"#### {title_of(section, root)}")
        for change in changes:
            if change.section == section:
                yield _change(change, heading, _RANKS[section], blob_url, openings)
        if section == "add" and root.outputs:
            yield _outputs(root, (*above, "#### Outputs"))
        if section == "read":
            yield from _invocations(root, above, openings)
    for change in deferred:
        heading = (*above, f"#### {DEFERRED_TITLE}")
        yield _change(change, heading, _DEFERRED, blob_url, Openings.none(), counts_as="deferred")
    for diagnostic in root.diagnostics:
        if diagnostic.severity == "warning":
            block = diagnostic_block(diagnostic, "", blob_url)
            yield Piece(short=block, rank=_WARNINGS, headings=(*above, "#### Warnings"), counts_as="warnings")
    for warning in root.warnings:
        heading = (*above, "#### Warnings")
        yield Piece(short=f"- {prose(warning)}", row=True, rank=_WARNINGS, headings=heading, counts_as="warnings")
    for change in root.drift:
        heading = (*above, f"#### {DRIFT_TITLE}")
        yield _change(change, heading, _DRIFT, blob_url, Openings.none(), counts_as="drifted")


def _change(
    change: ChangeReport,
    headings: tuple[str, ...],
    rank: int,
    blob_url: str | None,
    openings: Openings,
    counts_as: str = "",
) -> Piece:
    counts_as = counts_as or LEFT_OUT[change.section]
    return change_piece(change, blob_url, openings, headings=headings, rank=rank, counts_as=counts_as)


def _length(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _invocations(root: RootReport, above: tuple[str, ...], openings: Openings) -> Iterator[Piece]:
    for invocation in root.invocations:
        heading = (*above, f"#### {DEFERRED_ACTIONS_TITLE if is_deferred(invocation) else INVOCATIONS_TITLE}")
        words, lines = words_of_invocation(invocation), lines_of_invocation(invocation)
        is_open = bool(lines) and openings.take_lines(len(lines))
        yield Piece(
            short=f"- {prose(words)}",
            full=partial(fold, html_prose(words), diff_fence(lines), is_open=is_open) if lines else None,
            full_bytes=partial(_length, lines),
            rank=_OUTPUTS,
            row=True,
            headings=heading,
            counts_as="actions",
        )


def _outputs(root: RootReport, headings: tuple[str, ...]) -> Piece:
    return Piece(
        short=f"- {len(root.outputs)} values change, not shown",
        full=lambda: diff_fence(lines_of_attributes(root.outputs)),
        full_bytes=partial(estimated_bytes, root.outputs),
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
