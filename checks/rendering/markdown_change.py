"""One change as Markdown: a line that already says what changes, or a fold with the diff."""

from collections.abc import Sequence

from checks.rendering.escape import address_of_file, code, fence, html_code, html_prose, html_text, prose
from checks.rendering.lines import Line, lines_of_change, names_of_change, remarks_of_change
from checks.report.change_report import ChangeReport

OPEN_LINES = 10
"""A body of at most so many lines stands open."""
_LONGEST_LINE = 400


def change_line(change: ChangeReport, blob_url: str | None, *, alike: bool = True) -> str:
    """The one line of a change, for a list: sign, address, danger, the names of what changes, why."""
    parts = [f"{code(change.symbol)} {_name(change, blob_url)}"]
    if change.marks:
        parts.append(f"**{prose(', '.join(change.marks))}**")
    if names := names_of_change(change):
        parts.append(_forced(change) + ", ".join(map(code, names)))
    return " · ".join([*parts, *map(prose, remarks_of_change(change, alike=alike))])


def change_fold(change: ChangeReport, blob_url: str | None, *, is_open: bool) -> str:
    """A change with its diff, folded below its one line."""
    parts = [f"{html_code(change.symbol)} {_html_name(change, blob_url)}"]
    if change.marks:
        parts.append(f"<b>{html_text(', '.join(change.marks))}</b>")
    if names := names_of_change(change):
        parts.append(_forced(change) + ", ".join(map(html_code, names)))
    summary = " · ".join([*parts, *map(html_prose, remarks_of_change(change))])
    opened = "<details open>" if is_open else "<details>"
    return f"{opened}<summary>{summary}</summary>\n\n{diff_fence(lines_of_change(change))}\n\n</details>"


def diff_fence(lines: Sequence[Line]) -> str:
    """Lines as a `diff` fence. What forces a replacement gets the sign that stands out there: an exclamation mark."""
    return fence("\n".join(map(_diff_line, lines)), "diff")


def _diff_line(line: Line) -> str:
    text = line.text if len(line.text) <= _LONGEST_LINE else f"{line.text[:_LONGEST_LINE]}…"
    text = text.replace("\n", "\\n")
    if line.forces:
        return f"! {text}  # forces replacement"
    return f"{line.sign} {text}".rstrip()


def _name(change: ChangeReport, blob_url: str | None) -> str:
    if change.several_blocks:
        return f"**{prose(change.address)}**"
    url = link_of_change(change, blob_url)
    return f"[{code(change.address)}]({url})" if url else code(change.address)


def _html_name(change: ChangeReport, blob_url: str | None) -> str:
    if change.several_blocks:
        return f"<b>{html_text(change.address)}</b>"
    url = link_of_change(change, blob_url)
    name = html_code(change.address)
    return f'<a href="{html_text(url)}">{name}</a>' if url else name


def link_of_change(change: ChangeReport, blob_url: str | None) -> str | None:
    """Where the block stands on GitHub, if that is known."""
    declaration = change.declaration
    if declaration is None or blob_url is None:
        return None
    return address_of_file(blob_url, declaration.path, declaration.start_line, declaration.end_line)


def _forced(change: ChangeReport) -> str:
    return "forced by " if any(attribute.forces_replacement for attribute in change.attributes) else ""
