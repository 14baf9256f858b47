"""Decide which diffs are open at first: short ones, and longer ones if the report has few changes."""

from collections.abc import Sequence

from checks.rendering.lines import lines_of_change
from checks.report import RunReport
from checks.report.change_report import ChangeReport

CLOSED = frozenset({"destroy", "tags", "read", "state"})
"""Sections that are never opened: the line of a change says everything, or the change matters little."""
_MOST_OPEN_IN_REPORT = 200
"""The most open lines in a report. If all diffs were open, it would be as long as Terraform's own output."""
_FEW_CHANGES = 3
_OPEN_LINES, _OPEN_LINES_OF_FEW = 10, 60
_MOST_ATTRIBUTES = 60  # a separate limit: as tables, many attributes may take few lines


def most_open_lines(report: RunReport) -> int:
    """The number of lines up to which a change's body may be open."""
    roots = report.previews or report.roots
    changes = sum(change.section not in CLOSED for root in roots for change in root.changes)
    return _OPEN_LINES_OF_FEW if changes <= _FEW_CHANGES else _OPEN_LINES


class Openings:
    """The remaining number of open lines, and the limit for one change."""

    def __init__(self, lines: int, most: int) -> None:
        self._left = lines
        self._most = most

    @classmethod
    def of(cls, report: RunReport) -> "Openings":
        """The limits for a report that is shown on its own."""
        return cls(_MOST_OPEN_IN_REPORT, most_open_lines(report))

    @classmethod
    def none(cls) -> "Openings":
        """Limits with which nothing is open, as in a comment."""
        return cls(0, 0)

    def take(self, members: Sequence[ChangeReport]) -> bool:
        """Whether the diff of these changes is open; if so, its lines are counted."""
        first = members[0]
        if not self._left or len(members) > 1 or len(first.attributes) > _MOST_ATTRIBUTES or first.section in CLOSED:
            return False
        return self.take_lines(len(lines_of_change(first)))

    def take_lines(self, lines: int) -> bool:
        """Whether a text with this many lines is open; if so, they are counted."""
        if lines > min(self._most, self._left):
            return False
        self._left -= lines
        return True
