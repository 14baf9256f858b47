"""The order of root modules, diagnostics and environments."""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.diagnostic import Diagnostic
from checks.report import NO_COUNTS, RootReport, RunReport


def place_of(diagnostic: Diagnostic) -> tuple[bool, bool, str, int]:
    """A sort key: errors before warnings, then by file and line, those without a place last."""
    return diagnostic.severity != "error", diagnostic.path is None, diagnostic.path or "", diagnostic.start_line or 0


def by_danger(roots: Iterable[RootReport]) -> list[RootReport]:
    """Root modules of one environment, the worst first."""
    return sorted(
        roots,
        key=lambda root: (
            root.succeeded,
            root.outcome == "skipped",
            -(root.counts.destroy + root.counts.replace),
            -root.counts.change,
            root.counts == NO_COUNTS,
            root.environment,
            root.root_module,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPart:
    """One environment's part of a report: its root modules, the worst first.

    `folded` are testing's root modules that say nothing beyond the target's part. `follows`: whether another
    environment's part comes first.
    """

    roots: tuple[RootReport, ...]
    folded: tuple[RootReport, ...] = ()
    follows: bool = False

    @property
    def environment(self) -> str:
        return next((root.environment for root in (*self.roots, *self.folded)), "")

    @property
    def is_plain(self) -> bool:
        """Whether there is only one root module, so that its name can be omitted."""
        return len(self.roots) == 1


def parts_of(report: RunReport, *, folds: bool = True) -> tuple[EnvironmentPart, ...]:
    """The parts of a report, the target's first. `folds`: whether testing's root modules can be in `folded`."""
    if not report.previews:
        return (EnvironmentPart(roots=tuple(by_danger(report.roots))),)
    target = EnvironmentPart(roots=tuple(by_danger(report.previews)))
    if not report.roots:
        return (target,)
    new = report.new_roots if folds else report.roots
    folded = tuple(root for root in report.roots if root not in new)
    return target, EnvironmentPart(roots=tuple(by_danger(new)), folded=folded, follows=True)
