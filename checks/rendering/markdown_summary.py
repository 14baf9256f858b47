"""What is seen first: the cause, what to do about it, errors, what is destroyed, and a table of the root modules."""

from collections.abc import Iterator, Sequence

from checks.diagnostic import Diagnostic
from checks.plain_text import shorten
from checks.plan import Counts
from checks.rendering.escape import address_of_file, code, fence, is_web_address, prose
from checks.rendering.fit import Piece
from checks.rendering.headline import first_line
from checks.rendering.markdown_change import change_line
from checks.rendering.order import by_danger
from checks.report import NO_COUNTS, RootReport, RunReport
from checks.report.change_report import ChangeReport
from checks.report.danger import gravity
from checks.report.difference_lines import lines_of_difference
from checks.report.fold import fold_names

_ERROR, _DANGER, _CARE, _TABLE = 1, 2, 3, 4
_MOST_DETAIL = 6_000
_COLUMNS = {
    "add": "add",
    "change": "change",
    "replace": "**replace**",
    "destroy": "**destroy**",
    "import_": "import",
    "move": "move",
    "forget": "forget",
}


def summary(report: RunReport) -> Iterator[Piece]:
    """The pieces of the summary, in the order in which they are read."""
    yield Piece(short=prose(first_line(report)))
    for note in report.notes:
        yield Piece(short=prose(note))
    if report.paste:
        yield Piece(short=fence(report.paste))
    for diagnostic in report.diagnostics:
        yield Piece(short=diagnostic_block(diagnostic, "", safe_blob_url(report)), rank=_ERROR, counts_as="errors")
    roots = by_danger(report)
    for root in roots:
        yield from _errors(root, report)
    for root in roots:
        yield from _difference(root, report)
    yield from _dangers(roots, report)
    for root in roots:
        yield from _cares(root, report)
    yield from _table(roots, report)


def is_plain(report: RunReport) -> bool:
    """Whether there is one root module only, so that nothing need say which is meant."""
    return len(report.roots) + len(report.previews) == 1


def where(root: RootReport, report: RunReport) -> str:
    """Which root module, and in which environment where there are several."""
    environment = f" in {code(root.environment)}" if report.previews else ""
    return f"{code(root.root_module)}{environment}"


def diagnostic_block(diagnostic: Diagnostic, place: str, blob_url: str | None) -> str:
    """A diagnostic as a line with its place, and a fence with what Terraform says."""
    at = ""
    if diagnostic.path is not None:
        name = diagnostic.path if diagnostic.start_line is None else f"{diagnostic.path}:{diagnostic.start_line}"
        at = f" · {code(name)}"
        if blob_url is not None:
            url = address_of_file(blob_url, diagnostic.path, diagnostic.start_line, diagnostic.end_line)
            at = f" · [{code(name)}]({url})"
    address = f" · {code(diagnostic.address)}" if diagnostic.address else ""
    head = f"**{diagnostic.severity.title()}**: {prose(diagnostic.summary)}{at}{address}{place}"
    body = "\n\n".join(part.strip("\n") for part in (diagnostic.snippet, diagnostic.detail) if part and part.strip())
    if not body:
        return head
    return f"{head}\n\n{fence(body if len(body) <= _MOST_DETAIL else f'{body[:_MOST_DETAIL]}…')}"


def _errors(root: RootReport, report: RunReport) -> Iterator[Piece]:
    place = "" if is_plain(report) else f" · {where(root, report)}"
    for diagnostic in root.diagnostics:
        if diagnostic.severity == "error":
            block = diagnostic_block(diagnostic, place, safe_blob_url(report))
            yield Piece(short=block, rank=_ERROR, counts_as="errors")


def _difference(root: RootReport, report: RunReport) -> Iterator[Piece]:
    if root.difference is None:
        return
    place = "" if is_plain(report) else f"{where(root, report)}: "
    first, *rest = map(prose, lines_of_difference(root.difference))
    yield Piece(short=place + first, rank=_ERROR)
    for line in rest:
        yield Piece(short=f"- {line}", row=True, rank=_DANGER, counts_as="differences to what was reviewed")


def _dangers(roots: Sequence[RootReport], report: RunReport) -> Iterator[Piece]:
    """What is destroyed or replaced, what holds data before what does not."""
    changes = [
        (root, change)
        for root in roots
        for change in fold_names(change for change in root.changes if change.section in ("destroy", "replace"))
    ]
    for root, change in sorted(changes, key=lambda pair: gravity(pair[1].marks)):
        heading = "#### ⚠️ Destroyed or replaced"
        yield _bullet(change, root, report, heading=heading, rank=_DANGER, counts_as=f"to {change.section}")


def _cares(root: RootReport, report: RunReport) -> Iterator[Piece]:
    cares = [change for change in root.changes if change.marks and change.section in ("change", "add")]
    for change in fold_names(cares):
        yield _bullet(change, root, report, heading="#### Look closely", rank=_CARE, counts_as="to look at closely")


def _bullet(
    change: ChangeReport, root: RootReport, report: RunReport, *, heading: str, rank: int, counts_as: str
) -> Piece:
    place = "" if is_plain(report) else f" · {where(root, report)}"
    line = f"- {change_line(change, safe_blob_url(report), alike=False)}{place}"
    return Piece(short=line, rank=rank, row=True, headings=(heading,), counts_as=counts_as, size=change.size)


def _table(roots: Sequence[RootReport], report: RunReport) -> Iterator[Piece]:
    if is_plain(report) and roots[0].went_well:
        return
    fields = [field for field in Counts.__struct_fields__ if any(getattr(root.counts, field) for root in roots)]
    environments = len({root.environment for root in roots}) > 1
    names = ["root module", *(["environment"] if environments else []), *(_COLUMNS[field] for field in fields), ""]
    alignment = ["---", *(["---"] if environments else []), *("---:" for _ in fields), "---"]
    heading = f"{_row(names)}\n{_row(alignment)}"
    for root in roots:
        numbers = [_number(getattr(root.counts, field), field) for field in fields]
        cells = [
            code(root.root_module),
            *([code(root.environment)] if environments else []),
            *numbers,
            _remark(root, report),
        ]
        yield Piece(short=_row(cells), rank=_TABLE, row=True, headings=(heading,), counts_as="root modules")


def _remark(root: RootReport, report: RunReport) -> str:
    if not root.went_well:
        cause = next((line for line in (root.cause or "").splitlines() if line.strip()), "")
        outcome = root.outcome.replace("_", " ")
        if cause == first_line(report).split("\n")[0]:
            return f"**{outcome}**"
        return f"**{outcome}**: {prose(shorten(cause, 200))}" if cause else f"**{outcome}**"
    if root.counts == NO_COUNTS:
        return "only outputs change" if root.outputs else "no changes"
    return "applied" if root.outcome == "applied" else ""


def _number(number: int, field: str) -> str:
    text = f"{number:,}" if number else ""
    return f"**{text}**" if number and field in ("replace", "destroy") else text


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def safe_blob_url(report: RunReport) -> str | None:
    """Where the repository's files are linked to, if that is a web address."""
    return report.blob_url if report.blob_url and is_web_address(report.blob_url) else None
