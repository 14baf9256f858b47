"""Decoding both sides of a change attribute by attribute shows and hides the same as decoding them as a whole."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.errors import PlanFormatError
from checks.plan import read_plan
from checks.plan.marks import Hidden
from checks.plan.sides import Attributes, sides
from checks.report.diff import ComparisonCache, diff, diff_sides
from tests.checks.building import NO_MASK, plan_of, resource
from tests.checks.test_report_found_again import Maker
from tests.examples import examples


@settings(max_examples=examples(60))
@given(st.integers(0, 2**48))
def test_comparing_attributes_one_by_one_finds_the_same_differences_as_comparing_the_whole(seed: int) -> None:
    plan = read_plan(json.dumps(Maker(random.Random(seed)).plan()).encode())
    comparing = ComparisonCache()
    for change in plan.resource_changes:
        for _ in range(2):  # the second time from the cache
            found = diff_sides(sides(change.change), comparing, mask=NO_MASK, replaces=change.replaces)
            assert found == diff(change.shown_before, change.shown_after, mask=NO_MASK, replaces=change.replaces)


def change_of(**change: Any) -> Any:
    (found,) = plan_of(resource("null_x.y", "update", **change)).resource_changes
    return found.change


@pytest.mark.parametrize("marks", [{"gone": True}, {"gone": {"inner": [True]}}, [True], "yes"])
def test_a_mark_that_fits_nothing_hides_all_of_that_side(marks: Any) -> None:
    found = sides(change_of(before={"a": 1}, after={"a": 2}, after_sensitive=marks))
    assert isinstance(found.after, Hidden)
    assert found.before == {"a": 1}


def test_an_attribute_that_is_marked_on_one_side_only_has_changed() -> None:
    found = sides(change_of(before={"a": "x"}, after={"a": "x"}, after_sensitive={"a": True}))
    assert isinstance(found.after, Attributes)
    assert (found.marked, found.after.get("a")) == ({"a"}, Hidden("x"))


def test_attributes_are_decoded_only_when_they_are_read() -> None:
    found = sides(change_of(before={"a": 1, "b": [1, 2]}, after={"a": 1, "b": [1, 3]}))
    assert isinstance(found.after, Attributes)
    assert (dict(found.after), found.after.get("b"), dict(found.after)) == ({}, [1, 3], {"b": [1, 3]})


def test_a_value_nested_too_deep_is_refused_when_it_is_looked_at() -> None:
    deep: Any = "x"
    for _ in range(101):
        deep = [deep]
    found = sides(change_of(before={"a": 1}, after={"a": deep}))
    assert isinstance(found.after, Attributes)
    with pytest.raises(PlanFormatError, match="nested deeper"):
        found.after.get("a")
