"""Which diffs stand open: short ones, and in a report of a few changes longer ones too."""

from collections.abc import Sequence

from checks.rendering.lines import lines_of_change
from checks.report import RunReport
from checks.report.change_report import ChangeReport

CLOSED = frozenset({"destroy", "tags", "read", "state"})
"""What everything comes down to stands in the line itself; what matters little is not opened."""
_OPEN_IN_ALL = 200
"""So many lines stand open in a report: one in which all is open is as long as Terraform's own."""
_FEW_CHANGES = 3
_OPEN_LINES, _OPEN_LINES_OF_FEW = 10, 60
_MOST_LOOKED_AT = 60  # attributes: as tables they may be few lines


def most_open_lines(report: RunReport) -> int:
    """How long the body of a change may be that stands open."""
    roots = report.previews or report.roots
    changes = sum(change.section not in CLOSED for root in roots for change in root.changes)
    return _OPEN_LINES_OF_FEW if changes <= _FEW_CHANGES else _OPEN_LINES


class Openings:
    """How many lines may still stand open, and how many of one change."""

    def __init__(self, lines: int, most: int) -> None:
        self._left = lines
        self._most = most

    @classmethod
    def of(cls, report: RunReport) -> "Openings":
        """Those of a report that is looked at by itself."""
        return cls(_OPEN_IN_ALL, most_open_lines(report))

    @classmethod
    def none(cls) -> "Openings":
        """Everything stays closed, as in a comment."""
        return cls(0, 0)

    def take(self, members: Sequence[ChangeReport]) -> bool:
        """Whether the diff of these changes stands open; if so, its lines are used up."""
        first = members[0]
        if not self._left or len(members) > 1 or len(first.attributes) > _MOST_LOOKED_AT or first.section in CLOSED:
            return False
        return self.take_lines(len(lines_of_change(first)))

    def take_lines(self, lines: int) -> bool:
        """Whether a text of so many lines stands open; if so, they are used up."""
        if lines > min(self._most, self._left):
            return False
        self._left -= lines
        return True
