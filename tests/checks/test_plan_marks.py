"""Values are shown or hidden according to Terraform's marks."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.errors import PlanFormatError
from checks.plan import Plan, marked_in_state, read_plan
from checks.plan.marks import UNKNOWN, Hidden, hidden_texts, holds_hidden, shown

SECRET = "correct-horse-battery"
PLANS = Path(__file__).parent / "plans"


def plan_of(name: str) -> Plan:
    return read_plan((PLANS / name / "plan.json").read_bytes())


def test_a_mark_on_a_value_known_after_apply_does_not_hide_its_neighbours() -> None:
    change = {
        "actions": ["create"],
        "before": None,
        "after": {"name": "main", "seed": "found in no file"},
        "after_unknown": {"password": True},
        "before_sensitive": False,
        "after_sensitive": {"password": True, "seed": True},
    }
    plan = {"format_version": "1.2", "resource_changes": [{"address": "db.main", "type": "db", "change": change}]}

    assert read_plan(msgspec.json.encode(plan)).sensitive_values() == {"found in no file"}


@pytest.mark.parametrize(
    ("value", "sensitive", "seen"),
    [
        ("a", False, "a"),
        ("a", True, Hidden("a")),
        ({"a": "b", "c": 1}, {"a": True}, {"a": Hidden("b"), "c": 1}),
        ({"a": ["b", "c"]}, {"a": [False, True]}, {"a": ["b", Hidden("c")]}),
        ({"a": [{"b": "c", "d": None}]}, {"a": [{"b": True}]}, {"a": [{"b": Hidden("c"), "d": None}]}),
        ({"a": {}}, {"a": {}}, {"a": {}}),
        (None, True, None),
        (None, {}, None),
        (None, {"a": True}, None),
        ([], [], []),
    ],
)
def test_marked_values_are_hidden(value: Any, sensitive: Any, seen: Any) -> None:
    assert shown(value, sensitive) == seen


@pytest.mark.parametrize(
    ("value", "sensitive"),
    [
        ("a", {"b": True}),
        ("a", {}),
        ("a", [True]),
        ("a", None),
        ("a", "false"),
        ("a", 0),
        (["a"], []),
        (["a"], [False, True]),
        (["a"], {"0": True}),
        ({"a": 1}, [True]),
        ({"a": "b"}, {"c": True}),
        ({"a": "b"}, {"c": {"d": [False, True]}}),
    ],
)
def test_a_value_whose_marks_do_not_fit_is_hidden_as_a_whole(value: Any, sensitive: Any) -> None:
    assert shown(value, sensitive) == Hidden(value)


def test_marks_that_do_not_fit_hide_only_the_part_that_they_are_about() -> None:
    assert shown({"a": "x", "b": "y"}, {"a": [True]}) == {"a": Hidden("x"), "b": "y"}


@pytest.mark.parametrize(
    ("value", "sensitive", "unknown", "seen"),
    [
        (None, False, True, UNKNOWN),
        ({"a": 1}, {}, {"b": True}, {"a": 1, "b": UNKNOWN}),
        ({"a": 1}, {"b": True}, {"b": True}, {"a": 1, "b": UNKNOWN}),
        ({"a": 1}, False, {"b": {"c": True}}, {"a": 1, "b": {"c": UNKNOWN}}),
        ({"a": [1, None]}, {}, {"a": [False, True]}, {"a": [1, UNKNOWN]}),
        ({"a": [1, 2]}, {"a": [True, False]}, {"a": [False]}, {"a": [Hidden(1), 2]}),
        ({"a": 1}, {}, {"b": False, "c": []}, {"a": 1}),
        ({"a": "x"}, {"a": True}, {"b": True}, {"a": Hidden("x"), "b": UNKNOWN}),
    ],
)
def test_a_value_known_after_apply_is_replaced_by_unknown(value: Any, sensitive: Any, unknown: Any, seen: Any) -> None:
    assert shown(value, sensitive, unknown) == seen


def test_a_hidden_value_can_be_compared_but_neither_printed_nor_stored() -> None:
    hidden = Hidden(SECRET)
    assert hidden == Hidden(SECRET)
    assert hidden != Hidden("other")
    assert hidden != SECRET
    assert Hidden(1) != Hidden(True)
    assert f"{hidden} {hidden!r} {[hidden]}" == "(sensitive) (sensitive) [(sensitive)]"
    for store in (msgspec.json.encode, msgspec.to_builtins, pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            store(hidden)


def test_an_unknown_value_prints_as_terraform_says_it() -> None:
    assert f"{UNKNOWN} {UNKNOWN!r}" == "(known after apply) (known after apply)"


def test_the_texts_of_hidden_values_are_given_to_a_mask() -> None:
    value = shown({"a": {"b": ["x", 7, True, None]}, "c": "seen", "d": ["y"]}, {"a": True, "d": [True]})
    assert sorted(hidden_texts(value)) == ["7", "x", "y"]
    assert holds_hidden(value)
    assert not holds_hidden({"a": ["b", UNKNOWN]})


def test_a_value_marked_anywhere_is_known_to_be_sensitive() -> None:
    url = f"postgres://orders:{SECRET}@db"
    changed = f"postgres://orders:staple-{SECRET.removesuffix('-battery')}@db"
    assert plan_of("sensitive").sensitive_values() >= {SECRET, url, changed}
    assert plan_of("variables").sensitive_values() == {SECRET}
    assert plan_of("outputs").sensitive_values() == frozenset()  # a literal in the configuration
    assert plan_of("modules").sensitive_values() == frozenset()


def test_a_literal_of_the_configuration_is_no_secret() -> None:
    assert plan_of("drift").sensitive_values() == {"changed by hand", "changed-by-hand-secret"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(value=json_values, sensitive=json_values, unknown=json_values)
def test_any_marks_beside_any_value_give_something(value: Any, sensitive: Any, unknown: Any) -> None:
    shown(value, sensitive, unknown)


@given(value=json_values, data=st.data())
def test_a_secret_is_never_shown_when_it_is_marked(value: Any, data: st.DataObject) -> None:
    with_secret, marks = _plant(value, data)
    assert SECRET not in repr(shown(with_secret, marks))


@given(value=json_values, data=st.data(), other=json_values)
def test_a_secret_is_never_shown_when_a_mark_stands_elsewhere(value: Any, data: st.DataObject, other: Any) -> None:
    """A mark for a part that the value does not have hides the whole value."""
    with_secret, _ = _plant(value, data)
    seen = shown(with_secret, {"elsewhere": True, "other": other})
    assert with_secret == {"elsewhere": with_secret} or SECRET not in repr(seen)


def _plant(value: Any, data: st.DataObject) -> tuple[Any, Any]:
    """The value with a secret somewhere inside it, and the marks that Terraform would write."""
    if isinstance(value, dict) and value:
        key = data.draw(st.sampled_from(sorted(value)))
        planted, marks = _plant(value[key], data)
        return {**value, key: planted}, {key: marks}
    if isinstance(value, list) and value:
        place = data.draw(st.integers(0, len(value) - 1))
        planted, marks = _plant(value[place], data)
        return [*value[:place], planted, *value[place + 1 :]], [
            marks if n == place else False for n in range(len(value))
        ]
    return SECRET, True


def state_of(*resources: dict[str, Any], **outputs: dict[str, Any]) -> dict[str, Any]:
    module = {"resources": [], "child_modules": [{"resources": list(resources)}]}
    return {"format_version": "1.0", "values": {"outputs": outputs, "root_module": module}}


STATE = state_of(
    {"values": {"user": "ann", "nested": [{"token": "t-7731"}]}, "sensitive_values": {"nested": [{"token": True}]}},
    {"mode": "data", "values": {"all": {"key": "k-7731"}}, "sensitive_values": {"all": True}},
    {"values": {"name": "plain"}},
    told={"sensitive": True, "value": ["o-7731", 1]},
    shown={"sensitive": False, "value": "public"},
)


def test_values_that_a_state_marks_as_sensitive_are_found_in_resources_data_and_outputs() -> None:
    assert marked_in_state(json.dumps(STATE).encode()) == {"t-7731", "k-7731", "o-7731", "1"}


def test_values_marked_in_the_earlier_state_are_sensitive_in_a_plan_too() -> None:
    plan = read_plan(json.dumps({"format_version": "1.2", "prior_state": STATE}).encode())
    assert plan.sensitive_values() == {"t-7731", "k-7731", "o-7731", "1"}


def test_a_value_in_clear_in_the_configuration_is_no_secret_of_the_state() -> None:
    written = {"root_module": {"resources": [{"address": "a.b", "expressions": {"key": {"constant_value": "k-7731"}}}]}}
    plan = read_plan(json.dumps({"format_version": "1.2", "configuration": written}).encode())
    assert plan.sensitive_values_of_state(json.dumps(STATE).encode()) == {"t-7731", "o-7731", "1"}


@pytest.mark.parametrize("state_json", [b"", b"[]", b'{"values": []}', b"no"])
def test_bytes_that_are_not_a_state_are_refused(state_json: bytes) -> None:
    with pytest.raises(PlanFormatError):
        marked_in_state(state_json)


@pytest.mark.parametrize(
    ("actions", "marks", "unknown", "expected"),
    [
        (["create"], {"result": True}, {"result": True}, True),
        (["update"], {"result": True}, {}, False),
        (["create"], {}, {"id": True}, False),
        (["no-op"], {"result": True}, {"result": True}, False),
    ],
)
def test_a_plan_knows_whether_applying_it_makes_secrets(actions: Any, marks: Any, unknown: Any, expected: bool) -> None:
    change = {"actions": actions, "after": {}, "before_sensitive": {}, "after_sensitive": marks}
    made = {"address": "a.b", "change": {**change, "after_unknown": unknown}}
    plan = read_plan(json.dumps({"format_version": "1.2", "resource_changes": [made]}).encode())
    assert plan.has_unknown_secrets is expected
