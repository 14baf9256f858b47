"""Dangers, shown first and once: destroyed and replaced objects, and changes that deserve a closer look."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from checks.report import RootReport
from checks.report.change_report import ChangeReport
from checks.report.danger import danger_rank
from checks.report.fold import group_names, natural_order

MOST_SHOWN = 50
"""If there are more dangerous changes, the list at the top shows only their kinds, and the details show each change."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a list; `members` are the changes that it stands for, such as many instances of one block."""

    root: RootReport
    change: ChangeReport
    members: tuple[ChangeReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Dangerous changes of one root module with the same type, action and marks."""

    root: RootReport
    changes: tuple[ChangeReport, ...]

    @property
    def first(self) -> ChangeReport:
        return self.changes[0]

    @property
    def size(self) -> int:
        """The number of resource instances."""
        return sum(change.size for change in self.changes)

    @property
    def names(self) -> tuple[str, ...]:
        """The first addresses, then the number of the others."""
        addresses = sorted((change.address for change in self.changes), key=natural_order)
        more = len(addresses) - _NAMED
        return (*addresses[:_NAMED], *([f"{more:,} more"] if more > 0 else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dangers:
    """A heading with its list. If there are `kinds`, the list shows these, and only the details show the entries."""

    heading: str
    entries: tuple[Entry, ...]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        if len(self.entries) <= MOST_SHOWN:
            return ()
        groups: dict[object, list[Entry]] = {}
        for entry in self.entries:
            root, change = entry.root, entry.change
            key = (root.root_module, root.environment, change.section, change.symbol, change.type, change.marks)
            groups.setdefault(key, []).append(entry)
        return tuple(
            Kind(root=group[0].root, changes=tuple(entry.change for entry in group)) for group in groups.values()
        )


def dangers(roots: Sequence[RootReport]) -> tuple[Dangers, ...]:
    """The lists that are not empty, each with its most dangerous change first; deferred changes are included."""
    lists = (
        Dangers(heading="Destroyed or replaced", entries=_entries(roots, _loses)),
        Dangers(heading="Look closely", entries=_entries(roots, _deserves_care)),
    )
    return tuple(found for found in lists if found.entries)


def left_for_details(root: RootReport, lists: Iterable[Dangers]) -> tuple[list[ChangeReport], list[ChangeReport]]:
    """The changes and the deferred changes of a root module that no list shows one by one."""
    shown = {id(each) for found in lists if not found.kinds for entry in found.entries for each in entry.members}
    return (
        [change for change in root.changes if id(change) not in shown],
        [change for change in root.deferred if id(change) not in shown],
    )


def _entries(roots: Sequence[RootReport], predicate: Callable[[ChangeReport], bool]) -> tuple[Entry, ...]:
    entries = [
        Entry(root=root, change=change, members=members)
        for root in roots
        for change, members in group_names(filter(predicate, (*root.changes, *root.deferred)))
    ]
    return tuple(sorted(entries, key=lambda entry: danger_rank(entry.change.marks)))


def _loses(change: ChangeReport) -> bool:
    return change.section in ("destroy", "replace")


def _deserves_care(change: ChangeReport) -> bool:
    return change.section in ("change", "add") and bool(change.marks)
