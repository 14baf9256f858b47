"""One change as lines with signs, the form that Markdown, HTML and the terminal start from."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from checks.rendering.tables import Table, with_tables
from checks.report.change_report import AttributeChange, ChangeReport, Finding, InvocationReport
from checks.report.danger_table import MIRRORS

Sign = Literal["+", "-", "~", " "]
_WIDEST_PATH = 46
_WIDEST_PAIR = 100
_NAMED = 6
_WIDEST_NAMES = 60
_MOST_ESTIMATED = 400
_TRAILING = re.compile(r"(?<![ \t])[ \t]+$")
_BLANKS = {" ": "␠", "\t": "␉"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a diff.

    `forces`: whether the line's attribute forces the replacement. `remark`: whether the line is a remark about the
    diff. `inside`: whether it is a line of a document, of a long value, or of a list of instances.
    """

    sign: Sign
    text: str
    forces: bool = False
    remark: bool = False
    inside: bool = False


def lines_of_change(change: ChangeReport, *, whole: bool = False) -> tuple[Line, ...]:
    """The body of a change: each attribute, then notes about omissions, then the instances that it represents.

    `whole`: whether to list every empty attribute, however many, and every attribute that is known only after apply,
    with its old value.
    """
    full = [attribute for attribute in change.attributes if not attribute.empty]
    before = lines_of_attributes(change.recomputed_from) if whole else ()
    recomputed = (Line(sign=" ", text=f"# {line.text}", remark=True, inside=True) for line in before)
    return (*_lines_with_findings(full, change.findings), *_remarks(change, whole=whole), *recomputed)


def lines_of_members(members: Sequence[ChangeReport], *, whole: bool = False) -> tuple[Line, ...]:
    """The diffs of changes that share one line of a list. If there are several, each has its address above it."""
    bodies = (lines_of_change(change, whole=whole) for change in members)
    if len(members) == 1:
        return next(bodies)
    named = zip(members, bodies, strict=True)
    return tuple(line for change, lines in named for line in (_remark(f"# {change.address}"), *lines))


def lines_of_attributes(attributes: Sequence[AttributeChange]) -> tuple[Line, ...]:
    """Attributes as `path = old → new`, with aligned equals signs; list items as tables."""
    return tuple(_lines_with_findings(attributes, ()))


def estimated_bytes(attributes: Sequence[AttributeChange]) -> int:
    """The approximate length of attributes as text; cheaper than writing them."""
    return sum(
        len(a.path)
        + min(len(a.old or ""), _MOST_ESTIMATED)
        + min(len(a.new or ""), _MOST_ESTIMATED)
        + sum(min(len(line), _MOST_ESTIMATED) + 6 for line in a.lines[:_MOST_ESTIMATED])
        + 8
        for a in attributes
    )


def known_late(change: ChangeReport, *, whole: bool = False) -> str:
    """The attributes that are known only after the apply; only their number if there are many."""
    names = change.recomputed
    named = ", ".join(names) if whole or len(names) <= _NAMED else f"{len(names)} attributes"
    return f"known after apply: {named}"


def names_of_change(change: ChangeReport, most: int = 6) -> tuple[str, ...]:
    """The names of changed attributes, for a change's line in a list; none if everything is added or removed."""
    if change.section in ("add", "destroy", "read", "state"):
        return ()
    changed = change.changed_names
    names = tuple(name for name in changed if MIRRORS.get(name) not in changed)
    if change.section == "replace":
        forcing = tuple(dict.fromkeys(_top_level_name(a.path) for a in change.attributes if a.forces_replacement))
        names = forcing or names
    return names if len(names) <= most else (*names[: most - 1], f"{len(names) - most + 1} more")


def remarks_of_change(change: ChangeReport, *, alike: bool = True) -> tuple[str, ...]:
    """The remarks in a change's line in a list: its instances, its origin, the reason.

    `alike`: whether the instances change in the same way.
    """
    remarks = [f"{len(change.findings)} finding{'' if len(change.findings) == 1 else 's'}"] if change.findings else []
    if change.instances and not change.several_blocks:
        remarks.append(f"{change.size} instances" + (", the same in each" if alike else ""))
    elif change.several_blocks:
        remarks.append("the same in each")
    if change.deposed:
        remarks.append(f"deposed object `{change.deposed}`")
    if change.previous_address:
        remarks.append(f"moved from `{change.previous_address}`")
    if change.importing:
        remarks.append(f"imported as `{change.importing}`")
    if change.action == "forget":
        remarks.append("forgotten, not destroyed")
    if change.reason:
        remarks.append(change.reason)
    return tuple(remarks)


def words_of_invocation(invocation: InvocationReport | str) -> str:
    """An `action` block and the event that triggers it, in one line, with names in backticks."""
    if isinstance(invocation, str):  # the format of older stored reports
        return invocation
    when = f" {invocation.event} of `{invocation.triggered_by}`" if invocation.triggered_by else ""
    when = " by `-invoke`" if invocation.by_request else when
    return f"`{invocation.address}`{when}" + (f", {invocation.reason}" if invocation.reason else "")


def is_deferred(invocation: InvocationReport | str) -> bool:
    """Whether an action runs only after a later plan."""
    return not isinstance(invocation, str) and invocation.reason is not None


def lines_of_invocation(invocation: InvocationReport | str) -> tuple[Line, ...]:
    """The arguments of an action."""
    return () if isinstance(invocation, str) else lines_of_attributes(invocation.attributes)


def _lines_with_findings(attributes: Sequence[AttributeChange], findings: Sequence[Finding]) -> Iterator[Line]:
    """Attributes as lines, each with its scanner findings; then the findings about other attributes."""
    parts = list(with_tables(attributes))
    alone = [part for part in parts if isinstance(part, AttributeChange) and not part.lines]
    width = max((len(part.path) for part in alone if len(part.path) <= _WIDEST_PATH), default=0)
    left = list(findings)
    for part in parts:
        if isinstance(part, Table):
            yield from (Line(sign=_sign(sign), text=text) for sign, text in part.lines())
            here = [finding for finding in left if _is_about(finding, part.name)]
        else:
            yield from _lines(part, width)
            here = [finding for finding in left if _is_about(finding, part.path)]
        yield from map(_line_of_finding, here)
        left = [finding for finding in left if finding not in here]
    yield from map(_line_of_finding, left)


def _is_about(finding: Finding, path: str) -> bool:
    """Whether a finding's attribute is this one, or contains it, or is inside it."""
    shorter, longer = sorted((finding.attribute, path), key=len)
    return bool(shorter) and longer.startswith(shorter) and longer[len(shorter) : len(shorter) + 1] in ("", ".", "[")


def _line_of_finding(finding: Finding) -> Line:
    severity = f" {finding.severity}" if finding.severity else ""
    where = f" ({finding.attribute})" if finding.attribute else ""
    return _remark(f"# {finding.scanner} {finding.rule}{severity}: {finding.message}{where}")


def _lines(attribute: AttributeChange, width: int) -> Iterator[Line]:
    forces = attribute.forces_replacement
    old, new = attribute.old, attribute.new
    note = f"  ({attribute.note})" if attribute.note else ""
    path = attribute.path.ljust(width)
    if attribute.lines:
        yield _document_heading(attribute, note)
        yield from _document_lines(attribute.lines)
    elif old is None and new is None:
        remark = not attribute.note
        yield Line(sign=" " if remark else "~", text=f"{attribute.path}{note}", forces=forces, remark=remark)
    elif old is None:
        yield Line(sign="+", text=f"{path} = {new}{note}", forces=forces)
    elif new is None:
        yield Line(sign="-", text=f"{path} = {old}{note}", forces=forces)
    elif old == new and note:
        yield Line(sign="~", text=f"{path} = {old}{note}", forces=forces)
    elif len(old) + len(new) <= _WIDEST_PAIR:
        yield Line(sign="~", text=f"{path} = {old} → {new}{note}", forces=forces)
    else:
        yield Line(sign="~", text=f"{attribute.path} ={note}", forces=forces)
        yield Line(sign="-", text=f"    {old}", inside=True)
        yield Line(sign="+", text=f"    {new}", inside=True)


def _document_heading(attribute: AttributeChange, note: str) -> Line:
    """The line above a document's lines."""
    signs = {line[:1] for line in attribute.lines}
    sign: Sign = "+" if signs == {"+"} else "-" if signs == {"-"} else "~"
    text = f"{attribute.path} ={note}"
    if attribute.new is not None:
        sign, text = "~", f"{attribute.path} = the lines below → {attribute.new}{note}"
    return Line(sign=sign, text=text, forces=attribute.forces_replacement)


def _document_lines(lines: Sequence[str]) -> Iterator[Line]:
    """The lines of a document; invisible characters at the end of a changed line are made visible."""
    beside = dict(partners([line[:1] for line in lines]))
    for at, line in enumerate(lines):
        sign, text = _sign(line[:1]), line[2:]
        if sign != " " and text[-1:] in ("\r", " ", "\t"):
            text = text.replace("\r", "\\r")
            text = _TRAILING.sub(lambda found: "".join(map(_BLANKS.__getitem__, found[0])), text)
        if "\t" in text and at in beside and line[1:].split() == lines[beside[at]][1:].split():
            text = text.replace("\t", "\\t")
        yield Line(sign=sign, text=f"    {text}", inside=True)


def partners(signs: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pair removed lines with the added lines right after them: the first with the first, and so on.

    Each pair of positions is returned in both orders.
    """
    at = 0
    while at < len(signs):
        gone = _end_of_run(signs, at, "-")
        come = _end_of_run(signs, gone, "+")
        for old, new in zip(range(at, gone), range(gone, come), strict=False):
            yield old, new
            yield new, old
        at = max(come, at + 1)


def _end_of_run(signs: Sequence[str], at: int, sign: str) -> int:
    while at < len(signs) and signs[at] == sign:
        at += 1
    return at


def _empty(attribute: AttributeChange) -> str:
    sides = [side for side in (attribute.old, attribute.new) if side is not None]
    return f"{attribute.path} = {' → '.join(sides)}"


def _remarks(change: ChangeReport, *, whole: bool) -> Iterator[Line]:
    counts = []
    if empty := [_empty(attribute) for attribute in change.attributes if attribute.empty]:
        named = ", ".join(empty)
        counts.append(f"empty: {named if whole or len(named) <= _WIDEST_NAMES else f'{len(empty)} attributes'}")
    if change.recomputed:
        counts.append(known_late(change, whole=whole))
    if change.unchanged:
        counts.append(f"{change.unchanged} unchanged")
    if change.left_out:
        counts.append(f"{change.left_out} changed, left out: they are too large for a report")
    if counts:
        yield _remark(f"# {'; '.join(counts)}")
    if change.several_blocks or "*" in change.address or "… " in change.address:
        yield from (Line(sign=" ", text=f"# {name}", remark=True, inside=True) for name in change.instances)


def _remark(text: str) -> Line:
    return Line(sign=" ", text=text, remark=True)


def _sign(character: str) -> Sign:
    return "+" if character == "+" else "-" if character == "-" else " "


def _top_level_name(path: str) -> str:
    return path.split(".")[0].split("[")[0]
