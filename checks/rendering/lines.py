"""One change as lines with a sign, the form that Markdown, HTML and the terminal have in common."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from checks.report.change_report import AttributeChange, ChangeReport, InvocationReport
from checks.report.danger_table import MIRRORS

Sign = Literal["+", "-", "~", " "]
_WIDEST_PATH = 46
_WIDEST_PAIR = 100
_MOST_INSTANCES = 30
_NAMED = 6


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a diff. `forces` is whether this attribute forces the replacement; a `remark` is about the diff."""

    sign: Sign
    text: str
    forces: bool = False
    remark: bool = False


def lines_of_change(change: ChangeReport) -> tuple[Line, ...]:
    """The body of a change: each attribute, then what is not printed, then the instances that it stands for."""
    return (*lines_of_attributes(change.attributes), *map(_remark, _remarks(change)))


def lines_of_members(members: Sequence[ChangeReport]) -> tuple[Line, ...]:
    """The bodies of changes that share one line, each under its address."""
    if len(members) == 1:
        return lines_of_change(members[0])
    return tuple(line for change in members for line in (_remark(change.address), *lines_of_change(change)))


def lines_of_attributes(attributes: Sequence[AttributeChange]) -> tuple[Line, ...]:
    """Attributes as `path = old → new`, the equals signs one below the other."""
    width = max((len(a.path) for a in attributes if len(a.path) <= _WIDEST_PATH and not a.lines), default=0)
    return tuple(line for attribute in attributes for line in _lines(attribute, width))


def estimated_bytes(attributes: Sequence[AttributeChange]) -> int:
    """About how long attributes are as text; cheaper than to write them."""
    return sum(
        len(a.path) + len(a.old or "") + len(a.new or "") + sum(map(len, a.lines)) + 8 + 6 * len(a.lines)
        for a in attributes
    )


def names_of_change(change: ChangeReport, most: int = 6) -> tuple[str, ...]:
    """The names of what changes, for a change's one line; none where everything comes or goes."""
    if change.section in ("add", "destroy", "read", "state"):
        return ()
    changed = change.changed_names
    names = tuple(name for name in changed if MIRRORS.get(name) not in changed)
    if change.section == "replace":
        forcing = tuple(dict.fromkeys(_top(a.path) for a in change.attributes if a.forces_replacement))
        names = forcing or names
    return names if len(names) <= most else (*names[: most - 1], f"{len(names) - most + 1} more")


def remarks_of_change(change: ChangeReport, *, alike: bool = True) -> tuple[str, ...]:
    """What is to be said of a change in its one line: instances (whether `alike`), where it comes from, why."""
    remarks = []
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
    """What runs and when, in one line, names in backticks."""
    if isinstance(invocation, str):  # as reports were stored before
        return invocation
    when = f" {invocation.event} of `{invocation.triggered_by}`" if invocation.triggered_by else ""
    when = " by `-invoke`" if invocation.by_request else when
    return f"`{invocation.address}`{when}" + (f", {invocation.reason}" if invocation.reason else "")


def is_deferred(invocation: InvocationReport | str) -> bool:
    """Whether an action runs only after a later plan."""
    return not isinstance(invocation, str) and invocation.reason is not None


def lines_of_invocation(invocation: InvocationReport | str) -> tuple[Line, ...]:
    """The arguments that an action is given."""
    return () if isinstance(invocation, str) else lines_of_attributes(invocation.attributes)


def _lines(attribute: AttributeChange, width: int) -> Iterator[Line]:
    forces = attribute.forces_replacement
    if attribute.lines:
        signs = {line[:1] for line in attribute.lines}
        sign: Sign = "+" if signs == {"+"} else "-" if signs == {"-"} else "~"
        yield Line(sign=sign, text=f"{attribute.path} =", forces=forces)
        for line in attribute.lines:
            yield Line(sign=_sign(line[:1]), text=f"    {line[2:]}")
        return
    path = attribute.path.ljust(width)
    old, new = attribute.old, attribute.new
    if old is None and new is None:
        yield Line(sign=" ", text=attribute.path, remark=True)
    elif old is None:
        yield Line(sign="+", text=f"{path} = {new}", forces=forces)
    elif new is None:
        yield Line(sign="-", text=f"{path} = {old}", forces=forces)
    elif len(old) + len(new) <= _WIDEST_PAIR:
        yield Line(sign="~", text=f"{path} = {old} → {new}", forces=forces)
    else:
        yield Line(sign="~", text=f"{attribute.path} =", forces=forces)
        yield Line(sign="-", text=f"    {old}")
        yield Line(sign="+", text=f"    {new}")


def _remarks(change: ChangeReport) -> Iterator[str]:
    counts = []
    if change.recomputed:
        names = change.recomputed
        known_late = f"{len(names)} attributes" if len(names) > _NAMED else ", ".join(names)
        counts.append(f"known after apply: {known_late}")
    if change.unchanged:
        counts.append(f"{change.unchanged} unchanged")
    if change.left_out:
        counts.append(f"{change.left_out} changed, too many to show")
    if counts:
        yield "; ".join(counts)
    if change.several_blocks or "*" in change.address or "… " in change.address:
        yield from change.instances[:_MOST_INSTANCES]
        if len(change.instances) > _MOST_INSTANCES:
            yield f"… {len(change.instances) - _MOST_INSTANCES} more"


def _remark(text: str) -> Line:
    return Line(sign=" ", text=f"# {text}", remark=True)


def _sign(character: str) -> Sign:
    return "+" if character == "+" else "-" if character == "-" else " "


def _top(path: str) -> str:
    return path.split(".")[0].split("[")[0]
