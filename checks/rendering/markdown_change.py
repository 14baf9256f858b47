"""One change as Markdown: a line that says it all, or a fold with the diff."""

from collections.abc import Callable, Sequence
from functools import partial

from checks.rendering.escape import address_of_file, code, fence, html_code, html_prose, html_text, prose
from checks.rendering.fit import Piece
from checks.rendering.lines import (
    Line,
    estimated_bytes,
    known_late,
    lines_of_members,
    names_of_change,
    remarks_of_change,
)
from checks.rendering.openings import Openings
from checks.rendering.shorten import shorten
from checks.report.change_report import ChangeReport, Section

LEFT_OUT: dict[Section, str] = {
    "destroy": "to destroy",
    "replace": "to replace",
    "change": "to change",
    "add": "to add",
    "read": "to read",
    "tags": "with new tags",
    "state": "only in the state",
}
"""The name under which changes of a section are counted if there is no room for them."""


def change_piece(
    change: ChangeReport,
    blob_url: str | None,
    openings: Openings,
    *,
    headings: tuple[str, ...],
    rank: int,
    counts_as: str,
    members: Sequence[ChangeReport] = (),
    place: str = "",
) -> Piece:
    """A change as a piece of a text: its fold, or its line if there is no room for that.

    `members` are the changes that the line represents, if it represents more than the change itself. `place` names the
    change's root module (and environment), unescaped.
    """
    members = members or (change,)
    has_body = any(member.attributes or member.several_blocks or member.left_out for member in members)
    is_open = has_body and openings.take(members)
    return Piece(
        short=partial(_row, change, members, blob_url, has_body=has_body, place=place),
        full=partial(_change_fold, change, members, blob_url, is_open=is_open, place=place) if has_body else None,
        full_bytes=partial(_estimated_bytes, members),
        rank=rank,
        row=True,
        headings=headings,
        counts_as=counts_as,
        size=change.size,
    )


def _row(
    change: ChangeReport, members: Sequence[ChangeReport], blob_url: str | None, *, has_body: bool, place: str
) -> str:
    """The short form of a change: its one line, and a note about omissions."""
    not_shown = _not_shown(sum(len(member.attributes) for member in members)) if has_body else _known_late(change)
    return f"- {' · '.join(filter(None, (_change_line(change, members, blob_url), prose(place), not_shown)))}"


def _estimated_bytes(members: Sequence[ChangeReport]) -> int:
    return sum(estimated_bytes(member.attributes) for member in members)


def _known_late(change: ChangeReport) -> str:
    return prose(known_late(change)) if change.recomputed else ""


def _not_shown(attributes: int) -> str:
    """The number of attributes that a change's line leaves out, as text; empty if there are none."""
    return f"{attributes:,} attribute{'' if attributes == 1 else 's'} not shown" if attributes else ""


def _change_line(change: ChangeReport, members: Sequence[ChangeReport], blob_url: str | None) -> str:
    """The one line of a change, for a list: sign, address, danger, names of changed attributes, reason."""
    parts = [f"{code(change.symbol)} {_name(change, blob_url)}", *_identity(change, prose)]
    if change.marks:
        parts.append(f"**{prose(', '.join(change.marks))}**")
    if names := names_of_change(change):
        parts.append(_forcing_attributes(change) + ", ".join(map(code, names)))
    return " · ".join([*parts, *map(prose, remarks_of_change(change, alike=len(members) == 1))])


def _change_fold(
    change: ChangeReport, members: Sequence[ChangeReport], blob_url: str | None, *, is_open: bool, place: str
) -> str:
    """The diff of a change's members, folded below the change's line; `place` is at the end of that line."""
    parts = [f"{html_code(change.symbol)} {_html_name(change, blob_url)}", *_identity(change, html_prose)]
    if change.marks:
        parts.append(f"<b>{html_text(', '.join(change.marks))}</b>")
    if names := names_of_change(change):
        parts.append(_forcing_attributes(change) + ", ".join(map(html_code, names)))
    remarks = remarks_of_change(change, alike=len(members) == 1)
    summary = " · ".join([*parts, *map(html_prose, remarks), *([html_prose(place)] if place else [])])
    return fold(summary, diff_fence(lines_of_members(members)), is_open=is_open)


def fold(summary: str, body: str, *, is_open: bool = False) -> str:
    """A Markdown body below an HTML line that opens and closes it."""
    opened = "<details open>" if is_open else "<details>"
    return f"{opened}<summary>{summary}</summary>\n\n{body}\n\n</details>"


def diff_fence(lines: Sequence[Line]) -> str:
    """Lines as a `diff` fence, shortened. "!" replaces "~" and marks a forced replacement, since GitHub colours it."""
    return fence("\n".join(map(_diff_line, shorten(lines))), "diff")


def _diff_line(line: Line) -> str:
    text = line.text.replace("\n", "\\n")
    sign = "!" if line.sign == "~" or line.forces else line.sign
    return f"{sign} {text}{'  # forces replacement' if line.forces else ''}".rstrip()


def _identity(change: ChangeReport, written: Callable[[str], str]) -> list[str]:
    return [written(", ".join(change.identity))] if change.identity else []


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
    """The web address of the block's lines on GitHub; None if unknown."""
    declaration = change.declaration
    if declaration is None or blob_url is None:
        return None
    return address_of_file(blob_url, declaration.path, declaration.start_line, declaration.end_line)


def _forcing_attributes(change: ChangeReport) -> str:
    return "forced by " if any(attribute.forces_replacement for attribute in change.attributes) else ""
