"""Limits on a report's size: a plan's author must not decide how much of a server's memory it takes."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec

from checks.report.change_report import AttributeChange, ChangeReport

MOST_CHARACTERS = 10_000_000
"""The limit for the attributes of one root module. Above it, the largest changes are listed without details."""


class Bounds:
    """Decides which details of one root module are kept: all of them, or if these are too large together, only the
    smaller ones."""

    def __init__(
        self, changes: Iterable[ChangeReport], outputs: Iterable[AttributeChange], most: int = MOST_CHARACTERS
    ):
        sizes = sorted([*map(_size, changes), *(output.size for output in outputs)])
        self._largest = next(
            (size - 1 for size, total in zip(sizes, accumulate(sizes), strict=True) if total > most), None
        )
        self.left_out = sum(self._is_too_large(size) for size in sizes)

    def changes(self, changes: Sequence[ChangeReport]) -> tuple[ChangeReport, ...]:
        """All changes; those that are too large lose their attributes."""
        if self._largest is None:
            return tuple(changes)
        return tuple(
            change if not self._is_too_large(_size(change)) else _without_details(change) for change in changes
        )

    def outputs(self, outputs: Sequence[AttributeChange]) -> tuple[AttributeChange, ...]:
        """All outputs; those that are too large lose their values."""
        return tuple(output if not self._is_too_large(output.size) else _without_values(output) for output in outputs)

    def warnings(self) -> tuple[str, ...]:
        """A warning if the report was shortened."""
        if not self.left_out:
            return ()
        return (
            f"This report is cut: the plan has more than {MOST_CHARACTERS:,} characters, the limit of a report. The "
            f"details of the largest changes ({self.left_out:,}) are left out everywhere; `terraform show` has them.",
        )

    def _is_too_large(self, size: int) -> bool:
        return self._largest is not None and size > self._largest


def _size(change: ChangeReport) -> int:
    return sum(attribute.size for attribute in (*change.attributes, *change.recomputed_from))


def _without_details(change: ChangeReport) -> ChangeReport:
    return msgspec.structs.replace(change, attributes=(), recomputed_from=(), left_out=len(change.attributes))


def _without_values(output: AttributeChange) -> AttributeChange:
    return AttributeChange(path=output.path, note=f"{output.size:,} characters, too large for a report")
