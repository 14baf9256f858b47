"""Two plans have the same digest if and only if applying them does the same."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from checks.plan import read_plan
from checks.plan.digest import digest, shape_digest

PLANS = Path(__file__).parent / "plans"
NAMES = sorted(path.parent.name for path in PLANS.glob("*/plan.json"))


def resource(address: str = "a.b", **change: Any) -> dict[str, Any]:
    whole = {"actions": ["update"], "before": {"size": 1}, "after": {"size": 2}, "after_unknown": {}, **change}
    return {"address": address, "change": whole}


def written(*resources: dict[str, Any], **parts: Any) -> bytes:
    return json.dumps({"format_version": "1.2", "resource_changes": list(resources), **parts}).encode()


def digests(plan_json: bytes) -> tuple[str, str]:
    plan = read_plan(plan_json)
    return digest(plan), shape_digest(plan)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same plan as another writer might write it: with keys and resources in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {
            key: chance.sample(item, len(item)) if key == "resource_changes" else shuffled(item, chance)
            for key, item in items
        }
    return value


@pytest.mark.parametrize("name", NAMES)
def test_the_order_in_the_file_does_not_matter(name: str) -> None:
    original = (PLANS / name / "plan.json").read_bytes()
    other = json.dumps(shuffled(json.loads(original), random.Random(name)), indent=1).encode()
    assert digests(other) == digests(original)


def test_no_two_of_the_real_plans_that_change_something_are_alike() -> None:
    plans = [read_plan((PLANS / name / "plan.json").read_bytes()) for name in NAMES]
    changing = [digest(plan) for plan in plans if plan.changes_anything]
    assert len(set(changing)) >= len(changing) - 2  # `delete` and `removed_and_destroyed` do the same


ORIGINAL = written(resource())


@pytest.mark.parametrize(
    "other",
    [
        written(resource(before={"size": 0})),
        written(resource(after={"size": 3})),
        written(resource(after={"size": "2"})),
        written(resource(after_unknown={"id": True})),
        written(resource(replace_paths=[["size"]])),
        written(resource(importing={"id": "x"})),
        written(resource(), resource("a.c")),
        written(resource("a.c")),
        written({**resource(), "deposed": "00000000"}),
        written({**resource(), "previous_address": "a.z"}),
        written(resource(), output_changes={"o": {"actions": ["create"], "after": 1}}),
        written(resource(), action_invocations=[{"address": "action.x.y"}]),
        written(resource(actions=["delete", "create"])),
    ],
)
def test_any_difference_in_what_applying_does_changes_the_digest(other: bytes) -> None:
    assert digests(other)[0] != digests(ORIGINAL)[0]


@pytest.mark.parametrize(
    "other",
    [
        written(resource(), resource("a.same", actions=["no-op"])),
        written(resource(), resource_drift=[resource("a.d")]),
        written(resource(), timestamp="2027-01-01T00:00:00Z", terraform_version="1.15.5"),
        written(resource(), output_changes={"o": {"actions": ["no-op"], "before": 1, "after": 1}}),
        written({**resource(), "previous_address": "a.b"}),
        written(resource(before_sensitive=True, after_sensitive={"size": True})),
    ],
)
def test_details_without_effect_on_the_apply_do_not_change_the_digest(other: bytes) -> None:
    assert digests(other) == digests(ORIGINAL)


def test_values_do_not_change_the_shape_digest_but_actions_do() -> None:
    assert digests(written(resource(after={"size": 3})))[1] == digests(ORIGINAL)[1]
    assert digests(written(resource(actions=["delete", "create"])))[1] != digests(ORIGINAL)[1]
    assert digests(written(resource("a.c")))[1] != digests(ORIGINAL)[1]


def test_numbers_that_python_cannot_distinguish_have_different_digests() -> None:
    one, other = (
        ORIGINAL.replace(b'{"size": 2}', b'{"size": %s}' % number)
        for number in (b"0.1000000000000000055511151231257827", b"0.1")
    )
    assert digests(one)[0] != digests(other)[0]


def test_a_key_makes_a_digest_that_cannot_be_made_without_it() -> None:
    plan = read_plan(ORIGINAL)
    assert digest(plan, key=b"one") == digest(plan, key=b"one")
    assert len({digest(plan), digest(plan, key=b"one"), digest(plan, key=b"other")}) == 3


def test_a_digest_is_the_same_in_every_version_of_this_code() -> None:
    """Approvals are bound to digests, so a new way to make digests would require every approval again."""
    assert digests(ORIGINAL) == (
        "ecdf2df6586a150ad5a18775cdbed94b254b3d815f7efac8558492955176e7de",
        "41a06a6c6df8b3bf408cbd7fcde0f6a19ed0ce4b4dbb8a61a86d0980f8a570d1",
    )
