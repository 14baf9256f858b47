"""Does a plan do the same as the reviewed one, and if not, what differs?

A `PlanSummary` is the stored form of a reviewed plan. It contains no values, only a hash of each attribute that is not
sensitive. Sensitive values go only into the digests, which are made with the server's key, so that nobody can check a
guessed password.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from checks.plan import ActionInvocation, ActionTrigger, Plan
from checks.plan.action import Action
from checks.plan.digest import PlanDigest, digest, invocation_digest, object_digest, resource_digest, shape_digest
from checks.plan.marks import Shown, Unknown, holds_hidden
from checks.plan.resource_change import OutputChange, ResourceChange
from checks.sensitive import Mask

HIDDEN: Final = "sensitive"
INVOKE: Final = "invoke"
"""The value of `ChangeSummary.action` for an `action` block that the apply runs."""
_HASH_DIGITS = 16

Parity = Literal["danger", "hold"]
"""Which differences from the preview lead to a hold: dangerous ones, or all."""
Loss = Literal["destroy", "replace", "forget", "invoke"]
_LOSSES: Final[dict[str, Loss]] = {
    "delete": "destroy",
    "delete-create": "replace",
    "create-delete": "replace",
    "forget": "forget",
    "create-forget": "forget",
    "forget-create": "forget",
    INVOKE: "invoke",
}

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="number")


class ChangeSummary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan's change of one resource or output (`output.NAME`): the changed attributes, each with a hash.

    An attribute's hash covers its value before and after. A sensitive attribute has the word "sensitive" instead of a
    hash. `digest` is a hash of the whole change. `object` is a hash of the existing object's id, or of all its values
    if it has no id. Both are made with the server's key, and are empty without it. `tainted`: whether the object is
    replaced because the apply that created it did not finish. `dangers` are the change's marks from the report's danger
    list. An `action` block that the apply runs counts as a change, too.
    """

    address: str
    action: str
    deposed: str | None = None
    previous_address: str | None = None
    import_id: str | None = None
    attributes: dict[str, str] = {}
    digest: str = ""
    object: str = ""
    tainted: bool = False
    dangers: tuple[str, ...] = ()

    @property
    def loss(self) -> Loss | None:
        """The kind of loss or irreversible action that the change causes; None if it causes none."""
        return _LOSSES.get(self.action)

    @property
    def is_grave(self) -> bool:
        """Whether, under `parity: danger`, this change holds the apply unless a preview showed it."""
        return self.loss is not None or bool(self.dangers)


class PlanSummary(Struct, frozen=True, kw_only=True):
    """The facts about a plan that are stored, so that a later plan can be compared with it."""

    digest: PlanDigest
    shape_digest: str
    changes: tuple[ChangeSummary, ...] = ()


NOTHING_SEEN: Final = PlanSummary(digest=PlanDigest(""), shape_digest="")
"""The summary for a root module that was in no preview."""


class ChangeDifference(Struct, frozen=True, kw_only=True):
    """A resource or output that both plans change, but differently. Attributes are given by name."""

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
        """Whether the action differs, for example a replacement where an update was reviewed."""
        return self.reviewed.action != self.planned.action


class PlanDifference(Struct, frozen=True, kw_only=True):
    """A plan compared with the reviewed one: new, missing and different changes.

    `same` is decided by the digests. If it is false and nothing is listed, only sensitive values differ.
    """

    same: bool
    new: tuple[ChangeSummary, ...] = ()
    gone: tuple[ChangeSummary, ...] = ()
    changed: tuple[ChangeDifference, ...] = ()

    @property
    def only_sensitive(self) -> bool:
        """Whether only sensitive values differ, so that no difference can be named."""
        return not (self.same or self.new or self.gone or self.changed)

    def words(self) -> str:
        """For people: "the same", "2 new, 1 gone", or that sensitive values differ."""
        if self.same:
            return "the same"
        counted = (len(self.new), "new"), (len(self.gone), "gone"), (len(self.changed), "changed")
        return ", ".join(f"{number} {word}" for number, word in counted if number) or "sensitive values differ"


def summarize(plan: Plan, *, mask: Mask, key: bytes = b"") -> PlanSummary:
    """The storable summary of a plan. Summaries can be compared only if they were made with the same key."""
    mask = mask.also(plan.sensitive_values()).but_names(plan.names())
    changes = [_resource(change, mask, key) for change in plan.resource_changes if change.changes]
    changes += [_output(output, mask, key) for output in plan.output_changes if output.action is not Action.NO_OP]
    changes += [_invocation(invocation, mask, key) for invocation in plan.action_invocations]
    return PlanSummary(
        digest=digest(plan, key=key),
        shape_digest=shape_digest(plan),
        changes=tuple(sorted(changes, key=_object_key)),
    )


def difference(reviewed: PlanSummary, planned: PlanSummary) -> PlanDifference:
    """Compare the plan `planned` with the plan `reviewed`."""
    if reviewed.digest == planned.digest:
        return PlanDifference(same=True)
    before = {_object_key(change): change for change in reviewed.changes}
    after = {_object_key(change): change for change in planned.changes}
    return PlanDifference(
        same=False,
        new=tuple(change for place, change in after.items() if place not in before),
        gone=tuple(change for place, change in before.items() if place not in after),
        changed=tuple(
            _compare(before[place], change)
            for place, change in after.items()
            if place in before and _names_only(before[place]) != _names_only(change)
        ),
    )


def unseen(
    previews: Sequence[PlanSummary], planned: PlanSummary, parity: Parity, *, values_follow: bool = False
) -> tuple[ChangeSummary, ...]:
    """The changes of a plan that no preview showed; `previews` are those of the pull requests that are applied.

    With `danger`, these are only changes that destroy, replace, forget or invoke something, or are in the danger list.
    With `hold`, they are all changes whose action or values differ from the previews. A change that a preview showed
    but the plan lacks needs no approval. `values_follow`: whether values may depend on another root module that this
    run already applied; then values are not compared.
    """
    if any(preview.digest == planned.digest for preview in previews):
        return ()
    seen: dict[tuple[str, str], list[ChangeSummary]] = {}
    for preview in previews:
        for change in preview.changes:
            seen.setdefault(_object_key(change), []).append(change)
    return tuple(
        change
        for change in planned.changes
        if (parity == "hold" or change.is_grave)
        and not any(_was_seen(change, other, parity, values_follow) for other in seen.get(_object_key(change), ()))
    )


def _was_seen(planned: ChangeSummary, reviewed: ChangeSummary, parity: Parity, values_follow: bool) -> bool:
    same_loss = (planned.loss, planned.object) == (reviewed.loss, reviewed.object)
    # A failed or interrupted apply made this object, after the review. So replacing it loses nothing.
    half_made = planned.tainted and reviewed.action == "create"
    if planned.loss is not None and not (same_loss or half_made):
        return False
    if not set(planned.dangers) <= set(reviewed.dangers):
        return False
    if parity == "danger":
        return True
    if planned.action != reviewed.action or planned.previous_address != reviewed.previous_address:
        return False
    return values_follow or (bool(planned.digest) and planned.digest == reviewed.digest)


def closest(previews: Sequence[PlanSummary], planned: PlanSummary) -> PlanSummary | None:
    """Merge the previews into one, to show how a plan differs from them; None if there are none.

    If several previews change the same resource or output, the change that equals the plan's is taken. If none equals
    it, the last preview's change is taken.
    """
    if len(previews) < 2:
        return previews[0] if previews else None
    done = {_object_key(change): change.digest for change in planned.changes if change.digest}
    changes: dict[tuple[str, str], ChangeSummary] = {}
    for preview in previews:
        for change in preview.changes:
            place = _object_key(change)
            if place not in changes or changes[place].digest != done.get(place):
                changes[place] = change
    same = {place: change.digest for place, change in changes.items()} == done
    digest_of_all = planned.digest if same else PlanDigest("")
    return PlanSummary(digest=digest_of_all, shape_digest="", changes=tuple(sorted(changes.values(), key=_object_key)))


def confirmation(environment: str, change: ResourceChange, *, key: bytes) -> str:
    """The identifier of a confirmation that exactly this object may be destroyed or replaced.

    It is the same for each plan that does the same to the object.
    """
    loss = _LOSSES.get(change.action.value)
    said = [environment, change.address, change.deposed, loss, object_digest(change, key=key)]
    return hmac.digest(key, b"confirmation\n" + _encoder.encode(said), "sha256").hex()


def _names_only(change: ChangeSummary) -> ChangeSummary:
    """The change without `digest`, `object` and `dangers`: people are not shown differences in these fields."""
    return msgspec.structs.replace(change, digest="", object="", dangers=())


def _object_key(change: ChangeSummary) -> tuple[str, str]:
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
        digest=resource_digest(change, key=key),
        object=object_digest(change, key=key),
        tainted=change.action_reason == "replace_because_tainted",
    )


def _output(output: OutputChange, mask: Mask, key: bytes) -> ChangeSummary:
    return ChangeSummary(
        address=f"output.{output.name}",
        action=output.action.value,
        attributes=_attributes(output, mask, key),
        digest=resource_digest(output, key=key),
    )


def _invocation(invocation: ActionInvocation, mask: Mask, key: bytes) -> ChangeSummary:
    trigger = invocation.lifecycle_action_trigger or ActionTrigger()
    when = f" {trigger.event} of {trigger.triggering_resource_address}" if trigger.event else ""
    return ChangeSummary(
        address=mask.address(f"{invocation.address}{when}"),
        action=INVOKE,
        digest=invocation_digest(invocation, key=key),
    )


def _attributes(change: ResourceChange | OutputChange, mask: Mask, key: bytes) -> dict[str, str]:
    if change.action in (Action.DELETE, Action.FORGET):
        return {}
    start = "value" if isinstance(change, OutputChange) else ""
    changed = _find_differences(change.shown_before, change.shown_after, start)
    return dict(sorted((mask.text(path), _fingerprint(before, after, mask, key)) for path, before, after in changed))


def _find_differences(before: Shown, after: Shown, path: str) -> Iterator[tuple[str, Shown, Shown]]:
    """Find the values that differ. Maps and blocks are searched, lists compared as a whole. Null counts as absent."""
    if isinstance(after, dict) and (isinstance(before, dict) or before is None):
        old = before or {}
        for name in {**old, **after}:
            yield from _find_differences(old.get(name), after.get(name), f"{path}.{name}" if path else name)
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
