"""Any JSON is either a plan, read to its last value, or refused with a PlanFormatError."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.errors import PlanFormatError
from checks.plan import read_plan
from checks.plan.action import ACTIONS
from checks.plan.digest import digest, shape_digest
from checks.plan.parity import summarize
from checks.sensitive import Mask
from tests.examples import examples

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
marks = st.booleans() | st.dictionaries(st.text(max_size=4), st.booleans(), max_size=2) | values
objects = st.none() | st.dictionaries(st.text(max_size=4), values, max_size=4)
actions = st.sampled_from(sorted(ACTIONS)).map(list) | st.lists(st.text(max_size=6), max_size=2)
change = st.fixed_dictionaries(
    {"actions": actions},
    optional={
        "before": objects | values,
        "after": objects | values,
        "after_unknown": marks,
        "before_sensitive": marks,
        "after_sensitive": marks,
        "replace_paths": st.lists(st.lists(st.text(max_size=4) | st.integers(0, 3), max_size=3), max_size=2),
        "importing": st.none()
        | st.fixed_dictionaries({}, optional={"id": st.text(max_size=4), "unknown": st.booleans()}),
        "generated_config": st.text(max_size=8),
    },
)
resource = st.fixed_dictionaries(
    {"address": st.text(max_size=12), "change": change},
    optional={
        "type": st.text(max_size=4),
        "mode": st.sampled_from(["managed", "data", "ephemeral"]),
        "index": st.none() | st.text(max_size=3) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "deposed": st.text(max_size=3),
        "previous_address": st.text(max_size=12),
        "action_reason": st.text(max_size=4),
    },
)
state = st.none() | st.fixed_dictionaries(
    {}, optional={"values": st.fixed_dictionaries({}, optional={"root_module": objects})}
)
plan = st.fixed_dictionaries(
    {"format_version": st.sampled_from(["0.1", "1.0", "1.2", "2.0"]) | st.text(max_size=4)},
    optional={
        "terraform_version": st.text(max_size=6),
        "resource_changes": st.lists(resource, max_size=4),
        "resource_drift": st.lists(resource, max_size=2),
        "output_changes": st.dictionaries(st.text(max_size=4), change, max_size=2),
        "deferred_changes": st.lists(
            st.fixed_dictionaries({"reason": st.text(), "resource_change": resource}), max_size=1
        ),
        "relevant_attributes": st.lists(values, max_size=1),
        "checks": st.lists(objects, max_size=2),
        "action_invocations": st.lists(objects, max_size=1),
        "applyable": st.none() | st.booleans(),
        "errored": st.booleans(),
        "prior_state": state | values,
        "configuration": values,
        "variables": values,
    },
)


def read_all(plan_json: bytes) -> None:
    read = read_plan(plan_json)
    for resource_change in (*read.resource_changes, *read.drift):
        _ = resource_change.shown_before, resource_change.shown_after
    for output in read.output_changes:
        _ = output.shown_before, output.shown_after
    _ = read.counts, read.changes_anything, read.state_empty, read.marked, read.sensitive_values()
    _ = digest(read), shape_digest(read), summarize(read, mask=Mask.none())


@settings(max_examples=examples(200))
@given(plan)
def test_json_of_the_right_types_is_read_or_refused(content: dict[str, Any]) -> None:
    with contextlib.suppress(PlanFormatError):
        read_all(json.dumps(content).encode())


@settings(max_examples=examples(100))
@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_any_other_bytes_are_refused(plan_json: bytes) -> None:
    try:
        read_all(plan_json)
    except PlanFormatError:
        return
    raise AssertionError("something that is no plan was read as one")


def test_nesting_without_end_is_refused() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    try:
        read_all(b'{"format_version": "1.2", "variables": ' + deep + b"}")
    except PlanFormatError:
        return
    raise AssertionError("nesting without end was read")


@pytest.mark.parametrize("levels", [90, 300, 900, 960])
@pytest.mark.parametrize("mark", ["false", "true", "DEEP"])
def test_deep_values_are_read_or_refused(levels: int, mark: str) -> None:
    change = (
        '{"actions": ["update"], "before": DEEP, "after": {"a": DEEP},'
        f' "before_sensitive": {mark}, "after_sensitive": {{"a": {mark}}}}}'
    )
    plan_json = f'{{"format_version": "1.2", "resource_changes": [{{"address": "a.b", "change": {change}}}]}}'
    allowed = contextlib.nullcontext() if levels < 100 else pytest.raises(PlanFormatError)
    with allowed:
        read_all(plan_json.replace("DEEP", "[" * levels + "]" * levels).encode())
