"""The headings of changes, the same in every format of the report."""

from collections.abc import Callable, Iterable, Mapping

from checks.plain_text import one_line
from checks.plan.apply_stream import words_of_results
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
_DONE_TITLES: dict[Section, str] = {"destroy": "Destroyed", "replace": "Replaced", "change": "Changed", "add": "Added"}
DRIFT_TITLE = "Drift: changed outside of Terraform"
INVOCATIONS_TITLE = "Provider actions that run"
DEFERRED_TITLE = "Deferred to a later plan"
DEFERRED_ACTIONS_TITLE = "Provider actions that are deferred"
ONLY_A_PART = "only a part: Terraform could not finish the plan"
CHECKS_TITLE = "Failed conditions"


def title_of(section: Section, root: RootReport) -> str:
    """The heading of a section: "Destroy" in a plan is "Destroyed" after the apply."""
    return _DONE_TITLES.get(section, TITLES[section]) if root.outcome == "applied" else TITLES[section]


def in_environment(environment: str, written: Callable[[str], str] = one_line) -> str:
    """ " in staging"; empty if the plan was made elsewhere and its environment is unknown."""
    return f" in {written(environment)}" if environment else ""


def words_of_field(field: str) -> str:
    """A column heading for counts, by the field of `Counts`."""
    return "deferred" if field == "defer" else field.rstrip("_")


def words_of_root(root: RootReport) -> str:
    """The actions of one root module's plan, or its outcome."""
    if not root.succeeded:
        outcome = root.outcome.replace("_", " ")
        return f"{outcome}: {words_of_results(root.results)}" if root.results else outcome
    if root.outcome == "applied":
        return "only outputs changed" if root.counts == NO_COUNTS and root.outputs else root.counts.done_words()
    words = "only outputs change" if root.counts == NO_COUNTS and root.outputs else root.counts.words()
    return f"{words}; {ONLY_A_PART}" if root.errored else words


def undeclared_keys(roots: Iterable[RootReport]) -> dict[str, tuple[str, ...]]:
    """The Vault keys that root modules do not declare, by root module, for all environments."""
    found: dict[str, tuple[str, ...]] = {}
    for root in roots:
        if root.undeclared:
            found[root.root_module] = tuple(dict.fromkeys((*found.get(root.root_module, ()), *root.undeclared)))
    return found


def undeclared_title(found: Mapping[str, tuple[str, ...]]) -> str:
    """A heading for the result of `undeclared_keys`."""
    which = "this root module does" if len(found) == 1 else f"{len(found)} root modules do"
    return f"Vault keys that {which} not declare"
