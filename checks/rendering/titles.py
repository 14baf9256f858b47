"""The headings under which changes are shown, the same in every form of the report."""

from collections.abc import Callable

from checks.plain_text import one_line
from checks.report import NO_COUNTS, RootReport
from checks.report.change_report import Section

TITLES: dict[Section, str] = {
    "destroy": "Destroy",
    "replace": "Replace",
    "change": "Change",
    "add": "Add",
    "read": "Read during apply",
    "tags": "Only tags and version stamps",
    "state": "Only the state: moved, imported, forgotten",
}
DRIFT_TITLE = "Drift: changed outside of Terraform"
INVOCATIONS_TITLE = "Actions of providers that run"
DEFERRED_TITLE = "Deferred to a later plan"
DEFERRED_ACTIONS_TITLE = "Actions of providers that are deferred"
ONLY_A_PART = "only a part: Terraform could not finish the plan"
CHECKS_TITLE = "Conditions that do not hold"


def in_environment(environment: str, written: Callable[[str], str] = one_line) -> str:
    """ " in staging"; nothing where a plan of others' was read and nobody said what it was made in."""
    return f" in {written(environment)}" if environment else ""


def words_of_field(field: str) -> str:
    """A column of counts, by the field of `Counts`."""
    return "deferred" if field == "defer" else field.rstrip("_")


def words_of_root(root: RootReport) -> str:
    """What one root module's plan does, or how it ended."""
    if not root.went_well:
        return root.outcome.replace("_", " ")
    words = "only outputs change" if root.counts == NO_COUNTS and root.outputs else root.counts.words()
    return f"{words}; {ONLY_A_PART}" if root.errored else words
