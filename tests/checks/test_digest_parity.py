"""The differences between a plan and the reviewed plan, found by comparing the summaries of both."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checks.plan import read_plan
from checks.plan.parity import (
    Parity,
    PlanDifference,
    PlanSummary,
    closest,
    confirmation,
    difference,
    summarize,
    unseen,
)
from checks.report.change_report import ChangeReport
from checks.report.grave import with_dangers
from checks.sensitive import Mask

PLANS = Path(__file__).parent / "plans"
KEY = b"key"


def resource(address: str = "a.b", *actions: str, after: Any = None, **change: Any) -> dict[str, Any]:
    marks = {"before_sensitive": False, "after_sensitive": False}
    before = None if "create" in actions else {"size": 1, "tags": {"owner": "x"}}
    return {"address": address, "change": {"actions": actions, "before": before, "after": after, **marks, **change}}


def summary(*resources: dict[str, Any], mask: Mask | None = None, **parts: Any) -> PlanSummary:
    plan = read_plan(json.dumps({"format_version": "1.2", "resource_changes": resources, **parts}).encode())
    return summarize(plan, mask=mask or Mask.none(), key=KEY)


def stored(summary: PlanSummary) -> PlanSummary:
    return msgspec.json.decode(msgspec.json.encode(summary), type=PlanSummary)


UPDATE = resource("a.b", "update", after={"size": 2, "tags": {"owner": "x"}})


def test_the_same_plan_is_the_same_also_when_it_was_stored() -> None:
    assert difference(stored(summary(UPDATE)), summary(UPDATE)) == PlanDifference(same=True)
    assert difference(summary(UPDATE), summary(UPDATE)).words() == "the same"


def test_new_missing_and_changed_actions_are_distinguished() -> None:
    reviewed = summary(UPDATE, resource("a.gone", "delete"))
    planned = summary(
        resource("a.b", "update", after={"size": 3, "tags": {"owner": "x", "stage": "y"}}),
        resource("a.new", "create", after={"size": 1}),
    )
    found = difference(stored(reviewed), planned)
    assert found.words() == "1 new, 1 gone, 1 changed"
    assert [change.address for change in found.new] == ["a.new"]
    assert [(change.address, change.action) for change in found.gone] == [("a.gone", "delete")]
    (changed,) = found.changed
    assert changed.address == "a.b"
    assert not changed.action_differs
    assert changed.changed_attributes == ("size",)
    assert changed.new_attributes == ("tags.stage",)
    assert changed.gone_attributes == ()


def test_another_action_on_the_same_resource_is_a_change() -> None:
    replaced = resource("a.b", "delete", "create", after={"size": 2, "tags": {"owner": "x"}})
    (changed,) = difference(summary(UPDATE), summary({**replaced})).changed
    assert changed.action_differs
    assert (changed.reviewed.action, changed.planned.action) == ("update", "delete-create")


def test_outputs_are_compared_like_resources() -> None:
    one, other = (
        summary(
            output_changes={
                "o": {"actions": ["create"], "after": after, "before_sensitive": False, "after_sensitive": False}
            }
        )
        for after in ({"url": "x"}, {"url": "y"})
    )
    (changed,) = difference(one, other).changed
    assert (changed.address, changed.changed_attributes) == ("output.o", ("value.url",))


def test_no_hash_of_a_sensitive_attribute_is_kept() -> None:
    marked = resource(
        "a.b", "update", after={"size": 1, "tags": {"owner": "y"}}, after_sensitive={"tags": {"owner": True}}
    )
    assert summary(marked).changes[0].attributes == {"tags.owner": "sensitive"}
    masked = summary(resource("a.b", "create", after={"url": "x hunter2-hunter2"}), mask=Mask.of(["hunter2-hunter2"]))
    assert masked.changes[0].attributes == {"url": "sensitive"}


def test_plans_that_differ_only_in_sensitive_values_are_not_the_same() -> None:
    one, other = (
        summary(resource("a.b", "create", after={"password": password}, after_sensitive={"password": True}))
        for password in ("hunter2-hunter2", "correct-horse")
    )
    found = difference(one, other)
    assert found.only_sensitive
    assert not found.same
    assert found.words() == "sensitive values differ"


def test_a_value_known_after_apply_differs_from_a_text_that_says_so() -> None:
    unknown = summary(resource("a.b", "create", after={}, after_unknown={"id": True}))
    text = summary(resource("a.b", "create", after={"id": "(known after apply)"}))
    assert difference(unknown, text).changed[0].changed_attributes == ("id",)


def test_a_deposed_object_is_not_the_object_itself() -> None:
    deposed = {**resource("a.b", "delete"), "deposed": "abecb650"}
    found = difference(summary(UPDATE), summary(UPDATE, deposed))
    assert [(change.address, change.deposed) for change in found.new] == [("a.b", "abecb650")]


def test_moves_and_imports_are_compared() -> None:
    moved = {**UPDATE, "previous_address": "a.old"}
    imported = resource("a.b", "update", after={"size": 2, "tags": {"owner": "x"}}, importing={"id": "x"})
    assert difference(summary(UPDATE), summary(moved)).changed[0].planned.previous_address == "a.old"
    assert difference(summary(UPDATE), summary(imported)).changed[0].planned.import_id == "x"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in PLANS.glob("*/plan.json")))
def test_a_summary_of_a_real_plan_holds_no_value(name: str) -> None:
    plan = read_plan((PLANS / name / "plan.json").read_bytes())
    kept = msgspec.json.encode(summarize(plan, mask=Mask.none())).decode()
    for secret in ("correct-horse", "platform", "10.0.0.0", "hidden-key", "postgres"):
        assert secret not in kept


# --- changes that no preview showed ----------------------------------------------------------------------------------


def gone(address: str = "a.b", id: str = "1") -> dict[str, Any]:
    return resource(address, "delete", before={"id": id})


def replaced(id: str = "1", after: Any = None) -> dict[str, Any]:
    return resource("a.b", "delete", "create", before={"id": id}, after=after or {"size": 2})


def not_shown(planned: PlanSummary, *previews: PlanSummary, parity: Parity = "danger", **more: bool) -> list[str]:
    return [change.address for change in unseen(list(map(stored, previews)), planned, parity, **more)]


def test_replacing_a_half_created_object_counts_as_shown_if_a_preview_created_it() -> None:
    half_made = {**replaced(), "action_reason": "replace_because_tainted"}
    created = summary(resource("a.b", "create", after={"size": 2}))
    assert not_shown(summary(half_made), created) == []
    assert not_shown(summary(replaced()), created) == ["a.b"]
    assert not_shown(summary(half_made), summary(UPDATE)) == ["a.b"]
    assert not_shown(summary(half_made), created, parity="hold") == ["a.b"]


@pytest.mark.parametrize(
    ("planned", "preview"),
    [
        (summary(gone()), summary()),
        (summary(gone()), summary(UPDATE)),
        (summary(gone()), summary(replaced())),
        (summary(replaced()), summary(UPDATE)),
        (summary(gone(id="2")), summary(gone(id="1"))),  # another object has this address now
        (summary({**gone(), "deposed": "abecb650"}), summary(gone())),
        (summary(resource("a.b", "forget", before={"id": "1"})), summary(UPDATE)),
    ],
)
def test_a_loss_must_have_been_in_a_preview(planned: PlanSummary, preview: PlanSummary) -> None:
    assert not_shown(planned, preview) == ["a.b"]
    assert not_shown(planned, preview, planned) == []
    assert not_shown(planned, summary(gone("a.other")), msgspec.structs.replace(planned, digest="of then")) == []


def test_a_providers_action_has_to_have_been_in_a_preview() -> None:
    invoked = summary(action_invocations=[{"address": "action.x.y"}])
    assert not_shown(invoked, summary()) == ["action.x.y"]
    assert not_shown(invoked, invoked) == []


def test_a_dangerous_change_needs_the_same_marks_in_a_preview() -> None:
    plain = summary(UPDATE)
    dangerous = msgspec.structs.replace(
        plain, digest="d", changes=(msgspec.structs.replace(plain.changes[0], dangers=("opens to the world",)),)
    )
    assert not_shown(dangerous, plain) == ["a.b"]
    assert not_shown(dangerous, msgspec.structs.replace(dangerous, digest="of then")) == []


def test_other_differences_cause_a_hold_only_if_parity_says_so_and_fewer_actions_never_do() -> None:
    other = summary(resource("a.b", "update", after={"size": 3, "tags": {"owner": "x"}}))
    assert not_shown(other, summary(UPDATE)) == []
    assert not_shown(other, summary(UPDATE), parity="hold") == ["a.b"]
    assert not_shown(other, summary(UPDATE), parity="hold", values_follow=True) == []
    assert not_shown(summary(UPDATE), summary(UPDATE, gone("a.gone")), parity="hold") == []
    secret = {"after_sensitive": {"password": True}}
    one, two = (summary(resource("a.b", "create", after={"password": each}, **secret)) for each in ("one", "two"))
    assert not_shown(two, one, parity="hold") == ["a.b"]


def test_changes_of_two_previews_together_count_as_seen() -> None:
    one, two = summary(gone("a.one")), summary(gone("a.two"), UPDATE)
    both = summary(gone("a.one"), gone("a.two"), UPDATE)
    for parity in ("danger", "hold"):
        assert not_shown(both, one, two, parity=parity) == []
    merged = closest([one, two], both)
    assert merged is not None
    assert difference(merged, both).same
    assert difference(merged, summary(gone("a.one"), UPDATE)).words() == "1 gone"


def test_a_confirmation_is_valid_for_one_object_in_one_environment_whatever_its_values() -> None:
    def confirmed(change: dict[str, Any], environment: str = "staging") -> str:
        plan = read_plan(json.dumps({"format_version": "1.2", "resource_changes": [change]}).encode())
        return confirmation(environment, plan.resource_changes[0], key=KEY)

    assert confirmed(replaced()) == confirmed(replaced(after={"size": 99}))
    others = [replaced(id="2"), gone(), {**replaced(), "deposed": "abecb650"}, {**replaced(), "address": "a.c"}]
    assert len({confirmed(replaced()), confirmed(replaced(), "production"), *map(confirmed, others)}) == 6


def test_the_danger_list_is_remembered_for_each_instance_of_a_change() -> None:
    kept = summary(resource("a.b[0]", "create", after={}), resource("a.b[1]", "create", after={}), gone("a.c"))
    folded = ChangeReport(
        address="a.b[0..1]",
        type="a",
        action="create",
        section="add",
        marks=("network",),
        instances=("a.b[0]", "a.b[1]"),
    )
    destroyed = ChangeReport(address="a.c", type="a", action="delete", section="destroy", marks=("database",))
    found = {each.address: each.dangers for each in with_dangers(kept, [folded, destroyed]).changes}
    assert found == {"a.b[0]": ("network",), "a.b[1]": ("network",), "a.c": ()}
