"""A run's report for a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from checks.diagnostic import Diagnostic
from checks.plain_text import clean, one_line
from checks.rendering.dangers import Dangers, Kind, dangers, left_for_details
from checks.rendering.headline import first_line
from checks.rendering.lines import (
    Line,
    is_deferred,
    lines_of_attributes,
    lines_of_change,
    lines_of_invocation,
    lines_of_members,
    names_of_change,
    remarks_of_change,
    words_of_invocation,
)
from checks.rendering.order import parts_of, place_of
from checks.rendering.results import groups_of_results, remarks_of_result, symbol_of
from checks.rendering.titles import (
    DEFERRED_ACTIONS_TITLE,
    DEFERRED_TITLE,
    DRIFT_TITLE,
    INVOCATIONS_TITLE,
    in_environment,
    title_of,
    undeclared_keys,
    words_of_root,
)
from checks.report import RootReport, RunReport
from checks.report.change_report import SECTIONS, ChangeReport, InvocationReport
from checks.report.difference_lines import lines_of_difference

_RESET = "\x1b[0m"
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _MAGENTA = (f"\x1b[{code}m" for code in (1, 2, 31, 32, 33, 35))
_SIGNS = {"+": _GREEN, "-": _RED, "~": _YELLOW, " ": ""}
_SECTIONS = {"destroy": _RED, "replace": _MAGENTA, "change": _YELLOW, "add": _GREEN}


def render_text(report: RunReport, colour: bool = False) -> str:
    """Render a run as plain text, with ANSI colours on request; ends with a line feed.

    Terraform's text is shown without its own escape sequences, so that a plan cannot control the terminal.
    """
    paint = _Paint(colour)
    lines = list(_head(report, paint))
    for part in parts_of(report, folds=False):
        shown = dangers(part.roots)
        lines += _dangers(part.roots, shown, paint)
        for root in part.roots:
            lines.append(paint(f"{_place(root)}: {words_of_root(root)}", _BOLD))
            lines += [*_indent(_root(root, shown, paint)), ""]
    lines += (
        _plain(f"{one_line(name)}: Vault keys that it does not declare: {one_line(', '.join(keys))}")
        for name, keys in undeclared_keys(report.all_roots).items()
    )
    return "\n".join(lines).rstrip("\n") + "\n"


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *styles: str) -> str:
        style = "".join(styles)
        return f"{style}{text}{_RESET}" if self._colour and style and text else text


def _head(report: RunReport, paint: _Paint) -> Iterator[str]:
    style = _GREEN if report.conclusion == "success" else _RED
    yield paint(one_line(report.title), _BOLD, style)
    said = one_line(first_line(report))
    if said != one_line(report.title):
        yield _plain(said)
    for note in report.notes:
        yield _plain(one_line(note))
    if report.comparison is not None:
        yield f"Commits: {one_line(report.comparison.url)}"
    yield from (_plain(one_line(line)) for line in report.deciders)
    if report.paste:
        yield report.where_to_paste
        yield f"  {one_line(report.paste)}"
    for diagnostic in report.diagnostics:
        yield from _diagnostic(diagnostic, paint)
    yield ""


def _dangers(roots: Sequence[RootReport], shown: Sequence[Dangers], paint: _Paint) -> Iterator[str]:
    for found in shown:
        yield paint(found.heading, _BOLD, _RED)
        kinds = found.kinds
        for kind in kinds:
            yield f"  {_line_of_kind(kind, len(roots) > 1, paint)}"
        for entry in () if kinds else found.entries:
            place = f"  ({_place(entry.root)})" if len(roots) > 1 else ""
            yield f"  {_line_of_change(entry.change, entry.members, paint)}{place}"
            yield from _indent(_indent(_paint_line(line, paint) for line in lines_of_members(entry.members)))
        yield ""


def _place(root: RootReport) -> str:
    return one_line(root.root_module) + in_environment(root.environment)


def _line_of_kind(kind: Kind, several: bool, paint: _Paint) -> str:
    first = kind.first
    parts = [paint(f"{first.symbol} {kind.size:,} {one_line(first.type)}", _SECTIONS.get(first.section, ""))]
    if first.marks:
        parts.append(paint(f"[{', '.join(first.marks)}]", _BOLD, _RED))
    if several:
        parts.append(f"({_place(kind.root)})")
    return "  ".join([*parts, one_line(", ".join(kind.names))])


def _root(root: RootReport, shown: Sequence[Dangers], paint: _Paint) -> Iterator[str]:
    if root.cause:
        yield from (paint(line, _RED) for line in clean(root.cause).splitlines())
    for diagnostic in sorted(root.diagnostics, key=place_of):
        yield from _diagnostic(diagnostic, paint)
    for group in groups_of_results(root.results):
        yield paint(group.heading, _BOLD)
        for each in group.results:
            yield "  ".join([f"  {symbol_of(each)} {one_line(each.address)}", *remarks_of_result(each)])
    for warning in root.warnings:
        yield paint(f"Warning: {one_line(warning)}", _YELLOW)
    for check in root.checks:
        yield paint(f"{one_line(check.address)}: {one_line(check.status)}", _YELLOW)
        yield from (f"  {one_line(message)}" for message in check.messages)
    if root.difference is not None:
        yield from (_plain(one_line(line)) for line in lines_of_difference(root.difference))
    changes, deferred = left_for_details(root, shown)
    for section in SECTIONS:
        yield from _changes(title_of(section, root), [change for change in changes if change.section == section], paint)
        if section == "add" and root.outputs:
            yield paint("Outputs", _BOLD)
            yield from _indent(_paint_line(line, paint) for line in lines_of_attributes(root.outputs))
    yield from _invocations(INVOCATIONS_TITLE, [each for each in root.invocations if not is_deferred(each)], paint)
    yield from _invocations(DEFERRED_ACTIONS_TITLE, [each for each in root.invocations if is_deferred(each)], paint)
    yield from _changes(DEFERRED_TITLE, deferred, paint)
    yield from _changes(DRIFT_TITLE, root.drift, paint)


def _invocations(title: str, invocations: Sequence[InvocationReport | str], paint: _Paint) -> Iterator[str]:
    if invocations:
        yield paint(title, _BOLD)
    for invocation in invocations:
        yield _plain(one_line(words_of_invocation(invocation)))
        yield from _indent(_paint_line(line, paint) for line in lines_of_invocation(invocation))


def _changes(title: str, changes: Iterable[ChangeReport], paint: _Paint) -> Iterator[str]:
    heading = paint(title, _BOLD)
    for change in changes:
        if heading:
            yield heading
            heading = ""
        yield _line_of_change(change, (change,), paint)
        yield from _indent(_paint_line(line, paint) for line in lines_of_change(change))


def _line_of_change(change: ChangeReport, members: Sequence[ChangeReport], paint: _Paint) -> str:
    parts = [paint(f"{change.symbol} {one_line(change.address)}", _SECTIONS.get(change.section, ""))]
    if change.identity:
        parts.append(one_line(", ".join(change.identity)))
    if change.marks:
        parts.append(paint(f"[{', '.join(change.marks)}]", _BOLD, _RED))
    if names := names_of_change(change):
        forced = any(attribute.forces_replacement for attribute in change.attributes)
        parts.append(("forced by " if forced else "") + one_line(", ".join(names)))
    remarks = remarks_of_change(change, alike=len(members) == 1)
    return "  ".join([*parts, *(_plain(one_line(remark)) for remark in remarks)])


def _diagnostic(diagnostic: Diagnostic, paint: _Paint) -> Iterator[str]:
    place = ""
    if diagnostic.path is not None:
        line = "" if diagnostic.start_line is None else f":{diagnostic.start_line}"
        place = f"  {one_line(diagnostic.path)}{line}"
    style = _RED if diagnostic.severity == "error" else _YELLOW
    yield paint(f"{diagnostic.severity.title()}: {one_line(diagnostic.summary)}", _BOLD, style) + place
    for text in (diagnostic.snippet, diagnostic.detail):
        if text and text.strip():
            yield from (f"  {line}" for line in clean(text).strip("\n").split("\n"))


def _paint_line(line: Line, paint: _Paint) -> str:
    text = one_line_with_spaces(line.text)
    if line.remark:
        return paint(f"  {text}", _DIM)
    if line.forces:
        return paint(f"! {text}  # forces replacement", _BOLD, _MAGENTA)
    return paint(f"{line.sign} {text}".rstrip(), _SIGNS[line.sign])


def one_line_with_spaces(text: str) -> str:
    """Text on one line. All its spaces are kept, since they may align columns."""
    return clean(text).replace("\n", "\\n")


def _indent(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else line for line in lines)


def _plain(text: str) -> str:
    return text.replace("`", "")
