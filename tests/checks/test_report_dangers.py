"""Dangerous changes come first, and once."""

import re

import pytest

from checks.diagnostic import Diagnostic
from checks.plan import Plan
from checks.rendering.html import render_html
from checks.rendering.markdown import render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport
from checks.report.root_reports import report_failure, report_plan
from tests.checks.building import NO_MASK, plan_of, report, resource, run

OPEN = resource(
    "aws_security_group_rule.open", "update", before={"cidr_blocks": []}, after={"cidr_blocks": ["0.0.0.0/0"]}
)
ERROR = re.compile(r"\*\*Error\*\*: (error \d+)")
LOST = resource("aws_db_instance.orders", "delete", before={"size": 1})
REPLACED = resource("aws_s3_bucket.logs", "delete", "create", before={"bucket": "a"}, after={"bucket": "b"})


def failed(*diagnostics: Diagnostic, root_module: str = "app", cause: str = "terraform plan failed") -> RootReport:
    return report_failure(
        root_module=root_module,
        environment="testing",
        workspace="default",
        cause=cause,
        mask=NO_MASK,
        diagnostics=diagnostics,
    )


def report_named(root_module: str, plan: Plan) -> RootReport:
    return report_plan(plan, root_module=root_module, environment="testing", workspace="default", mask=NO_MASK)


def failing(*roots: RootReport, cause: str = "terraform plan failed", notes: tuple[str, ...] = ()) -> RunReport:
    return RunReport(
        operation="plan",
        environment="testing",
        repository="o/r",
        commit_sha="a" * 40,
        conclusion="failure",
        cause=cause,
        notes=notes,
        roots=roots,
    )


def error(line: int, path: str | None = "app/main.tf", detail: str = "Correct it.") -> Diagnostic:
    return Diagnostic(severity="error", summary=f"error {line}", detail=detail, path=path, start_line=line)


@pytest.mark.parametrize("address", ["aws_security_group_rule.open", "aws_db_instance.orders", "aws_s3_bucket.logs"])
def test_a_dangerous_change_is_shown_once_in_every_format(address: str) -> None:
    run_report = run(report(plan_of(OPEN, LOST, REPLACED)))
    output = render_check_run(run_report)
    for form in (
        f"{output.summary}{output.text or ''}",
        render_markdown(run_report),
        render_html(run_report),
        render_text(run_report),
    ):
        assert form.count(address) == 1


def test_the_attributes_of_a_dangerous_change_are_in_the_list_at_the_top() -> None:
    output = render_check_run(run(report(plan_of(OPEN, LOST, resource("null_x.y", "create", after={"a": 1})))))
    assert '"0.0.0.0/0"' in output.summary
    assert "- size = 1" in output.summary
    assert output.text is not None
    assert "null_x.y" in output.text


def test_with_more_than_fifty_dangers_the_list_names_types_and_each_change_is_below() -> None:
    lost = [resource(f"aws_db_instance.d{number}", "delete", before={"size": number}) for number in range(60)]
    run_report = run(report(plan_of(*lost, REPLACED)))
    output = render_check_run(run_report)
    assert output.summary.partition("Destroyed or replaced")[2].splitlines()[1:] == [
        "- `-` **60 `aws_db_instance`** · **database** · `aws_db_instance.d0`, `aws_db_instance.d1`, "
        "`aws_db_instance.d2`, `aws_db_instance.d3`, `aws_db_instance.d4`, 55 more",
        "- `-/+` **1 `aws_s3_bucket`** · **bucket** · `aws_s3_bucket.logs`",
    ]
    for number in range(60):
        assert f"<code>aws_db_instance.d{number}</code>" in (output.text or "")
    assert "60 <code>aws_db_instance</code>" in render_html(run_report)
    assert "- 60 aws_db_instance" in render_text(run_report)


def test_many_instances_of_one_block_share_a_line_and_keep_their_own_differences() -> None:
    lost = [resource(f"null_x.y[{number}]", "delete", before={"size": number}) for number in range(7)]
    run_report = run(report(plan_of(*lost)))
    for form in (render_check_run(run_report).summary, render_html(run_report), render_text(run_report)):
        assert form.count("null_x.y[0..6]") == 1
        assert "7 instances" in form
        assert "the same in each" not in form
        for number in range(7):
            assert f"null_x.y[{number}]" in form
            assert f"size = {number}" in form


def test_destroyed_objects_are_near_the_top_even_if_another_root_module_fails() -> None:
    lost = [resource(f"terraform_data.gone{number}", "delete", before={"input": "x"}) for number in range(2)]
    net = report_named("net", plan_of(*lost))
    errors = failed(*(error(line) for line in (32, 26, 20, 5, 14, 8, 2, 11, 17, 23, 29, 35)))
    summary = render_check_run(failing(errors, net)).summary
    for address in ("terraform_data.gone0", "terraform_data.gone1"):
        assert summary.index(address) < 1_500


def test_destroyed_objects_are_near_the_top_even_below_a_long_cause_and_many_notes() -> None:
    net = report_named("net", plan_of(LOST))
    cause = f"terraform plan failed in `app`: {'words ' * 400}end of the cause"
    run_report = failing(failed(error(1), cause=cause), net, cause=cause, notes=tuple("note " * 30 for _ in range(20)))
    summary = render_check_run(run_report).summary
    assert summary.index("aws_db_instance.orders") < 1_500
    assert summary.count("end of the cause") == 1
    assert summary.count("note") == 600


def test_errors_go_by_file_and_line_and_the_long_tail_is_folded() -> None:
    errors = [error(line) for line in (32, 5, 14, 8, 2, 11)] + [error(1, "app/alone.tf"), error(99, None)]
    summary = render_check_run(failing(failed(*errors))).summary
    shown, _, tail = summary.partition("<details><summary>3 more errors</summary>")
    order = ["error 1", "error 2", "error 5", "error 8", "error 11"]
    assert [
        line.split("**: ")[1].split(" ·")[0] for line in shown.splitlines() if line.startswith("**Error**")
    ] == order
    assert [line.split("**: ")[1].split(" ·")[0] for line in tail.splitlines() if line.startswith("**Error**")] == [
        "error 14",
        "error 32",
        "error 99",
    ]


def test_errors_go_by_file_and_line_in_every_form() -> None:
    run_report = failing(failed(error(32), error(5), error(9, "app/alone.tf"), error(99, None)))
    for form in (render_check_run(run_report).summary, render_html(run_report), render_text(run_report)):
        assert re.findall(r"error \d+", form) == ["error 9", "error 5", "error 32", "error 99"]


def test_a_long_error_is_folded_below_its_line() -> None:
    said = "\n".join(f"line {number}" for number in range(40))
    summary = render_check_run(failing(failed(error(1, detail=said)))).summary
    assert "**Error**: error 1 · `app/main.tf:1` · `app`" not in summary  # one root module needs no name
    assert "**Error**: error 1 · `app/main.tf:1`\n\n<details><summary>40 lines</summary>" in summary


def test_a_failed_check_is_in_the_title() -> None:
    check = {"address": {"to_display": "check.health", "kind": "check"}, "status": "fail", "instances": []}
    passed = {"address": {"to_display": "check.fine", "kind": "check"}, "status": "pass", "instances": []}
    changed = resource("null_x.y", "create", after={})
    assert run(report(plan_of(changed, checks=[check, passed]))).title == "1 to add in testing, 1 check failed"
    assert run(report(plan_of(checks=[check, check]))).title == "no changes in testing, 2 checks failed"


def test_a_partial_plan_is_marked_in_its_row() -> None:
    whole, part = report_named("net", plan_of(LOST)), report_named("app", plan_of(OPEN, errored=True))
    output = render_check_run(failing(whole, part))
    assert "| `app` | 1 |  | **only a part: Terraform could not finish the plan** |" in output.summary
    assert "<td>only a part: Terraform could not finish the plan</td></tr>" in render_html(failing(whole, part))
    assert "app in testing: 1 to change; only a part: Terraform could not" in render_text(failing(whole, part))
    for form in (render_check_run(failing(part)).summary, render_html(failing(part)), render_text(failing(part))):
        assert "only a part" in form


def test_in_a_report_of_few_changes_longer_diffs_stand_open() -> None:
    long = [
        resource(f"null_x.y{number}", "update", before={"text": "\n" * 2}, after={"text": "a line\n" * 30})
        for number in range(4)
    ]
    few, many = (run(report(plan_of(*changes))) for changes in (long[:3], long))
    assert (render_check_run(few).text or "").count("<details open>") == 3
    assert (render_check_run(many).text or "").count("<details open>") == 0
    assert render_html(few).count('<details class="change" open>') == 3
    assert render_html(many).count('<details class="change" open>') == 0
    assert "<details open>" not in render_markdown(run(report(plan_of(*long[:3]))))
