"""No change is left out: the report has all of each change, and the Markdown says where it shortens one."""

import html
import json
from typing import Any

import msgspec
import pytest

from checks.plan import read_plan
from checks.rendering.html import STYLE, render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import LIMIT_BYTES, render_check_run
from checks.rendering.shorten import shorten_middle, shorten_pair
from checks.report import RootReport, bounds
from checks.report.change_report import AttributeChange
from checks.report.compare import Effort, compare
from tests.checks.building import body_of, fence_of, plan_of, report, resource, run, update

SCRIPT = "#!/bin/bash\nset -e\nrm -rf /data/*\necho done\n"
SCRIPT_LINES = ["    #!/bin/bash", "    set -e", "    rm -rf /data/*", "    echo done"]
PUBLIC = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})


@pytest.mark.parametrize("around", ['{"Version": "x", "Doc": "%s"}', "#!/bin/sh\n%s\nls\n", "%s"])
def test_a_change_inside_a_long_line_is_shown_around_the_place_that_differs(around: str) -> None:
    old, new = (around % ("d" * 400 + word + "d" * 400) for word in ("SAFE", "EVIL"))
    root = update({"c": old}, {"c": new})
    shown = "\n".join(fence_of(root))
    assert "d" * 48 + "SAFE" + "d" * 48 in shown
    assert "d" * 48 + "EVIL" + "d" * 48 in shown
    assert "d" * 200 not in shown
    assert "  # 2 lines shortened here: the run's page and the JSON have all of it" in shown
    for whole in (render_html(run(root)), render_json(run(root))):
        assert "d" * 400 + "EVIL" + "d" * 400 in whole


def test_two_long_texts_are_cut_down_to_the_places_where_they_differ() -> None:
    same = " ".join(f"word{number}" for number in range(60))
    old, new = shorten_pair(f"{same} one {same} two {same}", f"{same} eins {same} zwei {same}")
    assert old.count("…") == new.count("…") == 6
    assert (" one " in old, " two " in old, len(old) < 500) == (True, True, True)
    assert (" eins " in new, " zwei " in new, len(new) < 500) == (True, True, True)


def test_a_long_added_value_is_shown_with_both_ends_and_its_length() -> None:
    assert shorten_middle("a" * 500 + "z", 60) == "a" * 40 + "… 446 characters …" + "a" * 14 + "z"


@pytest.mark.parametrize("before", [None, "", "{}", "#!/bin/true", "one line"])
def test_a_script_is_shown_by_lines_whatever_was_there_before(before: Any) -> None:
    assert [
        line[2:] for line in body_of(update({"c": before}, {"c": SCRIPT})) if line.startswith("+     ")
    ] == SCRIPT_LINES
    assert [
        line[2:] for line in body_of(update({"c": SCRIPT}, {"c": before})) if line.startswith("-     ")
    ] == SCRIPT_LINES


def test_a_script_that_becomes_an_item_of_a_list_is_shown_by_lines() -> None:
    for before in (None, [], ["x"]):
        assert "+     rm -rf /data/*" in body_of(update({"c": before}, {"c": [SCRIPT]}))


def test_a_script_whose_next_text_is_not_known_is_shown_by_lines() -> None:
    root = update({"c": SCRIPT}, {}, after_unknown={"c": True})
    assert body_of(root)[:2] == ["~ c = the lines below → (known after apply)", "-     #!/bin/bash"]


@pytest.mark.parametrize("before", [None, "", "{}", "[]", "none"])
def test_an_open_policy_is_a_danger_whatever_was_there_before(before: Any) -> None:
    plan = plan_of(resource("aws_kms_key.k", "update", before={"policy": before}, after={"policy": PUBLIC}))
    (change,) = report(plan).changes
    assert change.marks == ("opens to the world", "allows every action")


def test_nothing_is_not_the_same_as_empty() -> None:
    before = {"a": "", "b": None, "c": [], "d": None, "e": {}, "g": 0, "h": False, "i": [{"n": 1}], "j": {"k": 1}}
    after: dict[str, Any] = {"a": None, "b": "", "c": None, "d": [], "e": None, "g": None, "h": None, "i": [], "j": {}}
    assert body_of(update(before, after)) == [
        '- a    = ""',
        '+ b    = ""',
        "- c    = []",
        "+ d    = []",
        "- e    = {}",
        "- g    = 0",
        "- h    = false",
        "- i[0] = { n = 1 }",
        "- j.k  = 1",
        "  # empty: i = [], j = {}",
    ]


@pytest.mark.parametrize("actions", [("create",), ("delete",), ("delete", "create")])
def test_empty_values_of_added_or_removed_objects_are_named_in_one_line(actions: tuple[str, ...]) -> None:
    values = {"name": "x", "list": [], "text": "", "inner": {"map": {}, "kept": 1}}
    sides = {"before": values if "delete" in actions else None, "after": values if actions == ("create",) else None}
    if len(actions) == 2:
        sides["after"] = {"name": "y"}
    root = report(plan_of(resource("null_x.y", *actions, **sides)))
    assert body_of(root)[-1] == '  # empty: inner.map = {}, list = [], text = ""'
    assert 'list = [], text = ""' in render_html(run(root)).replace("&quot;", '"')


def test_many_empty_values_are_counted_in_markdown_and_named_in_html_and_json() -> None:
    empty: dict[str, Any] = {f"attribute_{number}": [] for number in range(20)}
    root = report(plan_of(resource("null_x.y", "create", after={"name": "x", **empty})))
    assert fence_of(root) == ['+ name = "x"', "  # empty: 20 attributes"]
    assert "attribute_19 = []" in render_html(run(root))
    assert '"attribute_19"' in render_json(run(root))


def test_numbers_are_compared_and_shown_digit_by_digit() -> None:
    one, other = "0.1234567890123456789012345", "0.1234567890123456789012346"
    change = resource("null_x.y", "update", before={"n": "ONE", "m": 1}, after={"n": "OTHER", "m": "M"})
    plan = json.dumps({"format_version": "1.2", "resource_changes": [change]})
    plan = plan.replace('"ONE"', one).replace('"OTHER"', other).replace('"M"', "1.0")
    assert body_of(report(read_plan(plan.encode()))) == [f"~ n = {one} → {other}"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1e21", "1000000000000000000000"),
        ("1e-07", "0.0000001"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        ("1e999999", "1e+999999"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_a_number_is_shown_in_full_as_terraform_does(number: str, text: str) -> None:
    plan = json.dumps({"format_version": "1.2", "resource_changes": [resource("null_x.y", "create", after={"n": "N"})]})
    assert body_of(report(read_plan(plan.replace('"N"', number).encode()))) == [f"+ n = {text}"]


def test_a_number_inside_a_json_text_is_compared_digit_by_digit() -> None:
    lines = body_of(update({"d": '{"n": 0.12345678901234567891}'}, {"d": '{"n": 0.12345678901234567892}'}))
    assert '-       "n": 0.12345678901234567891' in lines
    assert '+       "n": 0.12345678901234567892' in lines


def test_an_update_without_a_difference_is_given_no_false_reason() -> None:
    (change,) = update({"a": "1"}, {"a": "1"}).changes
    assert change.reason == "Terraform plans an update, but no attribute in the plan differs"


def test_a_json_text_that_is_only_written_in_another_way_says_so() -> None:
    assert body_of(update({"d": '{"b":1,"a":2}'}, {"d": '{\n "a": 2, "b": 1}'})) == [
        "~ d  (the same JSON, written in another way)"
    ]


def test_a_json_text_with_a_duplicate_key_is_compared_as_a_text() -> None:
    lines = body_of(update({"d": '{"a":1,"a":2}'}, {"d": '{"a":3,"a":2}'}))
    assert lines == [r'~ d = "{\"a\":1,\"a\":2}" → "{\"a\":3,\"a\":2}"']


def test_a_long_line_is_seen_to_its_end_on_the_page() -> None:
    """Long lines are wrapped, since a difference beyond the edge of the window would be hidden."""
    assert ".report .diff span { display: block; white-space: pre-wrap; overflow-wrap: anywhere; }" in STYLE


def test_a_long_document_is_whole_in_html_and_json_and_counted_in_markdown() -> None:
    script = "".join(f"echo {number}\n" for number in range(121)) + "rm -rf /data\n"
    root = report(plan_of(resource("null_x.y", "create", after={"c": script})))
    fence = fence_of(root)
    assert fence[:2] == ["+ c =", "+     echo 0"]
    assert fence[-2:] == [
        "    … 43 more lines",
        "  # 43 lines left out here: the run's page and the JSON have all of it",
    ]
    for whole in (render_html(run(root)), render_json(run(root))):
        assert "rm -rf /data" in whole
        assert all(f"echo {number}" in whole for number in range(121))


def test_all_instances_of_a_fold_are_in_the_html() -> None:
    named = [resource(f'null_x.y["key_{number}"]', "create", after={"a": 1}) for number in range(100)]
    root = report(plan_of(*named))
    assert all(f"key_{number}&quot;" in render_html(run(root)) for number in range(100))
    assert "  # 21 lines left out here: the run's page and the JSON have all of it" in fence_of(root)


def test_a_change_that_markdown_has_no_room_for_says_so_in_its_line() -> None:
    root = update({f"a{n}": 1 for n in range(300)}, {f"a{n}": 2 for n in range(300)})
    output = render_check_run(run(root), limit_bytes=900)
    assert "- `~` `null_x.y` · `a0`, `a1`, `a10`, `a100`, `a101`, `295 more` · 300 attributes not shown" in str(
        output.text
    )


def test_attributes_of_a_resource_are_kept_however_many_they_are() -> None:
    root = update({f"a{n}": 1 for n in range(5_000)}, {f"a{n}": 2 for n in range(5_000)})
    assert len(root.changes[0].attributes) == 5_000


def large(characters: int) -> dict[str, Any]:
    return {"c": "x" * characters}


def test_past_its_size_a_report_leaves_out_the_largest_details_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = [resource(f"aws_x.r{n}", "update", before=large(n), after=large(n + 1)) for n in (9, 600_000, 10)]
    outputs = {"o": {"actions": ["create"], "before": None, "after": "y" * 9_000_000, "after_unknown": False,
                     "before_sensitive": False, "after_sensitive": False}}  # fmt: skip
    root = report(plan_of(*resources, output_changes=outputs))
    assert [(change.address, len(change.attributes), change.left_out) for change in root.changes] == [
        ("aws_x.r9", 1, 0),
        ("aws_x.r10", 1, 0),
        ("aws_x.r600000", 1, 0),
    ]
    assert root.outputs == (AttributeChange(path="o", note="9,000,067 characters, too large for a report"),)
    assert root.warnings == (
        "This report is cut: the plan has more than 10,000,000 characters, the limit of a report. The details of the "
        "largest changes (1) are left out everywhere; `terraform show` has them.",
    )
    for form in (render_html(run(root)), render_json(run(root)), str(render_check_run(run(root)).text)):
        assert "This report is cut" in form
    assert len(msgspec.json.encode(root)) < bounds.MOST_CHARACTERS


def test_a_hostile_number_of_attributes_does_not_make_a_report_larger_than_it_may_be() -> None:
    wide = {f"{'k' * 100}{n}": "v" for n in range(2_000)}
    resources = [resource(f"aws_x.r{n}", "delete", before={**wide, "n": n}) for n in range(40)]
    root = report(plan_of(*resources))
    assert len(msgspec.json.encode(root)) < 1.2 * bounds.MOST_CHARACTERS
    assert (
        sum(change.left_out for change in root.changes) + sum(len(change.attributes) for change in root.changes)
        == 80_040
    )
    assert any(
        "too large for a report" in line for change in root.changes if change.left_out for line in body(root, change)
    )


def body(root: RootReport, change: Any) -> list[str]:
    return body_of(msgspec.structs.replace(root, changes=(change,)))


def test_a_comparison_that_would_take_too_long_shows_both_sides_whole() -> None:
    old, new = [f"{n % 7}" for n in range(3_000)], [f"{n % 5}" for n in range(3_000)]
    spans = compare(old, new, Effort(pairs=1_000))
    assert [item for span in spans for item in old[span.old_start : span.old_end]] == old
    assert [item for span in spans for item in new[span.new_start : span.new_end]] == new


def test_a_long_text_is_compared_between_the_lines_that_stand_once_in_both() -> None:
    old = [f"line {n}" for n in range(50_000)]
    new = [line if n % 1_000 else f"{line} changed" for n, line in enumerate(old)]
    spans = compare(old, new, Effort())
    assert [(old[s.old_start : s.old_end], new[s.new_start : s.new_end]) for s in spans if not s.equal] == [
        ([f"line {n}"], [f"line {n} changed"]) for n in range(0, 50_000, 1_000)
    ]


def test_markdown_stays_within_its_limit_however_long_a_value_is() -> None:
    root = update({"c": "x" * 3_000_000}, {"c": "x" * 1_500_000 + "y" + "x" * 1_500_000})
    output = render_check_run(run(root))
    assert len(str(output.text).encode()) < LIMIT_BYTES
    assert "xy" in str(output.text)


def test_a_report_that_an_earlier_version_stored_can_still_be_read() -> None:
    stored = b"""{"root_module": "a", "environment": "testing", "workspace": "default", "outcome": "planned",
        "changes": [{"address": "null_x.y", "type": "null_x", "action": "update", "section": "change", "left_out": 3,
            "attributes": [{"path": "a", "old": "1", "new": "2"}, {"path": "d", "lines": ["- b", "+ c"]}]}]}"""
    root = msgspec.json.decode(stored, type=RootReport)
    assert body_of(root) == [
        "~ a = 1 → 2",
        "~ d =",
        "-     b",
        "+     c",
        "  # 3 changed, left out: they are too large for a report",
    ]


def configured(*resources: dict[str, Any]) -> RootReport:
    block = {"address": "null_x.y", "mode": "managed", "type": "null_x", "name": "y", "expressions": {}}
    return report(plan_of(*resources, configuration={"root_module": {"resources": [block]}}))


def test_recomputed_attributes_are_named_in_markdown_and_complete_in_html_and_json() -> None:
    change: dict[str, Any] = {"before": {"a": 1, "ip": "192.0.2.7", "empty": ""}, "after": {"a": 2}}
    root = configured(resource("null_x.y", "update", **change, after_unknown={"ip": True, "empty": True}))
    assert fence_of(root)[-1] == "  # known after apply: empty, ip"
    assert '# ip = "192.0.2.7" → (known after apply)' in html.unescape(render_html(run(root)))
    assert "192.0.2.7" in render_json(run(root))


def test_recomputed_values_of_folded_instances_stand_under_their_addresses() -> None:
    late = {"after": {"a": 2}, "after_unknown": {"id": True}}
    resources = [
        resource(f"null_x.y[{n}]", "delete", "create", before={"a": 1, "id": f"i-{n}"}, **late) for n in (0, 1)
    ]
    (change,) = configured(*resources).changes
    assert [(attribute.path, attribute.old) for attribute in change.recomputed_from] == [
        ("null_x.y[0].id", '"i-0"'),
        ("null_x.y[1].id", '"i-1"'),
    ]


def test_a_recomputed_secret_stays_hidden() -> None:
    change: dict[str, Any] = {
        "before": {"a": 1, "key": "hunter-7731"},
        "after": {"a": 2},
        "after_unknown": {"key": True},
    }
    root = configured(resource("null_x.y", "update", **change, before_sensitive={"key": True}))
    assert root.changes[0].recomputed_from == (
        AttributeChange(path="key", old="(sensitive)", new="(known after apply)"),
    )
    assert "hunter-7731" not in render_html(run(root)) + render_json(run(root))
