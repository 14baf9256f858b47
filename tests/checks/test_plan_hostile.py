"""A plan that is made to block the process: at the largest allowed size, no call takes a second."""

import io

import pytest
from msgspec import Raw

from checks.errors import PlanFormatError
from checks.plan import read_plan
from checks.plan.format import decode_value
from tests.bench.generate_plan import write_plan
from tests.cores import CoreTime, Held

LARGEST = 64_000_000
HEAD = b'{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":['
CHANGE = b'{"address":"a.b","mode":"managed","type":"a","name":"b","change":{"actions":["update"]'


def many(part: bytes, size_bytes: int = LARGEST) -> bytes:
    return b"[" + (part + b",") * (size_bytes // (len(part) + 1) - 1) + part + b"]"


HOSTILE = {
    "checks": lambda: HEAD + b'],"checks":' + many(b"{}") + b"}",
    "paths": lambda: HEAD + CHANGE + b',"replace_paths":' + many(b"[0]") + b"}}]}",
    "identities": lambda: HEAD + CHANGE + b',"importing":{"identity":{"a":' + many(b'{"a":{}}') + b"}}}}]}",
    "changes": lambda: HEAD + many(b'{"address":"a","change":{"actions":["no-op"]}}')[1:-1] + b"]}",
    "what nobody reads": lambda: HEAD + b'],"unknown":' + many(b"[]") + b"}",
}


@pytest.mark.by_default("identities", "what nobody reads")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_plan_with_many_more_parts_than_terraform_writes_is_refused_at_once(what: str) -> None:
    hostile = HOSTILE[what]()
    with (
        Held() as held,
        pytest.raises(PlanFormatError, match=r"^a plan of more than [\d,]+ lists and maps: split the root module"),
    ):
        read_plan(hostile)
    assert held.longest_s < 1


def test_a_plan_as_terraform_writes_them_is_read_up_to_the_limit() -> None:
    text = io.StringIO()
    write_plan(text, 23_000)
    plan_json = text.getvalue().encode()
    assert LARGEST * 0.95 < len(plan_json) <= LARGEST * 1.05
    with Held() as held:
        assert len(read_plan(plan_json).resource_changes) == 23_000
    assert held.longest_s < 1


@pytest.mark.parametrize("part", [b"[]", b'{"a":{}}', b"1.5", b"1"])
def test_a_value_of_too_many_parts_is_refused_at_once(part: bytes) -> None:
    value = Raw(many(part, 16_000_000))
    with (
        Held() as held,
        pytest.raises(PlanFormatError, match=r"^the plan contains a value with more than 1,000,000 parts"),
    ):
        decode_value(value)
    assert held.longest_s < 1


@pytest.mark.parametrize("part", [b"[]", b'{"a":{}}', b"1.5"])
def test_a_value_just_below_the_limit_takes_less_than_a_second_of_a_core(part: bytes) -> None:
    parts = 1 + part.count(b"[") + part.count(b"{")
    value = Raw(many(part, (len(part) + 1) * (1_000_000 // parts - 2)))
    with CoreTime() as took:
        assert isinstance(decode_value(value), list)
    assert took.seconds < 1


@pytest.mark.parametrize("what", ["checks", "paths", "identities"])
def test_a_plan_just_below_the_limit_takes_less_than_a_second_of_a_core(what: str) -> None:
    part = {"checks": b"{}", "paths": b"[0]", "identities": b'{"a":{}}'}[what]
    lists = many(part, (len(part) + 1) * (1_990_000 // (part.count(b"[") + part.count(b"{"))))
    before, after = {
        "checks": (HEAD + b'],"checks":', b"}"),
        "paths": (HEAD + CHANGE + b',"replace_paths":', b"}}]}"),
        "identities": (HEAD + CHANGE + b',"importing":{"identity":{"a":', b"}}}}]}"),
    }[what]
    with CoreTime() as took:
        read_plan(before + lists + after)
    assert took.seconds < 1


def test_a_long_text_is_no_value_of_many_parts() -> None:
    assert len(decode_value(Raw(b'{"x":"' + b"a" * 20_000_000 + b'"}'))["x"]) == 20_000_000
