"""The cost of a report for each change, counted in function calls, so it is the same on every machine."""

import io
import sys

from checks.plan import read_plan
from checks.rendering.markdown import render_check_run
from checks.report.root_reports import report_plan
from checks.sensitive import Mask
from tests.bench.generate_plan import write_plan
from tests.checks.building import run

SMALL, LARGE = 720, 3_600
CHANGING = 5 / 9
"""The share of changed resources in the generated plan."""
MOST_CALLS = 600
"""The limit for each change; it was 750 when a report took 16 to 20 times as long as decoding its plan."""


def calls_of_report(resources: int) -> int:
    """The number of calls of Python and C functions to build a report and to render its check run."""
    file = io.StringIO()
    write_plan(file, resources)
    plan = read_plan(file.getvalue().encode())
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        report = report_plan(plan, root_module=".", environment="testing", workspace="default", mask=Mask.none())
        render_check_run(run(report))
    finally:
        sys.setprofile(before)
    return calls


def test_a_report_takes_few_calls_for_each_change_however_many_there_are() -> None:
    small, large = calls_of_report(SMALL), calls_of_report(LARGE)
    assert large <= small * LARGE / SMALL
    assert large / (LARGE * CHANGING) < MOST_CALLS
