"""A root module that reads another's future output is planned at apply; any other error is an error."""

import pytest

from checks.diagnostic import Diagnostic
from checks.report.not_there_yet import LowerPlan, not_there_yet

NO_STATE = Diagnostic(severity="error", summary="Unable to find remote state", detail="No stored state was found")
NO_OUTPUT = Diagnostic(
    severity="error",
    summary="Unsupported attribute",
    detail='This object does not have an attribute named "size".',
)
TYPO = Diagnostic(severity="error", summary="Reference to undeclared local value")
WARNING = Diagnostic(severity="warning", summary="Deprecated")
ADDS = {"network": LowerPlan(changes_anything=True, new_outputs=frozenset({"size"}))}
CHANGES = {"network": LowerPlan(changes_anything=True)}
SAME = {"network": LowerPlan(changes_anything=False)}
LATER = {"network": LowerPlan(changes_anything=False, planned_at_apply=True)}


@pytest.mark.parametrize(
    ("diagnostics", "lower", "why"),
    [
        ([NO_OUTPUT, WARNING], ADDS, "it reads the output `size` of `network`, which this change creates"),
        ([NO_STATE], CHANGES, "it reads the state of `network`, which this change creates"),
        ([NO_OUTPUT], LATER, "it reads the output `size` of `network`, which this change creates"),
        ([NO_OUTPUT], CHANGES, None),
        ([NO_STATE], SAME, None),
        ([NO_STATE], {}, None),
        ([NO_OUTPUT, TYPO], ADDS, None),
        ([WARNING], ADDS, None),
    ],
)
def test_a_plan_waits_for_outputs_of_a_lower_layer(
    diagnostics: list[Diagnostic], lower: dict[str, LowerPlan], why: str | None
) -> None:
    assert not_there_yet(diagnostics, lower) == why
