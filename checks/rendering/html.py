"""A run's report as a fragment of HTML, for a page that includes `STYLE`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks.diagnostic import Diagnostic
from checks.plain_text import clean
from checks.plan import Counts
from checks.rendering.dangers import Dangers, Kind, dangers, left_for_details
from checks.rendering.escape import address_of_file, escape_html, html_code, html_prose, is_web_address
from checks.rendering.headline import leading_line
from checks.rendering.html_style import STYLE as STYLE
from checks.rendering.lines import (
    Line,
    is_deferred,
    lines_of_attributes,
    lines_of_invocation,
    lines_of_members,
    names_of_change,
    remarks_of_change,
    words_of_invocation,
)
from checks.rendering.openings import CLOSED, most_open_lines
from checks.rendering.order import EnvironmentPart, parts_of, place_of
from checks.rendering.results import groups_of_results, remarks_of_result, symbol_of
from checks.rendering.titles import (
    CHECKS_TITLE,
    DEFERRED_ACTIONS_TITLE,
    DEFERRED_TITLE,
    DRIFT_TITLE,
    INVOCATIONS_TITLE,
    ONLY_A_PART,
    in_environment,
    title_of,
    undeclared_keys,
    undeclared_title,
    words_of_field,
    words_of_root,
)
from checks.report import NO_COUNTS, RootReport, RunReport
from checks.report.change_report import SECTIONS, ChangeReport, InvocationReport
from checks.report.difference_lines import lines_of_difference

_CLASSES = {"+": "add", "-": "remove", "~": "change", " ": "context"}
_MOST_DETAIL_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What every part of a page needs, such as the base address of links to files and the size limit for open diffs."""

    blob_url: str | None
    most_open_lines: int
    cause: str | None
    """The run's cause, which is at the top of the page, so that the page's parts need not repeat it."""
    has_parts: bool
    """Whether each environment has a heading, so that its name can be omitted below."""


def render_html(report: RunReport) -> str:
    """Render a run as one `<section class="report">`.

    All foreign text is escaped. There is no script and no inline style. Links lead only to the repository's files and
    to the comparison of a hold's commits. `STYLE` has the colours of the classes, for light and dark mode.
    """
    blob_url = report.blob_url if report.blob_url and is_web_address(report.blob_url) else None
    parts = parts_of(report, folds=False)
    page = _Page(
        blob_url=blob_url, most_open_lines=most_open_lines(report), cause=report.cause, has_parts=len(parts) > 1
    )
    whole = (_diagnostic(diagnostic, page) for diagnostic in report.diagnostics)
    lines = [*_head(report), *whole]
    for part in parts:
        lines += _part(part, page)
    lines += _undeclared(report)
    return f'<section class="report {report.conclusion}">\n' + "\n".join(lines) + "\n</section>\n"


def _undeclared(report: RunReport) -> Iterator[str]:
    found = undeclared_keys(report.all_roots)
    if found:
        items = (f"<li>{html_code(name)}: {', '.join(map(html_code, keys))}</li>" for name, keys in found.items())
        yield f"<details><summary>{undeclared_title(found)}</summary>\n<ul>{''.join(items)}</ul>\n</details>"


def _part(part: EnvironmentPart, page: _Page) -> Iterator[str]:
    """One environment: its dangers, the table, and every root module."""
    if page.has_parts:
        yield f"<h2>In {html_code(part.environment)}</h2>"
    shown = dangers(part.roots)
    yield from _dangers(shown, len(part.roots) > 1, page)
    yield from _table(part.roots, page)
    for root in part.roots:
        yield from _root(root, shown, page)


def _head(report: RunReport) -> Iterator[str]:
    yield f"<h2>{html_prose(report.title)}</h2>"
    if (lead := leading_line(report)) is not None:
        yield f'<p class="first">{html_prose(lead)}</p>'
    yield from (f"<p>{html_prose(note)}</p>" for note in report.notes)
    if report.comparison is not None and is_web_address(report.comparison.url):
        words, url = html_code(report.comparison.words), escape_html(report.comparison.url)
        yield f'<p>Commits: <a href="{url}">{words}</a></p>'
    yield from (f"<p>{html_prose(line)}</p>" for line in report.deciders)
    if report.paste:
        yield f"<p>{report.where_to_paste}</p>"
        yield f"<pre>{escape_html(clean(report.paste))}</pre>"


def _dangers(shown: Sequence[Dangers], several: bool, page: _Page) -> Iterator[str]:
    for found in shown:
        yield f"<h3>{found.heading}</h3>"
        if kinds := found.kinds:
            yield f'<ul class="danger">{"".join(_line_of_kind(kind, several, page) for kind in kinds)}</ul>'
            continue
        for entry in found.entries:
            root = entry.root
            place = f" · {_place(root, page)}" if several else ""
            yield _fold(entry.change, entry.members, page, place)


def _place(root: RootReport, page: _Page) -> str:
    return html_code(root.root_module) + ("" if page.has_parts else in_environment(root.environment, html_code))


def _line_of_kind(kind: Kind, several: bool, page: _Page) -> str:
    parts = [f'<span class="sign">{html_code(kind.first.symbol)}</span> {kind.size:,} {html_code(kind.first.type)}']
    if kind.first.marks:
        parts.append(f"<strong>{html_prose(', '.join(kind.first.marks))}</strong>")
    if several:
        parts.append(_place(kind.root, page))
    parts.append(", ".join(name if name.endswith(" more") else html_code(name) for name in kind.names))
    return f'<li class="{kind.first.section}">{" · ".join(parts)}</li>'


def _table(roots: Sequence[RootReport], page: _Page) -> Iterator[str]:
    if len(roots) < 2:
        return
    fields = [field for field in Counts.__struct_fields__ if any(getattr(root.counts, field) for root in roots)]
    has_environments = not page.has_parts and any(root.environment for root in roots)
    remarks = [_remark(root) for root in roots]
    last = [""] if any(remarks) else []
    names = ["root module", *(["environment"] if has_environments else []), *map(words_of_field, fields), *last]
    yield f"<table>\n<thead><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr></thead>\n<tbody>"
    for root, remark in zip(roots, remarks, strict=True):
        counts = [f'<td class="number">{getattr(root.counts, field) or ""}</td>' for field in fields]
        environment = f"<td>{html_code(root.environment)}</td>" if has_environments else ""
        cells = f"<td>{html_code(root.root_module)}</td>{environment}{''.join(counts)}"
        yield f'<tr class="{root.outcome}">{cells}{f"<td>{remark}</td>" if last else ""}</tr>'
    yield "</tbody>\n</table>"


def _remark(root: RootReport) -> str:
    """The remark beside the counts."""
    if not root.succeeded:
        return words_of_root(root) + (f": {html_prose(root.cause)}" if root.cause else "")
    return ONLY_A_PART if root.errored else words_of_root(root) if root.counts == NO_COUNTS else ""


def _root(root: RootReport, shown: Sequence[Dangers], page: _Page) -> Iterator[str]:
    yield f"<h3>{_place(root, page)}: {html_prose(words_of_root(root))}</h3>"
    if root.cause and not (root.results and root.cause == page.cause):
        yield f'<pre class="cause">{escape_html(clean(root.cause))}</pre>'
    yield from _results(root)
    yield from (_diagnostic(diagnostic, page) for diagnostic in sorted(root.diagnostics, key=place_of))
    yield from (f'<p class="warning">{html_prose(warning)}</p>' for warning in root.warnings)
    if root.checks:
        yield f"<h4>{CHECKS_TITLE}</h4>\n<ul>"
        for check in root.checks:
            messages = " ".join(map(html_prose, check.messages))
            yield f"<li>{html_code(check.address)}: <strong>{html_prose(check.status)}</strong> {messages}</li>"
        yield "</ul>"
    if root.difference is not None:
        first, *rest = map(html_prose, lines_of_difference(root.difference))
        items = "".join(f"<li>{line}</li>" for line in rest)
        yield f'<p class="difference">{first}</p>' + (f"\n<ul>{items}</ul>" if items else "")
    changes, deferred = left_for_details(root, shown)
    for section in SECTIONS:
        yield from _changes(title_of(section, root), [c for c in changes if c.section == section], page)
        if section == "add" and root.outputs:
            yield f"<h4>Outputs</h4>\n{_diff(lines_of_attributes(root.outputs))}"
    yield from _invocations(INVOCATIONS_TITLE, [each for each in root.invocations if not is_deferred(each)], page)
    yield from _invocations(DEFERRED_ACTIONS_TITLE, [each for each in root.invocations if is_deferred(each)], page)
    yield from _changes(DEFERRED_TITLE, deferred, page)
    yield from _changes(DRIFT_TITLE, root.drift, page)


def _results(root: RootReport) -> Iterator[str]:
    for group in groups_of_results(root.results):
        lines = (
            " · ".join(
                [
                    f'<span class="sign">{html_code(symbol_of(each))}</span> {html_code(each.address)}',
                    *map(html_prose, remarks_of_result(each)),
                ]
            )
            for each in group.results
        )
        opened = " open" if group.stands_out else ""
        items = "".join(f"<li>{line}</li>" for line in lines)
        summary = f"<summary>{html_prose(group.heading)}</summary>"
        yield f'<details class="results"{opened}>{summary}\n<ul>{items}</ul></details>'


def _invocations(title: str, invocations: Sequence[InvocationReport | str], page: _Page) -> Iterator[str]:
    if invocations:
        yield f"<h4>{title}</h4>"
    for invocation in invocations:
        lines = lines_of_invocation(invocation)
        if not lines:
            yield f"<p>{html_prose(words_of_invocation(invocation))}</p>"
            continue
        opened = " open" if len(lines) <= page.most_open_lines else ""
        summary = f"<summary>{html_prose(words_of_invocation(invocation))}</summary>"
        yield f'<details class="invoke"{opened}>{summary}\n{_diff(lines)}\n</details>'


def _changes(title: str, changes: Sequence[ChangeReport], page: _Page) -> Iterator[str]:
    if changes:
        yield f"<h4>{title}</h4>"
    yield from (_fold(change, (change,), page) for change in changes)


def _fold(change: ChangeReport, members: Sequence[ChangeReport], page: _Page, place: str = "") -> str:
    lines = lines_of_members(members, whole=True)
    shown = sum(not line.remark for line in lines)
    opened = " open" if shown <= page.most_open_lines and change.section not in CLOSED else ""
    summary = f"<summary>{_line_of_change(change, members, page.blob_url)}{place}</summary>"
    return f'<details class="{change.section}"{opened}>{summary}\n{_diff(lines)}\n</details>'


def _line_of_change(change: ChangeReport, members: Sequence[ChangeReport], blob_url: str | None) -> str:
    name = html_code(change.address)
    if change.declaration is not None and blob_url is not None:
        place = change.declaration
        url = address_of_file(blob_url, place.path, place.start_line, place.end_line)
        name = f'<a href="{escape_html(url)}">{name}</a>'
    parts = [f'<span class="sign">{html_code(change.symbol)}</span> {name}']
    if change.identity:
        parts.append(html_prose(", ".join(change.identity)))
    if change.marks:
        parts.append(f"<strong>{html_prose(', '.join(change.marks))}</strong>")
    if names := names_of_change(change):
        forced = "forced by " if any(attribute.forces_replacement for attribute in change.attributes) else ""
        parts.append(forced + ", ".join(map(html_code, names)))
    return " · ".join([*parts, *map(html_prose, remarks_of_change(change, alike=len(members) == 1))])


def _diagnostic(diagnostic: Diagnostic, page: _Page) -> str:
    place = ""
    if diagnostic.path is not None:
        line = "" if diagnostic.start_line is None else f":{diagnostic.start_line}"
        place = f" · {html_code(diagnostic.path + line)}"
        if page.blob_url is not None:
            url = address_of_file(page.blob_url, diagnostic.path, diagnostic.start_line, diagnostic.end_line)
            place = f' · <a href="{escape_html(url)}">{html_code(diagnostic.path + line)}</a>'
    body = "\n\n".join(text for text in (diagnostic.snippet, diagnostic.detail) if text and text.strip())
    said = f"<strong>{diagnostic.severity.title()}</strong>: {html_prose(diagnostic.summary)}{place}"
    text = f"<pre>{escape_html(clean(body))}</pre>"
    if (lines := body.count("\n") + 1) > _MOST_DETAIL_LINES:
        text = f"<details><summary>{lines} lines</summary>{text}</details>"
    return f'<div class="{diagnostic.severity}"><p>{said}</p>\n{text}</div>'


def _diff(lines: Iterable[Line]) -> str:
    return f'<pre class="diff">{"".join(map(_diff_line, lines))}</pre>'


def _diff_line(line: Line) -> str:
    text = escape_html(clean(line.text).replace("\n", "\\n"))
    if line.forces:
        return f'<span class="forces">! {text}  # forces replacement</span>'
    return f'<span class="{"remark" if line.remark else _CLASSES[line.sign]}">{line.sign} {text}</span>'
