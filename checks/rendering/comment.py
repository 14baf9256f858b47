"""Render the comment on a pull request about its applies: counts, dangers and links are visible, the rest folded."""

from collections.abc import Iterator, Sequence

from checks.plain_text import one_line
from checks.rendering.dangers import dangers
from checks.rendering.escape import code, is_web_address, prose
from checks.rendering.fit import Piece, size_bytes
from checks.rendering.headline import first_line
from checks.rendering.markdown import LIMIT_BYTES, fitted
from checks.rendering.markdown_change import fold
from checks.rendering.markdown_details import details
from checks.rendering.markdown_summary import changes_and_table, errors, head_pieces, results
from checks.rendering.openings import Openings
from checks.rendering.order import parts_of
from checks.report import RootReport, RunReport

_NAMED = 5
_SHORT_SHA = 7
_FOLD_BYTES = 100


def render_comment(*reports: RunReport) -> str:
    """Render the applies of one pull request as one comment of at most 65,535 bytes, in the given order."""
    parts: list[str] = []
    left = LIMIT_BYTES
    for number, report in enumerate(reports):
        share = left // (len(reports) - number) - _FOLD_BYTES
        seen = fitted([*_visible_pieces(report)], report, share)
        rest = fitted([*_folded_pieces(report)], report, share - size_bytes(seen))
        folded = [fold("Every change", rest)] if rest else []
        text = "\n\n".join([seen, *folded])
        left -= size_bytes(text) + 2
        parts.append(text)
    return "\n\n".join(parts)


def _visible_pieces(report: RunReport) -> Iterator[Piece]:
    [part] = parts_of(report)
    yield Piece(short=f"### {prose(report.title)}")
    line = one_line(first_line(report))
    yield from head_pieces(report, None if line.replace("`", "").strip() == report.title else line)
    yield from errors([part], report)
    yield from (piece for root in part.roots for piece in results(root, part))
    yield from _danger_lines(part.roots)
    if links := " · ".join(_links(report)):
        yield Piece(short=links)


def _danger_lines(roots: Sequence[RootReport]) -> Iterator[Piece]:
    """One line for each list of dangerous changes, naming the first five and counting the others."""
    for found in dangers(roots):
        sign = "⚠️ " if found.entries[0].change.section in ("destroy", "replace") else ""
        names = [f"{code(each.change.symbol)} {code(each.change.address)}" for each in found.entries[:_NAMED]]
        more = len(found.entries) - _NAMED
        rest = f" and {more:,} more" if more > 0 else ""
        yield Piece(short=f"{sign}**{found.heading}**: {', '.join(names)}{rest}", counts_as="dangerous changes")


def _links(report: RunReport) -> Iterator[str]:
    if report.run_url and is_web_address(report.run_url):
        yield f"[Run and log]({report.run_url})"
    if report.blob_url and is_web_address(report.blob_url):
        url = report.blob_url.replace("/blob/", "/commit/")
        yield f"[Commit {report.commit_sha[:_SHORT_SHA]}]({url})"


def _folded_pieces(report: RunReport) -> Iterator[Piece]:
    if report.roots:
        yield from changes_and_table(report, Openings.none())
        for pieces in details(report, Openings.none()):
            yield from pieces
