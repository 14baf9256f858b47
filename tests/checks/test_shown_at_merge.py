"""The verdict that GitHub showed when a pull request was merged."""

import pytest

from checks.explain import ShownVerdict, shown_at_merge


def verdicts(*words: str) -> list[ShownVerdict]:
    """Verdicts from texts of the form `RUN CONCLUSION AT`, oldest first."""
    parts = [each.split() for each in words]
    return [ShownVerdict(run=run, conclusion=conclusion, at=float(at)) for run, conclusion, at in parts]


@pytest.mark.parametrize(
    ("said", "merged_at", "shown"),
    [
        ((), 10, None),
        (("a in_progress 5", "a success 8"), 10, "success"),
        (("a in_progress 5", "a failure 8"), 10, "failure"),
        (("a in_progress 5", "a success 8"), 7, "in_progress"),
        (("a in_progress 5",), 4, None),
        # GitHub gives times in whole seconds, so a verdict in the second of the merge may be older or newer.
        (("a in_progress 5", "a success 10.6"), 10, "success"),
        (("a in_progress 5", "a success 8", "b in_progress 10.4"), 10, "success"),
        (("a in_progress 5", "a success 8", "b in_progress 10.2", "b failure 10.8"), 10, "success"),
        (("a in_progress 5", "a success 8", "b in_progress 10"), 10, "success"),
        (("a in_progress 5", "a success 8", "b in_progress 9.9"), 10, "in_progress"),
        (("a in_progress 5", "a failure 8", "b in_progress 10.4"), 10, "in_progress"),
        (("a in_progress 5", "a success 10", "b in_progress 10"), 10, "success"),
        (("a in_progress 10", "a success 10", "b in_progress 10", "b failure 10"), 10, "success"),
        (("a in_progress 10", "b in_progress 10", "a success 10"), 10, "in_progress"),
        (("a in_progress 5", "a success 9", "b in_progress 9"), 10, "in_progress"),
        # A check run that was created earlier is hidden, whatever its conclusion.
        (("a in_progress 5", "b in_progress 8", "a success 9"), 11, "in_progress"),
        (("a in_progress 5", "b in_progress 8", "a failure 9", "b success 10"), 11, "success"),
        (("a in_progress 5", "a success 8", "a success 9"), 11, "success"),
        # A repeated step has recorded the same verdict twice.
        (("a in_progress 5", "a success 8", "a in_progress 5"), 11, "success"),
    ],
)
def test_a_merge_is_judged_by_the_check_run_that_github_showed(
    said: tuple[str, ...], merged_at: float, shown: str | None
) -> None:
    found = shown_at_merge(verdicts(*said), merged_at)
    assert (None if found is None else found.conclusion) == shown
