"""Deferred changes and the actions of providers are named, counted and masked."""

from typing import Any

import msgspec
import pytest

from checks.plan.digest import digest, shape_digest
from checks.rendering.html import render_html
from checks.rendering.json_report import render_json
from checks.rendering.lines import words_of_invocation
from checks.rendering.markdown import render_check_run
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport
from checks.report.change_report import AttributeChange, InvocationReport
from tests.checks.building import plan_of, report, resource, run

SECRET = "hunter-SECRET-7731"


def deferred(reason: str, address: str, *actions: str, **change: Any) -> dict[str, Any]:
    return {"reason": reason, "resource_change": resource(address, *actions, **change)}


def invocation(name: str, **more: Any) -> dict[str, Any]:
    marks: dict[str, Any] = {"config_sensitive": {}, "config_unknown": {}}
    return {"address": f"action.bufo_print.{name}", "type": "bufo_print", "name": name, **marks, **more}


def every_form(run_report: RunReport) -> str:
    output = render_check_run(run_report)
    parts = (
        output.title,
        output.summary,
        output.text or "",
        render_html(run_report),
        render_text(run_report),
        render_json(run_report),
    )
    return "\n".join(parts)


def test_a_deferred_destroy_is_named_among_the_dangers_with_its_reason() -> None:
    later = deferred("provider_config_unknown", "aws_db_instance.prod", "delete", before={"id": "1"})
    run_report = run(report(plan_of(deferred_changes=[later], complete=False)))
    output = render_check_run(run_report)
    assert output.title == "1 deferred in testing"
    danger = output.summary.partition("Destroyed or replaced")[2].splitlines()[2]
    assert danger == (
        "<details><summary><code>-</code> <code>aws_db_instance.prod</code> · <b>database</b>"
        " · deferred: its provider&#x27;s configuration is known only after apply</summary>"
    )
    assert output.text is None
    for form in (render_html(run_report), render_text(run_report), render_json(run_report)):
        assert "aws_db_instance.prod" in form
        assert "configuration is known only after apply" in form


def test_other_deferred_changes_stand_by_themselves_after_what_is_done_now() -> None:
    plan = plan_of(
        resource("aws_x.now", "create", after={"a": 1}),
        deferred_changes=[deferred("instance_count_unknown", 'aws_x.later["*"]', "create", after={"a": 1})],
        complete=False,
    )
    output = render_check_run(run(report(plan)))
    assert output.title == "1 to add, 1 deferred in testing"
    assert output.text is not None
    assert output.text.index("#### Add") < output.text.index("#### Deferred to a later plan")
    assert (
        "aws_x.later[&quot;*&quot;]</code> · deferred: its <code>count</code> or <code>for_each</code>" in output.text
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("instance_count_unknown", "its `count` or `for_each` is known only after apply"),
        ("resource_config_unknown", "its arguments are known only after apply"),
        ("provider_config_unknown", "its provider's configuration is known only after apply"),
        ("absent_prereq", "something that it depends on does not exist yet"),
        ("deferred_prereq", "something that it depends on is deferred"),
        ("of_tomorrow", "of_tomorrow"),
    ],
)
def test_the_reason_of_a_deferral_is_the_one_that_terraform_gives(reason: str, words: str) -> None:
    plan = plan_of(
        deferred_changes=[deferred(reason, "aws_x.y", "update", before={}, after={})],
        deferred_action_invocations=[{"reason": reason, "action_invocation": invocation("later")}],
    )
    run_report = report(plan)
    assert run_report.deferred[0].reason == f"deferred: {words}"
    (action,) = run_report.invocations
    assert words_of_invocation(action) == f"`action.bufo_print.later`, deferred: {words}"
    assert run_report.counts.defer == 2


def test_a_deferred_action_is_not_among_those_that_run() -> None:
    plan = plan_of(
        action_invocations=[invocation("now")],
        deferred_action_invocations=[{"reason": "deferred_prereq", "action_invocation": invocation("later")}],
    )
    run_report = run(report(plan))
    assert run_report.title == "1 to invoke, 1 deferred in testing"
    for form in (render_check_run(run_report).text or "", render_html(run_report), render_text(run_report)):
        runs, _, later = form.partition("Provider actions that are deferred")
        assert "action.bufo_print.now" in runs
        assert "action.bufo_print.later" in later
        assert "action.bufo_print.later" not in runs


def test_actions_are_counted_and_shown_with_trigger_and_arguments() -> None:
    trigger = {"triggering_resource_address": "terraform_data.t", "action_trigger_event": "AfterCreate"}
    plan = plan_of(
        resource("terraform_data.t", "create", after={}),
        action_invocations=[
            invocation(
                "ok",
                config_values={"color": True, "token": SECRET},
                config_sensitive={"token": True},
                config_unknown={"target": True},
                lifecycle_action_trigger=trigger,
            ),
            invocation("asked_for", config_values={"payload": "{}"}, invoke_action_trigger={}),
        ],
    )
    run_report = run(report(plan))
    assert run_report.title == "1 to add, 2 to invoke in testing"
    assert run_report.roots[0].invocations == (
        InvocationReport(
            address="action.bufo_print.asked_for",
            type="bufo_print",
            by_request=True,
            attributes=(AttributeChange(path="payload", new='"{}"'),),
        ),
        InvocationReport(
            address="action.bufo_print.ok",
            type="bufo_print",
            event="after create",
            triggered_by="terraform_data.t",
            attributes=(
                AttributeChange(path="color", new="true"),
                AttributeChange(path="target", new="(known after apply)"),
                AttributeChange(path="token", new="(sensitive)"),
            ),
        ),
    )
    text = render_check_run(run_report).text or ""
    assert "<code>action.bufo_print.ok</code> after create of <code>terraform_data.t</code>" in text
    assert "<code>action.bufo_print.asked_for</code> by <code>-invoke</code>" in text
    assert "+ color  = true" in text
    assert SECRET not in every_form(run_report)


def test_arguments_of_an_action_without_marks_are_hidden() -> None:
    unmarked = {"address": "action.x.y", "config_values": {"token": SECRET}}
    assert SECRET not in every_form(run(report(plan_of(action_invocations=[unmarked]))))


def test_a_value_marked_in_a_deferred_change_or_action_is_hidden_everywhere() -> None:
    marked = {"before_sensitive": {"pw": True}, "after_sensitive": {"pw": True}}
    plan = plan_of(
        resource("null_x.copy", "create", after={"of": f"{SECRET}-1 {SECRET}-2"}),
        deferred_changes=[deferred("unknown", "null_x.y", "update", before={"pw": f"{SECRET}-1"}, after={}, **marked)],
        deferred_action_invocations=[
            {
                "reason": "unknown",
                "action_invocation": invocation(
                    "later", config_values={"pw": f"{SECRET}-2"}, config_sensitive={"pw": True}
                ),
            }
        ],
    )
    assert SECRET not in every_form(run(report(plan)))


def test_an_applied_action_is_described_in_the_past_tense() -> None:
    applied = report(plan_of(action_invocations=[invocation("now")])).applied()
    assert msgspec.structs.replace(run(applied), operation="apply").title == "1 invoked in testing"


def test_an_action_with_other_arguments_is_another_plan_of_the_same_shape() -> None:
    plans = [plan_of(action_invocations=[invocation("x", config_values={"size": size})]) for size in (1, 2)]
    assert digest(plans[0]) != digest(plans[1])
    assert shape_digest(plans[0]) == shape_digest(plans[1])


def test_a_report_that_was_stored_before_actions_had_arguments_is_still_shown() -> None:
    stored = (
        b'{"root_module":"a","environment":"testing","workspace":"x","outcome":"planned","counts":{"add":1},'
        b'"invocations":["`action.x.y` after update of `null_x.z`"]}'
    )
    run_report = run(msgspec.json.decode(stored, type=RootReport))
    assert "- `action.x.y` after update of `null_x.z`" in (render_check_run(run_report).text or "")
    assert "action.x.y after update of null_x.z" in render_text(run_report)
    assert "<code>action.x.y</code> after update of <code>null_x.z</code>" in render_html(run_report)
