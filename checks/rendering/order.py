"""In which order root modules are shown."""

from checks.report import NO_COUNTS, RootReport, RunReport


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
