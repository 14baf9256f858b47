"""The report of a change: attributes, danger, noise, folding."""

from typing import Any

import pytest

from checks.declaration import Declaration
from checks.diagnostic import Diagnostic
from checks.plan.marks import UNKNOWN, Hidden
from checks.rendering.annotations import annotate
from checks.rendering.lines import lines_of_change
from checks.report import RunReport
from checks.report.change_report import AttributeChange, ChangeReport
from checks.report.danger import danger_rank, marks
from checks.report.danger_table import STATEFUL
from checks.report.diff import diff, diff_value
from checks.report.fold import common_name, fold
from checks.report.root_reports import report_failure, report_skipped
from checks.sensitive import Mask
from tests.checks.building import NO_MASK, plan_of, report, resource, run

OPENED = ("opens to the world",)


def attribute_texts(before: Any, after: Any, **more: Any) -> list[str]:
    difference = diff(before, after, mask=NO_MASK, **more)
    change = ChangeReport(address="a", type="t", action="update", section="change", attributes=difference.attributes)
    return [f"{'!' if line.forces else line.sign} {line.text}" for line in lines_of_change(change)]


def test_a_changed_attribute_is_one_line() -> None:
    assert attribute_texts({"size": 1}, {"size": 2}) == ["~ size = 1 → 2"]


def test_equals_signs_are_aligned() -> None:
    before, after = {"a": 1, "longer": True}, {"a": 2, "longer": None, "b": "x"}
    assert attribute_texts(before, after) == ["~ a      = 1 → 2", '+ b      = "x"', "- longer = true"]


def test_true_and_one_are_not_the_same() -> None:
    assert attribute_texts({"flag": True}, {"flag": 1}) == ["~ flag = true → 1"]


def test_the_attribute_that_forces_a_replacement_says_so() -> None:
    lines = attribute_texts({"a": {"b": 1}}, {"a": {"b": 2}}, replace_paths=[("a", "b")])
    assert lines == ["! a.b = 1 → 2"]


def test_a_value_known_after_apply_names_its_source() -> None:
    lines = attribute_texts({"vpc": "v-1"}, {"vpc": UNKNOWN}, references={"vpc": ("aws_vpc.main.id",)})
    assert lines == ['~ vpc = "v-1" → (known after apply) ← aws_vpc.main.id']


def test_recomputed_attributes_are_named_and_not_listed() -> None:
    difference = diff({"id": "i-1", "arn": "a"}, {"id": UNKNOWN, "arn": UNKNOWN}, mask=NO_MASK, references={})
    assert (difference.attributes, difference.recomputed) == ((), ("arn", "id"))


def test_without_the_configuration_everything_unknown_is_listed() -> None:
    assert attribute_texts({"id": "i-1"}, {"id": UNKNOWN}) == ['~ id = "i-1" → (known after apply)']


def test_hidden_values_are_compared_and_not_shown() -> None:
    assert attribute_texts({"p": Hidden("old")}, {"p": Hidden("new")}) == ["~ p = (sensitive) → (sensitive)"]
    assert attribute_texts({"p": Hidden("old")}, {"p": Hidden("old")}) == []


def test_a_value_that_becomes_sensitive_was_a_secret_before() -> None:
    assert attribute_texts({"p": "hunter2"}, {"p": Hidden("hunter3")}) == ["~ p = (sensitive) → (sensitive)"]


def test_hidden_items_of_a_list_are_distinguished() -> None:
    before, after = {"l": [Hidden("a"), Hidden("b")]}, {"l": [Hidden("b"), Hidden("c")]}
    assert attribute_texts(before, after) == ["- l[0] = (sensitive)", "+ l[1] = (sensitive)"]


def test_items_with_a_name_are_identified_by_it() -> None:
    before = {"rule": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}
    after = {"rule": [{"name": "b", "port": 3}, {"name": "a", "port": 1}]}
    assert attribute_texts(before, after) == ['~ rule["b"].port = 2 → 3', '~ rule["a"]  (moved from [0] to [1])']


def test_items_with_equal_names_go_by_their_place() -> None:
    before = {"rule": [{"name": "a", "x": 1}, {"name": "a", "x": 2}]}
    after = {"rule": [{"name": "a", "x": 1}, {"name": "a", "x": 3}]}
    assert attribute_texts(before, after) == ["~ rule[1].x = 2 → 3"]


def test_a_json_text_is_compared_by_its_content() -> None:
    lines = attribute_texts({"p": '{"b":[1],"a":{"x":1}}'}, {"p": '{"a": {"x": 1}, "b": [2]}'})
    assert lines == [
        "~ p =",
        "      {",
        '        "a": {"x": 1},',
        '-       "b": [1]',
        '+       "b": [2]',
        "      }",
    ]


def test_a_long_value_is_kept_whole() -> None:
    (attribute,) = diff_value("v", None, "a" * 5_000 + "z", mask=NO_MASK)
    assert attribute.new == '"' + "a" * 5_000 + 'z"'


def test_a_secret_in_a_long_value_is_hidden() -> None:
    secret = "correct-horse-battery-staple-9"
    (attribute,) = diff_value("v", None, "x" * 55 + secret + "y" * 400, mask=Mask.of([secret]))
    assert attribute.new == '"' + "x" * 55 + "(sensitive)" + "y" * 400 + '"'


@pytest.mark.parametrize(
    ("type_", "section", "attributes", "expected"),
    [
        ("aws_db_instance", "destroy", [], ("database",)),
        ("aws_db_instance", "replace", [], ("database",)),
        ("aws_db_instance", "change", [], ()),
        ("google_storage_bucket", "destroy", [], ("bucket",)),
        ("azurerm_key_vault_key", "destroy", [], ("key",)),
        ("aws_route53_zone", "destroy", [], ("DNS zone",)),
        ("aws_iam_role", "change", [("path", '"/"', '"/x/"')], ("permissions",)),
        ("google_project_iam_member", "add", [("role", None, '"roles/owner"')], ("allows every action",)),
        ("aws_security_group", "change", [("name", '"a"', '"b"')], ("network",)),
        ("aws_security_group", "change", [('ingress["22/tcp"].cidr_blocks[0]', None, '"0.0.0.0/0"')], OPENED),
        ("aws_security_group", "change", [("egress[0].cidr_blocks[0]", None, '"0.0.0.0/0"')], ("network",)),
        ("aws_security_group", "change", [("ingress[0]", None, '{ cidr_blocks = ["::/0"], x = 1 }')], OPENED),
        ("aws_security_group", "change", [("ingress[0]", '{ cidr_blocks = ["::/0"] }', None)], ("network",)),
        ("aws_db_instance", "change", [("publicly_accessible", "false", "true")], ("opens to the world",)),
        ("aws_db_instance", "change", [("deletion_protection", "true", "false")], ("removes a safeguard",)),
        ("aws_db_instance", "add", [("deletion_protection", None, "false")], ()),
        ("terraform_data", "change", [("input", "1", "2")], ()),
    ],
)  # fmt: skip
def test_danger_is_marked(type_: str, section: Any, attributes: Any, expected: tuple[str, ...]) -> None:
    changes = [AttributeChange(path=path, old=old, new=new) for path, old, new in attributes]
    assert marks(type_, section, changes) == expected


def test_the_most_serious_mark_comes_first() -> None:
    safeguard = AttributeChange(path="deletion_protection", old="true", new="false")
    policy = AttributeChange(path="role", old='"roles/viewer"', new='"roles/owner"')
    found = marks("google_project_iam_member", "change", [safeguard, policy])
    assert found == ("allows every action", "removes a safeguard")


def test_losing_data_is_graver_than_opening_something_which_is_graver_than_the_rest() -> None:
    order = [("database",), ("opens to the world",), ("permissions",), ("network",), ()]
    assert sorted(order, key=danger_rank) == order


def test_a_type_holds_one_kind_of_data() -> None:
    types = [type_ for types in STATEFUL.values() for type_ in types]
    assert len(types) == len(set(types))
    assert len(types) > 250


@pytest.mark.parametrize(
    ("addresses", "name"),
    [
        (["a.b[0]", "a.b[1]", "a.b[2]"], "a.b[0..2]"),
        (["a.b[0]", "a.b[2]", "a.b[3]"], "a.b[0, 2..3]"),
        (['a.b["x"]', 'a.b["y"]'], 'a.b["x", "y"]'),
        ([f'a.b["{key}"]' for key in "uvwxyz"], 'a.b["u", "v", "w", "x", … 2 more]'),
        (['module.m["x"].a.b[0]', 'module.m["y"].a.b[0]'], 'module.m["x", "y"].a.b[0]'),
        (["module.m[0].a.b[0]", "module.m[1].a.b[1]"], "module.m[*].a.b[*]"),
        (['a.b["q[0]"]', 'a.b["q[1]"]'], 'a.b["q[0]", "q[1]"]'),
    ],
)
def test_folded_instances_have_one_name(addresses: list[str], name: str) -> None:
    assert common_name(addresses) == name


def test_different_changes_are_not_folded() -> None:
    changes = [
        ChangeReport(
            address=f"a.b[{number}]",
            type="a",
            action="update",
            section="change",
            attributes=(AttributeChange(path="size", old="1", new=new),),
        )
        for number, new in enumerate(["2", "2", "3"])
    ]
    assert [change.address for change in fold(changes)] == ["a.b[0..1]", "a.b[2]"]


def test_deposed_objects_of_one_resource_are_not_folded() -> None:
    changes = [
        ChangeReport(address="a.b", type="a", action="forget", section="state", attributes=(), deposed=key)
        for key in ("00000001", "00000002")
    ]
    assert [change.deposed for change in fold(changes)] == ["00000001", "00000002"]


def test_equal_changes_of_tags_are_folded_over_all_resources() -> None:
    attributes = (AttributeChange(path="tags.release", old='"1"', new='"2"'),)
    changes = [
        ChangeReport(address=address, type="t", action="update", section="tags", attributes=attributes)
        for address in ("aws_vpc.main", "aws_subnet.a[0]", "aws_subnet.a[1]")
    ]
    (folded,) = fold(changes)
    assert (folded.address, folded.several_blocks, folded.size) == ("3 resources", True, 3)


def test_the_order_is_by_danger() -> None:
    plan = plan_of(
        resource("null_x.created", "create", after={"a": 1}),
        resource("null_x.gone", "delete", before={"a": 1}),
        resource("aws_s3_bucket.gone", "delete", before={"a": 1}),
        resource("null_x.tagged", "update", before={"tags": {"a": "1"}}, after={"tags": {"a": "2"}}),
        resource("null_x.kept", "no-op", before={}, after={}),
        resource("null_x.changed[10]", "update", before={"a": 1}, after={"a": 2}),
        resource("null_x.changed[9]", "update", before={"a": 1}, after={"a": 3}),
        resource("null_x.replaced", "delete", "create", before={"a": 1}, after={"a": 2}),
    )
    assert [(change.section, change.address) for change in report(plan).changes] == [
        ("destroy", "aws_s3_bucket.gone"),
        ("destroy", "null_x.gone"),
        ("replace", "null_x.replaced"),
        ("change", "null_x.changed[9]"),
        ("change", "null_x.changed[10]"),
        ("add", "null_x.created"),
        ("tags", "null_x.tagged"),
    ]


def test_the_order_in_the_file_does_not_matter() -> None:
    resources = [resource(f"null_x.r{n}", "update", before={"a": n}, after={"a": n + 1}) for n in range(5)]
    assert report(plan_of(*resources)).changes == report(plan_of(*reversed(resources))).changes


def test_an_unset_list_that_comes_back_empty_is_shown_and_does_not_count_as_drift() -> None:
    drifted = resource("null_x.y", "update", before={"l": None}, after={"l": []})
    reported = report(plan_of(resource_drift=[drifted]))
    assert [change.section for change in reported.drift] == ["tags"]
    assert [attribute.new for change in reported.drift for attribute in change.attributes] == ["[]"]
    title = RunReport(
        operation="drift",
        environment="staging",
        repository="o/r",
        commit_sha="a" * 40,
        conclusion="success",
        roots=(reported,),
    ).title
    assert title == "no drift in staging"


def test_a_destroyed_resource_is_annotated_at_its_module_call_if_its_block_is_elsewhere() -> None:
    call = Declaration(path="main.tf", start_line=3, end_line=6)
    plan = plan_of(resource('module.net["a"].module.sub.null_x.y[0]', "delete", before={}))
    (annotation,) = annotate(run(report(plan, declarations={"module.net": call})))
    assert (annotation.path, annotation.start_line, annotation.end_line, annotation.level) == (
        "main.tf",
        3,
        6,
        "warning",
    )
    assert annotation.title == 'module.net["a"].module.sub.null_x.y[0] is destroyed'


def test_places_outside_the_repository_are_not_annotated() -> None:
    failed = report_failure(
        root_module=".",
        environment="testing",
        workspace="x",
        cause="no",
        mask=NO_MASK,
        diagnostics=[
            Diagnostic(severity="error", summary="no place"),
            Diagnostic(severity="error", summary="x", path="a.tf"),
        ],
    )
    assert [annotation.path for annotation in annotate(run(failed))] == ["a.tf"]


def test_annotations_on_lines_of_the_diff_come_first() -> None:
    diagnostics = [
        Diagnostic(severity="error", summary="elsewhere", path="a.tf", start_line=1),
        Diagnostic(severity="warning", summary="in the diff", path="b.tf", start_line=10, end_line=12),
    ]
    failed = report_failure(
        root_module=".", environment="testing", workspace="x", cause="no", mask=NO_MASK, diagnostics=diagnostics
    )
    annotations = annotate(run(failed), changed_lines={"b.tf": [range(12, 14)]})
    assert [annotation.title for annotation in annotations] == ["in the diff", "elsewhere"]


def test_columns_are_given_for_one_line_only() -> None:
    places: list[dict[str, Any]] = [{"start_line": 1, "end_line": 2}, {"start_line": 1, "end_line": 1}]
    found = [Diagnostic(severity="error", summary="x", path="a.tf", start_column=3, end_column=9, **p) for p in places]
    failed = report_failure(
        root_module=".", environment="testing", workspace="x", cause="no", mask=NO_MASK, diagnostics=found
    )
    assert [annotation.start_column for annotation in annotate(run(failed))] == [None, 3]


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({}, "no changes in testing"),
        ({"roots": ()}, "no root module touched"),
        ({"operation": "drift"}, "no drift in testing"),
        ({"conclusion": "failure", "cause": "Conflict with main in a.tf.\nRebase."}, "Conflict with main in a.tf."),
        ({"conclusion": "cancelled", "roots": ()}, "the run was cancelled"),
        ({"conclusion": "failure", "cause": "`"}, "the run failed"),
        ({"conclusion": "failure", "cause": "see `main.tf`\u202e"}, "see main.tf\\u202e"),
        ({"conclusion": "failure", "cause": "word " * 100}, "word " * 49 + "word…"),
    ],
)
def test_the_title_of_each_kind_of_run(changed: dict[str, Any], title: str) -> None:
    values = {"operation": "plan", "conclusion": "success", "roots": (report(plan_of()),), **changed}
    assert RunReport(environment="testing", repository="o/r", commit_sha="a" * 40, **values).title == title


def test_a_skipped_root_module_says_why() -> None:
    skipped = report_skipped(root_module="app", environment="testing", workspace="x", cause="network failed")
    assert (skipped.outcome, skipped.cause, skipped.succeeded) == ("skipped", "network failed", False)


def test_an_applied_run_is_described_in_the_past_tense() -> None:
    applied = report(
        plan_of(resource("null_x.y", "create", after={}), resource("null_x.z", "delete", before={}))
    ).applied()
    run_report = RunReport(
        operation="apply",
        environment="staging",
        repository="o/r",
        commit_sha="a" * 40,
        conclusion="success",
        roots=(applied,),
    )
    assert run_report.title == "1 added, 1 destroyed in staging"


def test_an_incomplete_plan_says_so() -> None:
    assert report(plan_of(complete=False)).warnings == (
        "This plan is incomplete: after it is applied, another plan will still show changes.",
    )


def test_a_digest_with_a_key_differs_from_one_without() -> None:
    plan = plan_of(resource("null_x.y", "create", after={"a": 1}))
    assert report(plan).digest != report(plan, digest_key=b"key").digest


def test_drift_that_the_plan_leaves_alone_is_still_drift() -> None:
    drifted = resource("null_x.y", "update", before={"a": 1}, after={"a": 2})
    run_report = RunReport(
        operation="drift",
        environment="staging",
        repository="o/r",
        commit_sha="a" * 40,
        conclusion="success",
        roots=(report(plan_of(resource_drift=[drifted])),),
    )
    assert run_report.title == "drift: 1 changed outside of Terraform in staging"
