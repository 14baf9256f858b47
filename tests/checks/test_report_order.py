"""Lists: moved items, sets, and items that belong together although their ids become unknown."""

import json
from typing import Any

import pytest

from checks.plan.marks import UNKNOWN, Hidden
from checks.report.compare import Effort, longest_rising
from checks.report.lists import Pair, match_items
from checks.report.set_order import in_set_order
from tests.checks.building import body_of, update

BLOCK, CHALLENGE, ALLOW = (
    {"action": a, "expression": e} for a, e in (("block", "x"), ("challenge", "y"), ("allow", "z"))
)


def test_the_item_of_an_ordered_list_that_moved_is_named_with_its_places() -> None:
    lines = body_of(update({"rules": [BLOCK, CHALLENGE, ALLOW]}, {"rules": [ALLOW, BLOCK, CHALLENGE]}))
    assert lines == ['~ rules[0] = { action = "allow", expression = "z" }  (moved from [2])']


def test_an_item_that_has_a_name_is_called_by_it_where_it_moved() -> None:
    before = {"rule": [{"name": "a", "port": 1}, {"name": "b", "port": 2}, {"name": "c", "port": 3}]}
    after = {"rule": [{"name": "c", "port": 4}, {"name": "a", "port": 1}, {"name": "b", "port": 2}]}
    assert body_of(update(before, after)) == ['~ rule["c"]  (moved from [2] to [0])', '~ rule["c"].port = 3 → 4']


def test_two_items_that_changed_places_are_both_named() -> None:
    lines = body_of(update({"l": ["", "x", None]}, {"l": [None, "x", ""]}))
    assert lines == ["~ l[0] = null  (moved from [2])", '~ l[2] = ""  (moved from [0])']


def test_an_item_may_move_while_others_come_and_go() -> None:
    before, after = {"steps": ["deny", "a", "b", "old"]}, {"steps": ["a", "new", "b", "deny"]}
    assert body_of(update(before, after)) == [
        '+ steps[1] = "new"',
        '- steps[3] = "old"',
        '~ steps[3] = "deny"  (moved from [0])',
    ]


def test_lists_that_some_providers_use_for_sets_are_compared_as_sets() -> None:
    ranges = ["10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"]
    assert body_of(update({"cidr_blocks": ranges}, {"cidr_blocks": ranges[::-1]})) == [
        "~ cidr_blocks  (the same 3 items in another order; compared as a set)"
    ]
    assert body_of(update({"cidr_blocks": ranges}, {"cidr_blocks": [*ranges[::-1], "0.0.0.0/0"]})) == [
        '+ cidr_blocks[3] = "0.0.0.0/0"'
    ]


def test_items_of_a_list_that_terraform_writes_as_a_set_do_not_move() -> None:
    """A set is written in the order of its items' texts, so a changed item may have another place."""
    before = {"rule": [{"a": 1, "name": "b"}, {"a": 2, "name": "a"}]}
    after = {"rule": [{"a": 2, "name": "a"}, {"a": 3, "name": "b"}]}
    assert body_of(update(before, after)) == ['~ rule["b"].a = 1 → 3']


@pytest.mark.parametrize(
    ("items", "ordered"),
    [
        (["a", "b", "é"], True),
        (["b", "a"], False),
        ([1, 2, 10], True),
        ([False, True], True),
        ([{"n": 12}, {"n": 1}], True),  # `<12;>` comes before `<1;>`
        ([{"n": 1}, {"n": 12}], False),
        ([{"a": "x"}, {"a": "y"}, UNKNOWN, None], True),
        ([None, "a"], False),
        ([Hidden("a"), Hidden("b")], True),
        ([Hidden({"a": "b"}), Hidden({"a": "a"})], False),
    ],
)
def test_the_order_in_which_terraform_writes_a_set(items: Any, ordered: bool) -> None:
    assert in_set_order(items) is ordered


POLICY = {
    "Statement": [{"Action": ["a:B", "a:C"], "Effect": "Allow", "Principal": {"AWS": ["arn:f", "arn:e", "arn:d"]}}]
}


def policy(*accounts: str) -> str:
    statement = {"Sid": "A", "Action": ["sts:AssumeRole"], "Principal": {"AWS": list(accounts)}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


ACCOUNTS = [f"arn:aws:iam::{number}:role/orders" for number in (1, 2, 3)]


def test_an_addition_to_a_set_of_a_policy_is_one_line_in_any_order() -> None:
    lines = body_of(update({"p": policy(*ACCOUNTS)}, {"p": policy("arn:aws:iam::999:root", *ACCOUNTS[::-1])}))
    assert [line for line in lines if line[0] in "+-"] == ['+               "arn:aws:iam::999:root"']


def test_a_policy_whose_sets_are_in_another_order_says_so() -> None:
    assert body_of(update({"p": policy(*ACCOUNTS)}, {"p": policy(*ACCOUNTS[::-1])})) == [
        "~ p  (the same policy: its sets are in another order)"
    ]


def test_the_members_of_a_binding_are_a_set() -> None:
    before, after = (json.dumps({"bindings": [{"role": "r", "members": m}]}) for m in (["b", "a"], ["a", "c", "b"]))
    lines = body_of(update({"policy_data": before}, {"policy_data": after}))
    assert [line for line in lines if line[0] in "+-"] == [
        '-           "members": ["a", "b"],',
        '+           "members": ["a", "b", "c"],',
    ]


def test_a_list_in_another_json_document_is_ordered() -> None:
    lines = body_of(update({"d": '{"Action": ["b", "a"]}'}, {"d": '{"Action": ["a", "b"]}'}))
    assert [line for line in lines if line[0] in "+-"] == [
        '-       "Action": ["b", "a"]',
        '+       "Action": ["a", "b"]',
    ]


def rules(*numbers: int, with_ids: bool) -> list[dict[str, Any]]:
    ids = {"id": "i"} if with_ids else {}
    return [{"expression": f"ip {n}", **({"id": f"i{n}"} if ids else {})} for n in numbers]


def test_items_whose_ids_become_unknown_are_matched_by_what_is_known() -> None:
    before, after = rules(1, 2, 3, with_ids=True), rules(1, 9, 2, 3, with_ids=False)
    unknown = {"rules": [{"id": True}] * 4}
    assert body_of(update({"rules": before}, {"rules": after}, after_unknown=unknown)) == [
        '+ rules[1]    = { expression = "ip 9", id = (known after apply) }',
        '~ rules[*].id = ["i1", "i2", "i3"] → (known after apply)  (in 3 items)',
    ]


def test_nested_values_that_become_unknown_do_not_count_in_matching_items() -> None:
    before = [{"e": n, "log": {"arn": f"a{n}", "on": True}} for n in (1, 2)]
    after = [{"e": n, "log": {"on": True}} for n in (0, 1, 2)]
    unknown = {"rules": [{"log": {"arn": True}}] * 3}
    assert body_of(update({"rules": before}, {"rules": after}, after_unknown=unknown)) == [
        "+ rules[0]         = { e = 0, log = { arn = (known after apply), on = true } }",
        '~ rules[*].log.arn = ["a1", "a2"] → (known after apply)  (in 2 items)',
    ]


def test_a_list_of_hidden_items_is_matched_without_being_read() -> None:
    before, after = [Hidden(str(n)) for n in range(2_000)], [Hidden(str(n)) for n in range(1, 2_001)]
    assert match_items("l", before, after, Effort()).pairs == (Pair(0, None, "[0]"), Pair(None, 1_999, "[1999]"))


def test_the_longest_rising_part_of_a_sequence() -> None:
    assert longest_rising([3, 0, 1, 5, 2]) == [1, 2, 4]
    assert longest_rising([]) == []
