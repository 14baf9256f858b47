"""Real plans, made by real Terraform (see plans/make.py), read into values."""

import json
from pathlib import Path
from typing import Any

import pytest

from checks.errors import PlanFormatError
from checks.plan import Action, Counts, Plan, ResourceChange, read_plan
from checks.plan.marks import UNKNOWN

PLANS = Path(__file__).parent / "plans"
NAMES = sorted(path.parent.name for path in PLANS.glob("*/plan.json"))


def plan_of(name: str) -> Plan:
    return read_plan((PLANS / name / "plan.json").read_bytes())


def change_of(name: str, address: str) -> ResourceChange:
    return next(change for change in plan_of(name).resource_changes if change.address == address and change.changes)


def written(**parts: Any) -> bytes:
    return json.dumps({"format_version": "1.2", "planned_values": {}, **parts}).encode()


def resource(*actions: str, address: str = "null_resource.a", **change: Any) -> dict[str, Any]:
    return {"address": address, "mode": "managed", "type": "null_resource", "change": {"actions": actions, **change}}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("aws", "1 to add, 3 to change, 1 to replace, 1 to destroy"),
        ("checks", "1 to add, 1 to change, 1 to move"),
        ("count_to_zero", "1 to add, 3 to destroy"),
        ("create", "1 to add"),
        ("data_read_at_apply", "1 to add"),
        ("deposed", "1 to destroy"),
        ("destroy", "2 to destroy"),
        ("forget", "1 to forget"),
        ("import", "1 to import"),
        ("import_and_update", "1 to change, 1 to import"),
        ("known_after_apply", "1 to change, 1 to replace"),
        ("moved", "1 to change, 2 to move"),
        ("newer_everything", "2 to add, 1 to change, 1 to replace, 1 to destroy, 1 to move"),
        ("no_changes", "no changes"),
        ("only_outputs", "no changes"),
        ("replace_create_first", "1 to replace"),
        ("replace_delete_first", "1 to replace"),
    ],
)
def test_changes_are_counted_as_people_count_them(name: str, words: str) -> None:
    assert plan_of(name).counts.words() == words


@pytest.mark.parametrize("name", NAMES)
def test_every_real_plan_is_read_to_its_last_value(name: str) -> None:
    plan = plan_of(name)
    assert plan.terraform_version in ("1.11.4", "1.15.5")
    assert plan.marked
    for change in (*plan.resource_changes, *plan.drift):
        before, after = change.shown_before, change.shown_after
        assert before is None or (isinstance(before, dict) and set(before) == set(change.before))
        assert after is None or (isinstance(after, dict) and set(after) >= set(change.after))


def test_counts_of_several_plans_add_up() -> None:
    assert Counts(add=1, replace=2) + Counts(add=2, import_=1) == Counts(add=3, replace=2, import_=1)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("no_changes", False), ("only_outputs", True), ("moved_into_module", True), ("import", True), ("forget", True)],
)
def test_a_plan_changes_something_even_if_only_outputs_or_the_state_change(name: str, changes: bool) -> None:
    assert plan_of(name).changes_anything is changes


def test_a_plan_that_only_runs_provider_actions_changes_something() -> None:
    trigger = {"triggering_resource_address": "aws_instance.a", "action_trigger_event": "AfterUpdate"}
    invocation = {"address": "action.aws_lambda_invoke.a", "lifecycle_action_trigger": trigger}
    plan = read_plan(written(action_invocations=[invocation], applyable=False))
    assert plan.changes_anything
    assert plan.action_invocations[0].lifecycle_action_trigger is not None
    assert plan.action_invocations[0].lifecycle_action_trigger.action_trigger_event == "AfterUpdate"


@pytest.mark.parametrize(("name", "empty"), [("create", True), ("targeted", True), ("update", False), ("moved", False)])
def test_an_empty_state_is_seen(name: str, empty: bool) -> None:
    assert plan_of(name).state_empty is empty


def test_a_state_with_resources_in_modules_only_is_not_empty() -> None:
    inner = {"child_modules": [{"resources": [{"address": "module.a.null_resource.b", "mode": "managed"}]}]}
    data = {"resources": [{"mode": "data"}]}
    assert not read_plan(written(prior_state={"values": {"root_module": inner}})).state_empty
    assert read_plan(written(prior_state={"values": {"root_module": data}})).state_empty


def test_a_replacement_names_what_forces_it_and_its_order() -> None:
    delete_first = change_of("replace_delete_first", "terraform_data.database")
    assert delete_first.action is Action.DELETE_CREATE
    assert delete_first.replace_paths == (("triggers_replace",),)
    assert delete_first.action_reason == "replace_because_cannot_update"
    create_first = change_of("replace_create_first", "terraform_data.certificate")
    assert create_first.action is Action.CREATE_DELETE
    assert create_first.replaces
    assert create_first.destroys
    assert change_of("aws", "aws_db_instance.orders").replace_paths == (("availability_zone",),)


@pytest.mark.parametrize(
    ("name", "address", "reason"),
    [
        ("replace_requested", "terraform_data.node[1]", "replace_by_request"),
        ("replace_triggered_by", "terraform_data.node", "replace_by_triggers"),
        ("tainted", "terraform_data.node", "replace_because_tainted"),
        ("count_to_zero", "terraform_data.worker[1]", "delete_because_count_index"),
        ("for_each_and_count", 'terraform_data.zone["eu-west-1b"]', "delete_because_each_key"),
        ("delete", "terraform_data.gone", "delete_because_no_resource_config"),
        ("data_read_at_apply", "data.terraform_remote_state.network", "read_because_config_unknown"),
    ],
)
def test_the_reason_of_an_action_is_kept(name: str, address: str, reason: str) -> None:
    assert change_of(name, address).action_reason == reason


@pytest.mark.parametrize(
    ("actions", "action"), [("create forget", "create-forget"), ("forget create", "forget-create")]
)
def test_a_replacement_that_forgets_the_old_object_destroys_nothing(actions: str, action: str) -> None:
    plan = read_plan(written(resource_changes=[resource(*actions.split())]))
    change = plan.resource_changes[0]
    assert (change.action.value, change.replaces, change.destroys) == (action, True, False)
    assert plan.counts == Counts(replace=1)


def test_a_move_knows_where_it_came_from() -> None:
    moved = change_of("moved_into_module", 'module.network.terraform_data.this["main"]')
    assert moved.previous_address == "terraform_data.network"
    assert moved.module_address == "module.network"
    assert moved.index == "main"
    assert moved.only_in_state
    assert not change_of("moved", "terraform_data.changed").only_in_state


def test_an_import_knows_its_object_and_the_generated_configuration() -> None:
    change = change_of("import_generated", "terraform_data.adopted")
    assert change.importing is not None
    assert change.importing.id == "orders-queue"
    assert change.generated_config is not None
    assert change.generated_config.startswith('resource "terraform_data" "adopted"')


def test_a_deposed_object_is_a_change_of_its_own() -> None:
    change = change_of("deposed", "terraform_data.node")
    assert (change.deposed, change.action) == ("abecb650", Action.DELETE)


def test_count_indices_are_numbers_and_for_each_keys_are_texts() -> None:
    indices = [change.index for change in plan_of("for_each_and_count").resource_changes]
    assert set(indices) == {*range(13), "eu-west-1a", "eu-west-1b", "eu-west-1c", 'a "quoted" key'}


def test_values_known_after_apply_stand_beside_known_ones() -> None:
    subnet = change_of("known_after_apply", "terraform_data.subnet")
    assert isinstance(subnet.shown_after, dict)
    assert subnet.shown_after["input"] == {"vpc": UNKNOWN, "zones": [UNKNOWN, "fixed"]}


def test_outputs_are_read_in_the_order_of_their_names() -> None:
    changes = [(output.name, output.action) for output in plan_of("outputs").output_changes]
    assert changes == [
        ("changed", Action.UPDATE),
        ("gone", Action.DELETE),
        ("known_later", Action.CREATE),
        ("password", Action.CREATE),
        ("same", Action.NO_OP),
    ]


def test_an_output_shows_its_values_unless_they_are_sensitive() -> None:
    changed, gone, later, password, _ = plan_of("outputs").output_changes
    assert changed.shown_before == {"url": "https://old.example.org"}
    assert (gone.shown_before, gone.shown_after) == (1, None)
    assert later.shown_after is UNKNOWN
    assert repr(password.shown_after) == "(sensitive)"


def test_checks_keep_their_status_and_messages() -> None:
    checks = {check.address.to_display: check for check in plan_of("checks").checks}
    assert {name: check.status for name, check in checks.items()} == {
        "check.later": "unknown",
        "check.size": "fail",
        "output.size": "pass",
        "terraform_data.server": "pass",
    }
    assert checks["check.size"].messages == ("Servers are larger than agreed: 3.",)
    assert checks["check.size"].address.kind == "check"


def test_a_plan_that_failed_half_way_says_so() -> None:
    plan = plan_of("precondition_fails")
    assert (plan.errored, plan.complete, plan.applyable) == (True, False, False)
    assert plan.checks[0].messages == ("Needs more than one.",)


def test_drift_deferred_changes_and_relevant_attributes_are_read() -> None:
    plan = read_plan(
        written(
            resource_drift=[resource("update", before={"size": 1}, after={"size": 2})],
            deferred_changes=[{"reason": "provider_config_unknown", "resource_change": resource("create")}],
            relevant_attributes=[{"resource": "null_resource.a", "attribute": ["size", 0]}],
        )
    )
    assert plan.drift[0].after == {"size": 2}
    assert (plan.deferred_changes[0].reason, plan.deferred_changes[0].resource_change.action.value) == (
        "provider_config_unknown",
        "create",
    )
    assert plan.relevant_attributes[0].attribute == ("size", 0)
    assert plan.counts == Counts(defer=1)


@pytest.mark.parametrize("version", ["0.1", "0.2", "1.0", "1.2", "1.99"])
def test_known_versions_of_the_format_are_read(version: str) -> None:
    assert read_plan(json.dumps({"format_version": version, "planned_values": {}}).encode()).format_version == version


@pytest.mark.parametrize("version", ["2.0", "0.0", "", "1", "10.1", "1.2\n", "١.٢"])
def test_other_versions_of_the_format_are_refused(version: str) -> None:
    with pytest.raises(PlanFormatError, match="plan format"):
        read_plan(json.dumps({"format_version": version}).encode())


def test_a_plan_without_marks_hides_every_value_and_says_so() -> None:
    """Terraform 0.12 to 0.14 wrote no marks, though a database's password was just as secret."""
    change = resource("update", before={"password": "a"}, after={"password": "b"}, after_unknown={})
    plan = read_plan(json.dumps({"format_version": "0.1", "resource_changes": [change]}).encode())
    assert not plan.marked
    assert repr((plan.resource_changes[0].shown_before, plan.resource_changes[0].shown_after)) == (
        "((sensitive), (sensitive))"
    )
    assert plan.sensitive_values() == frozenset()


@pytest.mark.parametrize("version", ["0.15.0", "0.15.0-rc2"])
def test_the_one_version_whose_marks_are_incomplete_is_refused(version: str) -> None:
    with pytest.raises(PlanFormatError, match=r"0\.15\.1"):
        read_plan(written(terraform_version=version))


def test_unknown_properties_are_ignored() -> None:
    change = {**resource("create"), "flavour": "new"}
    plan = read_plan(written(resource_changes=[change], something_new={"deep": [1]}))
    assert plan.counts == Counts(add=1)


@pytest.mark.parametrize("place", ["resource_changes", "resource_drift", "output_changes", "deferred_changes"])
@pytest.mark.parametrize("actions", [["dance"], [], ["create", "create"], ["delete", "create", "delete"], ["Create"]])
def test_an_action_that_is_not_known_refuses_the_plan(place: str, actions: list[str]) -> None:
    change = resource(*actions)
    parts: dict[str, Any] = {
        "resource_changes": [change],
        "resource_drift": [change],
        "output_changes": {"a": change["change"]},
        "deferred_changes": [{"reason": "unknown", "resource_change": change}],
    }
    name = "output.a" if place == "output_changes" else "null_resource.a"
    with pytest.raises(PlanFormatError, match=f"unknown action .* for '{name}'"):
        read_plan(written(**{place: parts[place]}))


@pytest.mark.parametrize(
    "plan_json",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"format_version": 1}',
        b'{"format_version": "1.2", "resource_changes": {}}',
        b"\xff",
    ],
)
def test_bytes_that_are_no_plan_are_refused(plan_json: bytes) -> None:
    with pytest.raises(PlanFormatError, match="not a Terraform plan"):
        read_plan(plan_json)


@pytest.mark.parametrize(
    ("plan_json", "said"),
    [
        (b'{"format_version": "1.0"}', "it contains no part of a plan"),
        (b'{"format_version": "1.0", "terraform_version": "1.11.4"}', "it contains no part of a plan"),
        (b'{"format_version": "1.0", "values": {"root_module": {}}}', "but a state in JSON form"),
        (b'{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x"}', "but a state file"),
        (
            b'{"@level":"info","@message":"Terraform 1.11.4"}\n{"@level":"info"}\n',
            "but the log of `terraform plan -json`",
        ),
        (b"PK\x03\x04\x14\x00", "but a plan file"),
    ],
)
def test_a_file_that_is_not_a_plan_is_identified_with_a_remedy(plan_json: bytes, said: str) -> None:
    with pytest.raises(PlanFormatError) as refused:
        read_plan(plan_json)
    assert said in str(refused.value)
    assert str(refused.value).endswith("`terraform show -json PLANFILE` prints a plan")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_is_skipped(encoding: str) -> None:
    """PowerShell's `>` writes a byte order mark."""
    text = written(resource_changes=[resource("create", after={"a": "ü"})]).decode()
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    plan = read_plan((mark + text).encode(encoding))
    assert plan.counts == Counts(add=1)
    assert plan.resource_changes[0].after == {"a": "ü"}


def test_bytes_that_do_not_fit_their_byte_order_mark_are_refused() -> None:
    with pytest.raises(PlanFormatError, match="UTF-16"):
        read_plan(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("parts", "address"),
    [
        ({"type": "null_resource", "name": "a"}, "null_resource.a"),
        ({"type": "null_resource", "name": "a", "index": 1}, "null_resource.a[1]"),
        ({"type": "aws_x", "name": "a", "index": "k", "module_address": "module.m[0]"}, 'module.m[0].aws_x.a["k"]'),
        ({"type": "aws_x", "name": "a", "mode": "data"}, "data.aws_x.a"),
    ],
)
def test_drift_without_an_address_is_named_by_its_parts(parts: dict[str, Any], address: str) -> None:
    """Terraform 1.0 wrote no addresses for drift."""
    change = {"actions": ["update"], "before": {"size": 1}, "after": {"size": 2}}
    assert read_plan(written(resource_drift=[{**parts, "change": change}])).drift[0].address == address


def test_a_planned_change_without_an_address_refuses_the_plan() -> None:
    with pytest.raises(PlanFormatError, match="without an address"):
        read_plan(written(resource_changes=[{"change": {"actions": ["create"]}}]))


def test_bytes_that_are_no_text_are_refused_where_they_are_read() -> None:
    plan = read_plan(written(resource_changes=[resource("create", after="?")]).replace(b'"?"', b'"\xff"'))
    with pytest.raises(PlanFormatError, match="not a Terraform plan"):
        _ = plan.resource_changes[0].after


def test_nothing_that_prints_a_plan_prints_a_value() -> None:
    plan = plan_of("sensitive")
    printed = repr([plan, plan.resource_changes, plan.output_changes, plan.resource_changes[0].change])
    assert printed == ("[Plan(1 to change), (ResourceChange(terraform_data.service, update),), (), Change(update)]")
