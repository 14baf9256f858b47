"""Names in the code are shown and secrets are not, even if both are the same word."""

import pytest

from checks.diagnostic import Diagnostic
from checks.plan.parity import summarize
from checks.report.root_reports import report_failure
from checks.sensitive import Mask
from tests.checks.building import NO_MASK, plan_of, report, resource, run

HIDDEN = {"before_sensitive": {"user": True}, "after_sensitive": {"user": True}}


@pytest.mark.parametrize(
    "address",
    [
        "aws_db_instance.main",
        "aws_db_instance.production",
        "module.production[0].aws_db_instance.db",
        "terraform_data.reports[0]",
        "module.reports[0].terraform_data.reports",
        "aws_db_instance.db_production_old",
    ],
)
def test_a_destroyed_resource_is_named_whatever_the_words_of_a_secret(address: str) -> None:
    secrets = ("main", "production", "reports", "aws_db_instance", "terraform_data.reports")
    outputs = {
        f"o{number}": {"actions": ["create"], "after": secret, "before_sensitive": False, "after_sensitive": True}
        for number, secret in enumerate(secrets)
    }
    reported = report(plan_of(resource(address, "delete", before={}), output_changes=outputs))
    assert [change.address for change in reported.changes] == [address]


def test_an_instance_key_may_be_a_secret_and_is_hidden() -> None:
    plan = plan_of(
        resource('module.net["hunter2"].null_x.y["hunter2"]', "delete", before={}),
        resource("null_x.login", "update", before={"user": "old"}, after={"user": "hunter2"}, **HIDDEN),
    )
    reported = report(plan)
    assert reported.changes[0].address == 'module.net["(sensitive)"].null_x.y["(sensitive)"]'
    assert summarize(plan, mask=NO_MASK).changes[0].address == reported.changes[0].address


def test_a_message_about_a_resource_names_it() -> None:
    said = Diagnostic(
        severity="error",
        summary="reports cannot be destroyed",
        detail="Instance module.app.null_x.reports uses reports as its user, and reports-2026 as its password.",
        address="module.app.null_x.reports",
        path="reports/main.tf",
    )
    marked = resource(
        "module.app.null_x.reports", "update", before={"user": "reports", "password": "reports-2026"}, after={},
        before_sensitive={"user": True, "password": True},
    )  # fmt: skip
    (diagnostic,) = report(plan_of(marked), diagnostics=[said]).diagnostics
    assert diagnostic.address == "module.app.null_x.reports"
    assert diagnostic.path == "reports/main.tf"
    assert diagnostic.detail == (
        "Instance module.app.null_x.reports uses reports as its user, and (sensitive) as its password."
    )


def test_the_name_of_the_root_module_stands_in_its_cause() -> None:
    cause = "terraform plan failed in `stacks/payments`: payments-key is wrong"
    failed = report_failure(
        root_module="stacks/payments",
        environment="testing",
        workspace="default",
        cause=cause,
        mask=Mask.of(["payments", "payments-key"]),
    )
    assert failed.cause == "terraform plan failed in `stacks/payments`: (sensitive) is wrong"


def test_a_value_that_is_also_a_name_is_hidden_where_it_is_all_of_an_attribute() -> None:
    plan = plan_of(
        resource("null_x.reports", "update", before={"user": "a"}, after={"user": "reports"}, **HIDDEN),
        resource("null_x.copy", "create", after={"output": "reports"}),
    )
    (created,) = [change for change in report(plan).changes if change.section == "add"]
    assert created.attributes[0].new == '"(sensitive)"'
    assert run(report(plan)).title == "1 to add, 1 to change in testing"


def test_a_word_is_left_alone_only_where_all_of_it_is_a_name() -> None:
    mask = Mask.of(["payments-key", "payments"]).but_names(
        ["module.payments.null_x.main", "x/payments-key-file/main.tf"]
    )
    assert mask.text("payments payments-key payments-key-file payments-file xpayments") == (
        "payments (sensitive) payments-key-file (sensitive)-file x(sensitive)"
    )
