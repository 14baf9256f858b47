"""The summary: the cause, instructions, errors, destroyed objects, and a table of the root modules."""

from collections.abc import Iterator, Sequence

from checks.diagnostic import Diagnostic
from checks.plain_text import one_line, shorten
from checks.plan import Counts
from checks.plan.apply_stream import ResourceResult, words_of_results
from checks.rendering.dangers import Dangers, dangers
from checks.rendering.escape import address_of_file, code, fence, html_code, html_prose, is_web_address, prose
from checks.rendering.fit import Piece, size_bytes
from checks.rendering.headline import first_line, folded_line, leading_line
from checks.rendering.markdown_change import change_piece, fold
from checks.rendering.openings import Openings
from checks.rendering.order import EnvironmentPart, parts_of, place_of
from checks.rendering.results import ResultGroup, groups_of_results, remarks_of_result, symbol_of
from checks.rendering.titles import ONLY_A_PART, words_of_field, words_of_root
from checks.report import NO_COUNTS, RootReport, RunReport
from checks.report.difference_lines import lines_of_difference

_ERROR, _DANGER, _CARE, _TABLE = 1, 2, 3, 4
_LONG_HEAD = 700
_MOST_ERRORS = 5
_MOST_DETAIL = 6_000
_MOST_DETAIL_LINES = 20
_BOLD = frozenset({"replace", "destroy"})


def summary(report: RunReport, openings: Openings) -> list[list[Piece]]:
    """The pieces of the summary in reading order, in a list for each environment, the target's first.

    Dangers are near the top. Errors of both environments are in the first list.
    """
    first, *others = parts_of(report)
    lead, *head = head_pieces(report, leading_line(report))
    lost, cared = _danger_pieces(first, report, openings)
    long_head = sum(size_bytes(piece.shortest()) for piece in head) > _LONG_HEAD
    pieces = [
        lead,
        *((*lost, *head) if long_head else (*head, *lost)),
        *errors([first, *others], report),
        *(piece for root in first.roots for piece in results(root, first)),
        *(piece for root in first.roots for piece in _difference(root, first)),
        *cared,
        *_table(first, report),
    ]
    return [pieces, *(_second_part(part, report, openings) for part in others)]


def _second_part(part: EnvironmentPart, report: RunReport, openings: Openings) -> list[Piece]:
    """What testing's part says beyond the target's; everything else is in one line."""
    lost, cared = _danger_pieces(part, report, openings)
    pieces = [*lost, *cared, *_table(part, report)]
    if pieces or part.roots:
        words = f": {prose(words_of_root(part.roots[0]))}" if part.is_plain else ""
        pieces.insert(0, Piece(short=f"### In {code(part.environment)}{words}"))
    if part.folded:
        line = folded_line(part.folded, part.environment, len(part.roots))
        pieces.append(Piece(short=prose(line), rank=_TABLE, counts_as="lines about testing"))
    return pieces


def _danger_pieces(part: EnvironmentPart, report: RunReport, openings: Openings) -> tuple[list[Piece], list[Piece]]:
    """Destroyed and replaced objects, and changes that deserve a closer look."""
    found = [piece for each in dangers(part.roots) for piece in _dangers(each, part, report, openings)]
    return [each for each in found if each.rank == _DANGER], [each for each in found if each.rank == _CARE]


def changes_and_table(report: RunReport, openings: Openings) -> Iterator[Piece]:
    """The dangers, the differences from the review, and the table of root modules."""
    for part in parts_of(report):
        yield from (piece for each in dangers(part.roots) for piece in _dangers(each, part, report, openings))
        yield from (piece for root in part.roots for piece in _difference(root, part))
        yield from _table(part, report)


def head_pieces(report: RunReport, lead: str | None) -> Iterator[Piece]:
    """The cause if the run did not succeed, otherwise its root modules; then instructions."""
    if lead is not None:
        line = one_line(lead)
        shown = shorten(line, _LONG_HEAD)
        yield Piece(short=prose(shown))
        if shown != line:
            yield Piece(short=prose(f"…{line[len(shown) - 1 :]}"))
    for note in report.notes:
        yield Piece(short=prose(note))
    if report.comparison is not None and is_web_address(report.comparison.url):
        words, url = code(report.comparison.words), report.comparison.url
        yield Piece(short=f"Commits: [{words}]({url})")
    for line in report.deciders:
        yield Piece(short=prose(line))
    if report.paste:
        yield Piece(short=f"{report.where_to_paste}\n\n{fence(report.paste)}")


def where(root: RootReport, part: EnvironmentPart) -> str:
    """The root module, with its environment if another environment's part comes first."""
    return prose(_place(root, part))


def _place(root: RootReport, part: EnvironmentPart) -> str:
    """The same text as `where`, not escaped yet."""
    return f"`{root.root_module}`" + (f" in `{root.environment}`" if part.follows else "")


def diagnostic_block(diagnostic: Diagnostic, place: str, blob_url: str | None, *, folds: bool = True) -> str:
    """A diagnostic as a line with its place, and Terraform's text in a fence, folded if it is long."""
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
    more = len(body) - _MOST_DETAIL
    said = fence(body if more <= 0 else f"{body[:_MOST_DETAIL]}\n… {more:,} more characters")
    lines = body.count("\n") + 1
    return f"{head}\n\n{fold(f'{lines} lines', said) if folds and lines > _MOST_DETAIL_LINES else said}"


def errors(parts: Sequence[EnvironmentPart], report: RunReport) -> Iterator[Piece]:
    """The errors by file and line; the first ones in full, the others folded."""
    blob_url = safe_blob_url(report)
    found: list[tuple[Diagnostic, str]] = [(diagnostic, "") for diagnostic in report.diagnostics]
    for part in parts:
        for root in part.roots:
            place = "" if part.is_plain and not part.follows else f" · {where(root, part)}"
            found += [(each, place) for each in root.diagnostics if each.severity == "error"]
    found.sort(key=lambda pair: place_of(pair[0]))
    for diagnostic, place in found[:_MOST_ERRORS]:
        yield Piece(short=diagnostic_block(diagnostic, place, blob_url), rank=_ERROR, counts_as="errors")
    if tail := [diagnostic_block(*pair, blob_url, folds=False) for pair in found[_MOST_ERRORS:]]:
        summary = f"{len(tail)} more error{'' if len(tail) == 1 else 's'}"
        heads = [f"- {block.partition(chr(10))[0]}" for block in tail]
        yield Piece(
            short="\n".join(heads),
            full=lambda: fold(summary, "\n\n".join(tail)),
            full_bytes=lambda: sum(map(len, tail)),
            rank=_ERROR,
            counts_as="errors",
            size=len(tail),
        )


def results(root: RootReport, part: EnvironmentPart) -> Iterator[Piece]:
    """An apply's result for each resource: failures line by line, the rest folded."""
    place = "" if part.is_plain else f" in {where(root, part)}"
    for group in groups_of_results(root.results):
        if group.stands_out:
            for result in group.results:
                yield Piece(
                    short=_result_line(result),
                    row=True,
                    rank=_ERROR,
                    headings=(f"#### {prose(group.heading)}{place}",),
                    counts_as=group.outcome,
                )
        else:
            yield _folded_results(group, place, "" if part.is_plain else f" in {html_code(root.root_module)}")


def _folded_results(group: ResultGroup, place: str, html_place: str) -> Piece:
    return Piece(
        short=f"**{prose(group.heading)}**{place}",
        full=lambda: fold(f"{html_prose(group.heading)}{html_place}", "\n".join(map(_result_line, group.results))),
        full_bytes=lambda: sum(len(result.address) + 20 for result in group.results),
        rank=_CARE,
        counts_as=group.outcome.replace("_", " "),
        size=len(group.results),
    )


def _result_line(result: ResourceResult) -> str:
    return " · ".join([f"- {code(symbol_of(result))} {code(result.address)}", *map(prose, remarks_of_result(result))])


def _difference(root: RootReport, part: EnvironmentPart) -> Iterator[Piece]:
    if root.difference is None or (root.difference.same and not part.is_plain):
        return  # if there are several root modules, those that match the review need no line
    place = "" if part.is_plain else f"{where(root, part)}: "
    first, *rest = map(prose, lines_of_difference(root.difference))
    yield Piece(short=place + first, rank=_ERROR)
    for line in rest:
        yield Piece(short=f"- {line}", row=True, rank=_DANGER, counts_as="differences from the review")


def _dangers(found: Dangers, part: EnvironmentPart, report: RunReport, openings: Openings) -> Iterator[Piece]:
    """One list of dangerous changes: a fold for each, or a line for each kind if there are too many."""
    losing = found.entries[0].change.section in ("destroy", "replace")
    rank, heading = (_DANGER, f"#### ⚠️ {found.heading}") if losing else (_CARE, f"#### {found.heading}")
    for kind in found.kinds:
        place = "" if part.is_plain else f" · {where(kind.root, part)}"
        marks = f" · **{prose(', '.join(kind.first.marks))}**" if kind.first.marks else ""
        names = ", ".join(name if name.endswith(" more") else code(name) for name in kind.names)
        line = f"- {code(kind.first.symbol)} **{kind.size:,} {code(kind.first.type)}**{marks}{place} · {names}"
        yield Piece(short=line, rank=rank, row=True, headings=(heading,), counts_as="kinds of changes", size=1)
    if found.kinds:
        return
    for entry in found.entries:
        yield change_piece(
            entry.change,
            safe_blob_url(report),
            openings,
            members=entry.members,
            headings=(heading,),
            rank=rank,
            counts_as=f"to {entry.change.section}" if losing else "to look at closely",
            place="" if part.is_plain else _place(entry.root, part),
        )


def _table(part: EnvironmentPart, report: RunReport) -> Iterator[Piece]:
    roots = part.roots
    if part.is_plain and (roots[0].results or _is_in_title(roots[0], report)):
        return
    fields = [field for field in Counts.__struct_fields__ if any(getattr(root.counts, field) for root in roots)]
    columns = [_bold(words_of_field(field), field) for field in fields]
    remarks = [_remark(root, report) for root in roots]
    last = [""] if any(remarks) else []
    rule = ["---", *("---:" for _ in fields), *("---" for _ in last)]
    heading = f"{_row(['root module', *columns, *last])}\n{_row(rule)}"
    for root, remark in zip(roots, remarks, strict=True):
        numbers = [_number(getattr(root.counts, field), field) for field in fields]
        cells = [code(root.root_module), *numbers, *([remark] if last else [])]
        yield Piece(short=_row(cells), rank=_TABLE, row=True, headings=(heading,), counts_as="root modules")


def _is_in_title(root: RootReport, report: RunReport) -> bool:
    """Whether the title has the result of the only root module. If the run did not succeed, the title has the cause."""
    return report.conclusion == "success" and root.succeeded and not root.errored


def _remark(root: RootReport, report: RunReport) -> str:
    if not root.succeeded:
        cause = next((line for line in (root.cause or "").splitlines() if line.strip()), "")
        outcome = root.outcome.replace("_", " ")
        if root.results:
            return f"**{outcome}**: {words_of_results(root.results)}"
        if cause == first_line(report).split("\n")[0]:
            return f"**{outcome}**"
        return f"**{outcome}**: {prose(shorten(cause, 200))}" if cause else f"**{outcome}**"
    if root.errored:
        return f"**{ONLY_A_PART}**"
    if root.counts == NO_COUNTS:
        return "only outputs change" if root.outputs else "no changes"
    return "applied" if root.outcome == "applied" else ""


def _number(number: int, field: str) -> str:
    return _bold(f"{number:,}", field) if number else ""


def _bold(text: str, field: str) -> str:
    return f"**{text}**" if field in _BOLD else text


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def safe_blob_url(report: RunReport) -> str | None:
    """The base address for links to the repository's files, if it is a web address."""
    return report.blob_url if report.blob_url and is_web_address(report.blob_url) else None
