"""A pull request's two plans in one report: first the target, then only the differences of testing from it."""

import re
from typing import Any

import msgspec
import pytest

from checks.diagnostic import Diagnostic
from checks.rendering.html import render_html
from checks.rendering.markdown import LIMIT_BYTES, render_check_run
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport
from checks.report.root_reports import report_failure, report_plan
from tests.checks.building import NO_MASK, plan_of, resource

DESTROYS = resource("aws_db_instance.main", "delete", before={"id": "db-1"}, after=None)
ADDS = resource("null_x.y", "create", before=None, after={"n": 1})
CHANGES = resource("null_x.y", "update", before={"n": 1}, after={"n": 2})
IN_STATE = {"prior_state": {"values": {"root_module": {"resources": [{"address": "null_x.z"}]}}}}


def root(*resources: dict[str, Any], environment: str = "staging", name: str = "network", **more: Any) -> RootReport:
    """A root module whose state is not empty, unless `more` says otherwise."""
    warnings, undeclared = more.pop("warnings", ()), more.pop("undeclared", ())
    return report_plan(
        plan_of(*resources, **(more or IN_STATE)),
        root_module=name,
        environment=environment,
        workspace="default",
        mask=NO_MASK,
        warnings=warnings,
        undeclared=undeclared,
    )


def fresh(*resources: dict[str, Any], name: str = "network") -> RootReport:
    """A root module in testing, whose state is empty."""
    return root(*resources, environment="testing", name=name, prior_state=None)


def failed(environment: str, *diagnostics: Diagnostic) -> RootReport:
    return report_failure(
        root_module="network",
        environment=environment,
        workspace="default",
        cause=f"network in {environment}: plan failed: No value (network/main.tf:3)",
        mask=NO_MASK,
        diagnostics=diagnostics,
    )


def both(
    target: tuple[RootReport, ...], testing: tuple[RootReport, ...], *, conclusion: str = "success", **more: Any
) -> RunReport:
    return RunReport(
        operation="plan",
        environment="testing",
        repository="o/r",
        commit_sha="a" * 40,
        conclusion=conclusion,  # type: ignore[arg-type]
        roots=testing,
        previews=target,
        target="staging",
        **more,
    )


def test_additions_to_testings_empty_state_are_one_line_and_not_in_the_title() -> None:
    output = render_check_run(both((root(DESTROYS),), (fresh(ADDS),)))
    assert output.title == "1 to destroy in staging"
    first, *_, last = output.summary.split("\n\n")
    assert first == "Planned `network` at `aaaaaaaaaaaa` in staging."
    assert last == "`network` in `testing`: 1 to add, since the state there is empty."
    assert "testing" not in (output.text or "")


def test_the_same_changes_in_testing_are_one_line() -> None:
    output = render_check_run(both((root(CHANGES),), (root(CHANGES, environment="testing"),)))
    assert output.title == "1 to change in staging"
    assert output.summary.endswith("`network` in `testing`: 1 to change, nothing beyond the plan above.")


def test_testings_own_changes_follow_the_target_under_their_own_heading() -> None:
    output = render_check_run(both((root(CHANGES),), (root(DESTROYS, environment="testing"),)))
    assert output.title == "1 to change in staging; 1 to destroy in testing"
    assert output.summary.index("### In `testing`: 1 to destroy") < output.summary.index("aws_db_instance.main")
    assert "null_x.y" in (output.text or "")


@pytest.mark.parametrize(
    ("target", "testing"),
    [
        (root(), root(warnings=["look at this"], environment="testing")),
        (root(CHANGES), root(resource("null_x.y", "delete", before={"n": 1}, after=None), environment="testing")),
        (root(), failed("testing", Diagnostic(severity="error", summary="No value"))),
    ],
)
def test_root_modules_with_news_only_in_testing_are_never_folded(target: RootReport, testing: RootReport) -> None:
    assert both((target,), (testing,)).new_roots == (testing,)


def test_a_root_module_that_the_change_touches_in_testing_alone_says_so_in_the_title() -> None:
    report = both((), (root(CHANGES, environment="testing"),))
    assert report.title == "no root module touched in staging; 1 to change in testing"


def test_an_error_that_both_have_is_shown_once_and_beside_the_code_once() -> None:
    error = Diagnostic(severity="error", summary="No value", path="network/main.tf", start_line=3, end_line=3)
    output = render_check_run(both((failed("staging", error),), (failed("testing", error),), conclusion="failure"))
    assert output.title == "network in staging: plan failed: No value (network/main.tf:3)"
    assert output.summary.count("**Error**") == 1
    assert output.summary.endswith("`network` in `testing`: the same errors.")
    assert len(output.annotations) == 1


def test_an_error_in_testing_alone_stands_above_what_the_target_changes() -> None:
    error = Diagnostic(severity="error", summary="No value", path="network/main.tf", start_line=3, end_line=3)
    report = both((root(CHANGES, name="app"), root(name="network")), (failed("testing", error),), conclusion="failure")
    output = render_check_run(report)
    assert output.title == "network in testing: plan failed: No value (network/main.tf:3)"
    assert output.summary.index("**Error**") < output.summary.index("| `app`")
    assert "· `network` in `testing`" in output.summary


def test_with_many_root_modules_only_the_target_has_a_table() -> None:
    names = [f"root{number}" for number in range(10)]
    target = tuple(root(CHANGES, name=name) for name in names)
    new = root(DESTROYS, environment="testing", name="root7")
    testing = tuple(root(CHANGES, environment="testing", name=name) for name in names if name != "root7")
    summary = render_check_run(both(target, (*testing, new))).summary
    tables = re.findall(r"(?:^\| `root\d.*\n?)+", summary, re.MULTILINE)
    assert [table.count("\n| `") + 1 for table in tables] == [10]
    assert "### In `testing`: 1 to destroy" in summary
    assert summary.endswith("The other 9 root modules in `testing`: 9 to change, nothing beyond the plan above.")


def test_the_target_gets_most_of_githubs_limit_and_testing_the_rest() -> None:
    def many(environment: str, prefix: str, number: int) -> RootReport:
        changes = [
            resource(f"null_x.{prefix}{each}", "update", before={"n": "a" * 200}, after={"n": "b" * 200})
            for each in range(number)
        ]
        return root(*changes, environment=environment)

    def shown(target: int, testing: int, limit: int) -> tuple[int, int]:
        report = both((many("staging", "s", target),), (many("testing", "t", testing),))
        text = render_check_run(report, limit_bytes=limit).text or ""
        assert len(text.encode()) <= limit
        return len(set(re.findall(r"null_x\.s\d+", text))), len(set(re.findall(r"null_x\.t\d+", text)))

    assert shown(400, 400, 20_000)[0] > 2 * shown(400, 400, 20_000)[1] > 0
    assert shown(400, 1, 20_000)[0] > shown(400, 400, 20_000)[0]  # the target may use the room that testing leaves
    assert shown(1, 400, 20_000)[1] > 2 * shown(400, 400, 20_000)[1]  # and the other way round
    assert shown(20, 20, LIMIT_BYTES) == (20, 20)


def test_the_page_shows_each_environment_completely() -> None:
    page = render_html(both((root(DESTROYS),), (fresh(ADDS),)))
    target, testing = page.index("<h2>In <code>staging</code></h2>"), page.index("<h2>In <code>testing</code></h2>")
    assert target < page.index("aws_db_instance.main") < testing < page.index("null_x.y")


def test_a_terminal_shows_both_with_the_target_first() -> None:
    text = render_text(both((root(DESTROYS),), (fresh(ADDS),)))
    assert text.index("network in staging: 1 to destroy") < text.index("network in testing: 1 to add")


def test_vault_keys_that_are_not_declared_are_one_folded_line_for_the_whole_report() -> None:
    def two(environment: str) -> tuple[RootReport, ...]:
        return tuple(
            root(CHANGES, environment=environment, name=name, undeclared=["token", f"of_{name}"])
            for name in ("app", "network")
        )

    report = both(two("staging"), two("testing"))
    text = render_check_run(report).text or ""
    assert text.count("Vault keys") == 1
    assert text.endswith(
        "<details><summary>Vault keys that 2 root modules do not declare</summary>\n\n"
        "- `app`: `token`, `of_app`\n- `network`: `token`, `of_network`\n\n</details>"
    )
    assert render_html(report).count("Vault keys") == 1
    assert "network: Vault keys that it does not declare: token, of_network" in render_text(report)


def test_two_reports_that_share_a_head_each_keep_their_heading() -> None:
    one = both((root(*[CHANGES] * 1),), (root(DESTROYS, environment="testing"),), pull_request=1)
    two = msgspec.structs.replace(one, pull_request=2)
    summary = render_check_run(one, two, limit_bytes=700).summary
    assert "## Pull request 1" in summary
    assert "## Pull request 2" in summary
