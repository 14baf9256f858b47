"""Does a plan do the same as the one that was reviewed, and if not, what is different?

A `PlanSummary` is what is remembered of a reviewed plan. It may be stored: it holds no value, and of sensitive
attributes not even a hash, which would let short passwords be tried out. That such a value differs is seen in the
plans' digests alone.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from checks.plan import Plan
from checks.plan.action import Action
from checks.plan.digest import PlanDigest, digest, shape_digest
from checks.plan.marks import Shown, Unknown, holds_hidden
from checks.plan.resource_change import OutputChange, ResourceChange
from checks.sensitive import Mask

HIDDEN: Final = "sensitive"
_HASH_DIGITS = 16

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="number")


class ChangeSummary(Struct, frozen=True, kw_only=True):
    """What a plan does to one resource or output (`output.NAME`): the attributes that change, each with a hash.

    The hash covers the value before and after; it is "sensitive" where the value is.
    """

    address: str
    action: str
    deposed: str | None = None
    previous_address: str | None = None
    import_id: str | None = None
    attributes: dict[str, str] = {}


class PlanSummary(Struct, frozen=True, kw_only=True):
    """What is remembered of a plan in order to compare another one with it."""

    digest: PlanDigest
    shape_digest: str
    changes: tuple[ChangeSummary, ...] = ()


class ChangeDifference(Struct, frozen=True, kw_only=True):
    """A resource or output that both plans change, but not alike; attributes by name."""

    reviewed: ChangeSummary
    planned: ChangeSummary
    new_attributes: tuple[str, ...] = ()
    gone_attributes: tuple[str, ...] = ()
    changed_attributes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return self.planned.address

    @property
    def action_differs(self) -> bool:
        """Whether something else is done, such as a replacement where an update was reviewed."""
        return self.reviewed.action != self.planned.action


class PlanDifference(Struct, frozen=True, kw_only=True):
    """A plan against the one that was reviewed: what is new, what is gone, what is done differently.

    `same` is decided by the digests. Where it is false and nothing is listed, only sensitive values differ.
    """

    same: bool
    new: tuple[ChangeSummary, ...] = ()
    gone: tuple[ChangeSummary, ...] = ()
    changed: tuple[ChangeDifference, ...] = ()

    @property
    def only_sensitive(self) -> bool:
        """Whether the plans differ in nothing that may be named."""
        return not (self.same or self.new or self.gone or self.changed)

    def words(self) -> str:
        """For people: "the same", "2 new, 1 gone", or that sensitive values differ."""
        if self.same:
            return "the same"
        counted = (len(self.new), "new"), (len(self.gone), "gone"), (len(self.changed), "changed")
        return ", ".join(f"{number} {word}" for number, word in counted if number) or "sensitive values differ"


def summarize(plan: Plan, *, mask: Mask, key: bytes = b"") -> PlanSummary:
    """What may be stored of a plan. Summaries are compared with each other only if made with the same key."""
    mask = mask.also(plan.sensitive_values()).but_names(plan.names())
    changes = [_resource(change, mask, key) for change in plan.resource_changes if change.changes]
    changes += [_output(output, mask, key) for output in plan.output_changes if output.action is not Action.NO_OP]
    return PlanSummary(
        digest=digest(plan, key=key),
        shape_digest=shape_digest(plan),
        changes=tuple(sorted(changes, key=_place)),
    )


def difference(reviewed: PlanSummary, planned: PlanSummary) -> PlanDifference:
    """What `planned` does other than `reviewed`."""
    if reviewed.digest == planned.digest:
        return PlanDifference(same=True)
    before = {_place(change): change for change in reviewed.changes}
    after = {_place(change): change for change in planned.changes}
    return PlanDifference(
        same=False,
        new=tuple(change for place, change in after.items() if place not in before),
        gone=tuple(change for place, change in before.items() if place not in after),
        changed=tuple(
            _compare(before[place], change)
            for place, change in after.items()
            if place in before and before[place] != change
        ),
    )


def _place(change: ChangeSummary) -> tuple[str, str]:
    return change.address, change.deposed or ""


def _compare(reviewed: ChangeSummary, planned: ChangeSummary) -> ChangeDifference:
    before, after = reviewed.attributes, planned.attributes
    return ChangeDifference(
        reviewed=reviewed,
        planned=planned,
        new_attributes=tuple(name for name in after if name not in before),
        gone_attributes=tuple(name for name in before if name not in after),
        changed_attributes=tuple(name for name in after if name in before and before[name] != after[name]),
    )


def _resource(change: ResourceChange, mask: Mask, key: bytes) -> ChangeSummary:
    importing = change.importing
    previous = change.previous_address if change.moved else None
    return ChangeSummary(
        address=mask.address(change.address),
        action=change.action.value,
        deposed=change.deposed,
        previous_address=previous and mask.address(previous),
        import_id=None if importing is None else mask.text(importing.id or ""),
        attributes=_attributes(change, mask, key),
    )


def _output(output: OutputChange, mask: Mask, key: bytes) -> ChangeSummary:
    return ChangeSummary(
        address=f"output.{output.name}", action=output.action.value, attributes=_attributes(output, mask, key)
    )


def _attributes(change: ResourceChange | OutputChange, mask: Mask, key: bytes) -> dict[str, str]:
    if change.action in (Action.DELETE, Action.FORGET):
        return {}
    start = "value" if isinstance(change, OutputChange) else ""
    changed = _changed(change.shown_before, change.shown_after, start)
    return dict(sorted((mask.text(path), _fingerprint(before, after, mask, key)) for path, before, after in changed))


def _changed(before: Shown, after: Shown, path: str) -> Iterator[tuple[str, Shown, Shown]]:
    """The parts that differ, down through maps and blocks; a list is one part, and null is as good as absent."""
    if isinstance(after, dict) and (isinstance(before, dict) or before is None):
        old = before or {}
        for name in {**old, **after}:
            yield from _changed(old.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after:
        yield path, before, after


def _fingerprint(before: Shown, after: Shown, mask: Mask, key: bytes) -> str:
    if holds_hidden(before) or holds_hidden(after):
        return HIDDEN
    values = [_plain(before), _plain(after)]
    if mask.value(values) != values:
        return HIDDEN
    content = _encoder.encode(values)
    hashed = hmac.digest(key, content, "sha256") if key else hashlib.sha256(content).digest()
    return hashed.hex()[:_HASH_DIGITS]


def _plain(value: Shown) -> Any:
    match value:
        case Unknown():
            return {"": value.value}
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
