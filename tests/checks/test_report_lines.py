"""A change's line and the lines below it: the resource's identity, tables of rules, scanner findings, colours."""

from typing import Any

import msgspec
import pytest

from checks.plan.marks import Hidden
from checks.rendering.html import render_html
from checks.rendering.lines import lines_of_attributes, lines_of_change
from checks.rendering.markdown import render_check_run
from checks.rendering.markdown_change import diff_fence
from checks.rendering.text import render_text
from checks.report import RootReport
from checks.report.change_report import AttributeChange, ChangeReport, Finding
from checks.report.diff import diff
from checks.report.identity_table import ATTRIBUTES, NAMES, PLACES, SIZES
from tests.checks.building import NO_MASK, plan_of, report, resource, run


def lines(before: Any, after: Any) -> list[str]:
    attributes = diff(before, after, mask=NO_MASK).attributes
    return [f"{line.sign} {line.text}" for line in lines_of_attributes(attributes)]


@pytest.mark.parametrize(
    ("type_", "values", "said"),
    [
        (
            "aws_db_instance",
            {"identifier": "orders", "engine": "postgres", "instance_class": "db.t4g.small", "allocated_storage": 20},
            ("orders", "postgres", "db.t4g.small", "20 GB"),
        ),
        ("aws_subnet", {"tags": {"Name": "private a"}, "cidr_block": "10.0.0.0/24"}, ("private a", "10.0.0.0/24")),
        ("aws_security_group_rule", {"type": "ingress", "protocol": "tcp", "from_port": 80, "to_port": 90},
         ("ingress", "tcp", "80–90")),
        ("aws_security_group_rule", {"protocol": "tcp", "from_port": 22, "to_port": 22}, ("tcp", "22")),
        ("aws_route53_record", {"name": "www", "type": "A", "records": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]},
         ("www", "A", "10.0.0.1, 10.0.0.2, 1 more")),
        ("kubernetes_deployment", {"metadata": [{"name": "api", "namespace": "shop"}], "spec": [{"replicas": 3}]},
         ("shop", "api", "3 replicas")),
        ("unheard_of", {"region": "eu-1", "name": "x", "size_gb": 8, "zone": ""}, ("x", "eu-1", "8 GB")),
        ("unheard_of", {"name": True, "location": None}, ()),
        ("unheard_of", {"name": "it"}, ()),
        ("unheard_of", {"name": "n" * 100}, ("n" * 59 + "…",)),
    ],
)  # fmt: skip
def test_a_line_identifies_its_resource(type_: str, values: Any, said: tuple[str, ...]) -> None:
    (change,) = report(plan_of(resource(f"{type_}.it", "delete", before=values))).changes
    assert change.identity == said


def test_every_format_identifies_the_resource_in_its_line() -> None:
    lost = resource("aws_db_instance.db", "delete", before={"identifier": "orders", "engine": "postgres"})
    run_report = run(report(plan_of(lost)))
    assert (
        "<code>aws_db_instance.db</code> · orders, postgres · <b>database</b>" in render_check_run(run_report).summary
    )
    assert "<code>aws_db_instance.db</code> · orders, postgres · <strong>database</strong>" in render_html(run_report)
    assert "- aws_db_instance.db  orders, postgres  [database]" in render_text(run_report)


def test_a_changed_resource_is_identified_by_its_earlier_values() -> None:
    changed = resource("null_x.y", "update", before={"name": "old"}, after={"name": "new"})
    assert report(plan_of(changed)).changes[0].identity == ("old",)


def test_a_sensitive_value_does_not_identify_a_resource() -> None:
    marked = resource("null_x.y", "create", after={"name": "s3cret-1", "region": "eu"}, after_sensitive={"name": True})
    copied = resource("null_x.z", "create", after={"name": "a s3cret-1 b", "region": "us"})
    first, second = report(plan_of(marked, copied)).changes
    assert (first.identity, second.identity) == (("eu",), ("us",))


def test_folded_instances_say_what_they_have_in_common() -> None:
    before = [{"name": f"n{number}", "region": "eu", "size": 1} for number in range(3)]
    plan = plan_of(
        *(resource(f"null_x.y[{n}]", "update", before=b, after={**b, "size": 2}) for n, b in enumerate(before))
    )
    (change,) = report(plan).changes
    assert (change.size, change.identity) == (3, ("eu",))


def test_every_entry_of_the_identity_table_is_well_formed() -> None:
    for attribute in (*NAMES, *PLACES, *SIZES, *(each for said in ATTRIBUTES.values() for each in said.split())):
        ends, _, unit = attribute.partition(":")
        assert all(step.isidentifier() for end in ends.split("-") for step in end.split("."))
        assert unit.isalpha() or not unit


def test_rules_that_come_or_go_are_a_table_by_their_names() -> None:
    def rule(name: str, port: int) -> dict[str, Any]:
        return {"name": name, "cidr_blocks": ["10.0.0.0/8"], "description": f"for {name}", "port": port, "self": False}

    kept = rule("kept", 1)
    assert lines({"rule": [rule("old", 22), kept]}, {"rule": [kept, rule("new", 443), rule("web", 80)]}) == [
        '  rule   cidr_blocks     description  name   port  self',
        '- "old"  ["10.0.0.0/8"]  "for old"    "old"  22    false',
        '+ "new"  ["10.0.0.0/8"]  "for new"    "new"  443   false',
        '+ "web"  ["10.0.0.0/8"]  "for web"    "web"  80    false',
    ]  # fmt: skip


def test_a_short_item_stays_on_its_line() -> None:
    assert lines({"a": []}, {"a": [{"name": "id", "type": "S"}]}) == ['+ a["id"] = { name = "id", type = "S" }']


def test_items_that_would_make_a_table_too_wide_stay_lines() -> None:
    item = {"name": "x", "description": "d" * 80, "comment": "c" * 80}
    assert [line[:12] for line in lines({"a": []}, {"a": [item, {**item, "name": "y"}]})] == [
        '+ a["x"].com', '+ a["x"].des', '+ a["x"].nam', '+ a["y"].com', '+ a["y"].des', '+ a["y"].nam',
    ]  # fmt: skip


def test_an_item_with_parts_that_fit_no_cell_is_shown_in_only_one_way() -> None:
    text = "#!/bin/sh\necho one\necho two\n"
    item = {"name": "x", "script": text, "description": "d" * 40, "comment": "c" * 40}
    said = lines({"a": []}, {"a": [item]})
    assert said[0].startswith('+ a["x"].comment')
    assert sum("a[" in line for line in said) == 4


@pytest.mark.parametrize("value", ["a, b = { c", 'say "}", and [', "{ x = 1 }", "ends with \\"])
def test_a_cell_holds_its_value_whatever_is_in_it(value: str) -> None:
    item = {"name": "n", "value": value, "other": "o" * 30, "more": "m" * 30}
    (heading, row) = (
        lines(
            {"a": []},
            {
                "a": [
                    item,
                ]
            },
        )
        if len(lines({"a": []}, {"a": [item]})) == 2
        else ("", "")
    )
    assert heading.split() == ["a", "more", "name", "other", "value"]
    assert value.replace("\\", "\\\\").replace('"', '\\"') in row


def test_a_hidden_value_is_hidden_in_a_table() -> None:
    item = {"name": "n", "token": Hidden("hunter2"), "other": "o" * 40, "more": "m" * 30}
    said = "\n".join(lines({"a": []}, {"a": [item]}))
    assert "(sensitive)" in said
    assert "hunter2" not in said


def test_changed_lines_have_a_sign_that_github_colours() -> None:
    attributes = (
        AttributeChange(path="size", old="1", new="2"),
        AttributeChange(path="name", old='"a"', new='"b"', forces_replacement=True),
        AttributeChange(path="text", lines=("- a", "+ b")),
        AttributeChange(path="long", old=f'"{"a" * 60}"', new=f'"{"b" * 60}"'),
        AttributeChange(path="new", new="1"),
        AttributeChange(path="gone", old="1"),
    )
    assert diff_fence(lines_of_attributes(attributes)).splitlines() == [
        "```diff",
        "! size = 1 → 2",
        '! name = "a" → "b"  # forces replacement',
        "! text =",
        "-     a",
        "+     b",
        "! long =",
        f'-     "{"a" * 60}"',
        f'+     "{"b" * 60}"',
        "+ new  = 1",
        "- gone = 1",
        "```",
    ]


FINDINGS = (
    Finding(scanner="checkov", rule="CKV_AWS_24", severity="high", message="SSH is open", attribute="ingress[0].cidr"),
    Finding(scanner="trivy", rule="AVD-1", message="No description"),
)


def test_a_scanners_finding_stands_at_its_attribute() -> None:
    change = ChangeReport(
        address="aws_x.y",
        type="aws_x",
        action="update",
        section="change",
        attributes=(AttributeChange(path="ingress[0].cidr", new='"0.0.0.0/0"'), AttributeChange(path="size", new="1")),
        findings=FINDINGS,
        unchanged=2,
    )
    assert [line.text for line in lines_of_change(change)] == [
        'ingress[0].cidr = "0.0.0.0/0"',
        "# checkov CKV_AWS_24 high: SSH is open (ingress[0].cidr)",
        "size            = 1",
        "# trivy AVD-1: No description",
        "# 2 unchanged",
    ]
    root = RootReport(root_module=".", environment="testing", workspace="x", outcome="planned", changes=(change,))
    stored = msgspec.json.decode(msgspec.json.encode(root), type=RootReport)
    assert stored == root
    for form in (render_check_run(run(root)).text or "", render_html(run(root)), render_text(run(root))):
        assert "2 findings" in form
        assert "CKV_AWS_24 high: SSH is open" in form
