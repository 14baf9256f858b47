"""A run's report as Markdown, within GitHub's limits."""

from collections.abc import Mapping, Sequence

from checks.annotations import annotate
from checks.escape import address_of_file, code, fence, is_web_address, prose
from checks.report import CheckRunOutput, RootReport, RunReport

LIMIT_BYTES = 65_535
"""GitHub's limit of `summary`, of `text` and of a comment; the unit is not documented, so bytes to be safe."""
_LEFT_OUT_BYTES = 400


def render_check_run(
    report: RunReport, *, changed_lines: Mapping[str, Sequence[range]] | None = None
) -> CheckRunOutput:
    """Render a run for the `output` of its check run; nothing in it is longer than GitHub takes.

    `changed_lines` are the lines of the diff by path: annotations on them come first, since GitHub shows only those
    beside the code.
    """
    summary = _fit([*_head(report), _table(report)], LIMIT_BYTES, report)
    text = _fit(
        [block for root in (*report.roots, *report.previews) for block in _details(root, report)], LIMIT_BYTES, report
    )
    return CheckRunOutput(
        title=report.title,
        summary=summary,
        text=text or None,
        annotations=annotate(report, changed_lines=changed_lines),
    )


def render_comment(report: RunReport) -> str:
    """Render a run as one comment on its pull request, at most 65,535 bytes."""
    blocks = [f"### {prose(report.title)}", *_head(report), _table(report)]
    return _fit([*blocks, *(b for root in report.roots for b in _details(root, report))], LIMIT_BYTES, report)


def _head(report: RunReport) -> list[str]:
    blocks = [prose(report.title if report.conclusion == "success" else report.cause or report.first_cause)]
    blocks += [prose(note) for note in report.notes]
    if report.paste:
        blocks.append(fence(report.paste))
    return blocks


def _table(report: RunReport) -> str:
    roots = (*report.roots, *report.previews)
    if not roots:
        return ""
    rows = ["| root module | environment | |", "| --- | --- | --- |"]
    for root in roots:
        words = root.counts.words() if root.went_well else root.cause or root.outcome
        rows.append(f"| {code(root.root_module)} | {code(root.environment)} | {prose(words)[:2000]} |")
    return "\n".join(rows)


def _details(root: RootReport, report: RunReport) -> list[str]:
    blocks = []
    for diagnostic in root.diagnostics:
        place = ""
        if diagnostic.path and report.blob_url and is_web_address(report.blob_url):
            url = address_of_file(report.blob_url, diagnostic.path, diagnostic.start_line, diagnostic.end_line)
            place = f" ([{code(diagnostic.path)}]({url}))"
        blocks.append(f"**{diagnostic.severity.title()}**: {prose(diagnostic.summary)}{place}")
        if diagnostic.detail:
            blocks.append(fence(diagnostic.detail))
    return blocks


def _fit(blocks: Sequence[str], limit: int, report: RunReport) -> str:
    kept: list[str] = []
    size = 0
    for block in filter(None, blocks):
        size += len(block.encode()) + 2
        if size > limit - _LEFT_OUT_BYTES:
            kept.append("More was left out here.")
            break
        kept.append(block)
    return "\n\n".join(kept)
