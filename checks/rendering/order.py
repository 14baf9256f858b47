"""In which order root modules and diagnostics are shown."""

from checks.diagnostic import Diagnostic
from checks.report import NO_COUNTS, RootReport, RunReport


def place_of(diagnostic: Diagnostic) -> tuple[bool, bool, str, int]:
    """A sort key: errors before warnings, then by file and line, what has no place last."""
    return diagnostic.severity != "error", diagnostic.path is None, diagnostic.path or "", diagnostic.start_line or 0


def by_danger(report: RunReport) -> list[RootReport]:
    """Every root module of the run, and of its previews, the worst first."""
    return sorted(
        (*report.roots, *report.previews),
        key=lambda root: (
            root.went_well,
            root.outcome == "skipped",
            -(root.counts.destroy + root.counts.replace),
            -root.counts.change,
            root.counts == NO_COUNTS,
            root.environment != report.environment,
            root.environment,
            root.root_module,
        ),
    )
