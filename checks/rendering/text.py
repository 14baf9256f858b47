"""A run's report for a terminal."""

from collections.abc import Iterable, Iterator

from checks.diagnostic import Diagnostic
from checks.plain_text import clean, one_line
from checks.rendering.headline import first_line
from checks.rendering.lines import Line, lines_of_attributes, lines_of_change, names_of_change, remarks_of_change
from checks.rendering.order import by_danger
from checks.rendering.titles import DRIFT_TITLE, INVOCATIONS_TITLE, TITLES, words_of_root
from checks.report import RootReport, RunReport
from checks.report.change_report import SECTIONS, ChangeReport
from checks.report.danger import gravity
from checks.report.difference_lines import lines_of_difference

_RESET = "\x1b[0m"
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _MAGENTA = (f"\x1b[{code}m" for code in (1, 2, 31, 32, 33, 35))
_SIGNS = {"+": _GREEN, "-": _RED, "~": _YELLOW, " ": ""}
_SECTIONS = {"destroy": _RED, "replace": _MAGENTA, "change": _YELLOW, "add": _GREEN}


def render_text(report: RunReport, colour: bool = False) -> str:
    """Render a run as plain text, with ANSI colours if asked; ends with a line feed.

    Whatever Terraform wrote is shown without its own escape sequences: a plan does not get to paint the terminal.
    """
    paint = _Paint(colour)
    return "\n".join([*_head(report, paint), *_danger(report, paint), *_roots(report, paint)]).rstrip("\n") + "\n"


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
    if report.paste:
        yield f"  {one_line(report.paste)}"
    for diagnostic in report.diagnostics:
        yield from _diagnostic(diagnostic, paint)
    yield ""


def _danger(report: RunReport, paint: _Paint) -> Iterator[str]:
    roots = by_danger(report)
    pairs = [(root, change) for root in roots for change in root.changes]
    dangers = [pair for pair in pairs if pair[1].section in ("destroy", "replace")]
    cares = [pair for pair in pairs if pair[1].section in ("change", "add") and pair[1].marks]
    for heading, found in (("Destroyed or replaced", dangers), ("Look closely", cares)):
        if found:
            yield paint(heading, _BOLD, _RED)
        for root, change in sorted(found, key=lambda pair: gravity(pair[1].marks)):
            place = f"  ({one_line(root.root_module)} in {one_line(root.environment)})" if len(roots) > 1 else ""
            yield f"  {_line_of_change(change, paint)}{place}"
        if found:
            yield ""


def _roots(report: RunReport, paint: _Paint) -> Iterator[str]:
    for root in by_danger(report):
        yield paint(f"{one_line(root.root_module)} in {one_line(root.environment)}: {words_of_root(root)}", _BOLD)
        yield from _indented(_root(root, paint))
        yield ""


def _root(root: RootReport, paint: _Paint) -> Iterator[str]:
    if root.cause:
        yield from (paint(line, _RED) for line in clean(root.cause).splitlines())
    for diagnostic in root.diagnostics:
        yield from _diagnostic(diagnostic, paint)
    for warning in root.warnings:
        yield paint(f"Warning: {one_line(warning)}", _YELLOW)
    for check in root.checks:
        yield paint(f"{one_line(check.address)}: {one_line(check.status)}", _YELLOW)
        yield from (f"  {one_line(message)}" for message in check.messages)
    if root.difference is not None:
        yield from (_plain(one_line(line)) for line in lines_of_difference(root.difference))
    for section in SECTIONS:
        changes = [change for change in root.changes if change.section == section]
        yield from _changes(TITLES[section], changes, paint)
        if section == "add" and root.outputs:
            yield paint("Outputs", _BOLD)
            yield from _indented(_painted(line, paint) for line in lines_of_attributes(root.outputs))
    if root.invocations:
        yield paint(INVOCATIONS_TITLE, _BOLD)
        yield from (f"  {_plain(one_line(invocation))}" for invocation in root.invocations)
    yield from _changes(DRIFT_TITLE, root.drift, paint)


def _changes(title: str, changes: Iterable[ChangeReport], paint: _Paint) -> Iterator[str]:
    heading = paint(title, _BOLD)
    for change in changes:
        if heading:
            yield heading
            heading = ""
        yield _line_of_change(change, paint)
        yield from _indented(_painted(line, paint) for line in lines_of_change(change))


def _line_of_change(change: ChangeReport, paint: _Paint) -> str:
    parts = [paint(f"{change.symbol} {one_line(change.address)}", _SECTIONS.get(change.section, ""))]
    if change.marks:
        parts.append(paint(f"[{', '.join(change.marks)}]", _BOLD, _RED))
    if names := names_of_change(change):
        forced = any(attribute.forces_replacement for attribute in change.attributes)
        parts.append(("forced by " if forced else "") + one_line(", ".join(names)))
    return "  ".join([*parts, *(_plain(one_line(remark)) for remark in remarks_of_change(change))])


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


def _painted(line: Line, paint: _Paint) -> str:
    text = one_line_kept(line.text)
    if line.remark:
        return paint(f"  {text}", _DIM)
    if line.forces:
        return paint(f"! {text}  # forces replacement", _BOLD, _MAGENTA)
    return paint(f"{line.sign} {text}".rstrip(), _SIGNS[line.sign])


def one_line_kept(text: str) -> str:
    """Text on one line with its own spaces, which align it."""
    return clean(text).replace("\n", "\\n")


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else line for line in lines)


def _plain(text: str) -> str:
    return text.replace("`", "")
