"""Digests of plans and of their parts: equal if these do the same, otherwise different.

Two of them compare less: `shape_digest` ignores all values, and `object_digest` identifies only an object.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, NewType

import msgspec

from checks.plan import ActionInvocation, ActionTrigger, Plan
from checks.plan.action import Action
from checks.plan.format import Change, decode_value
from checks.plan.resource_change import OutputChange, ResourceChange

PlanDigest = NewType("PlanDigest", str)

_encoder = msgspec.json.Encoder(order="deterministic")
_DIGITS = 32


def digest(plan: Plan, *, key: bytes = b"") -> PlanDigest:
    """SHA-256, in hexadecimal, over all of the plan's changes and `action` blocks, with their values, unmasked.

    The order of these in the plan does not matter.

    Drift, timestamps and the version of Terraform are left out: they do not change the apply. With `key` the digest is
    an HMAC: a plain hash, stored beside a masked report, would let anybody check a guessed password. Raises
    PlanFormatError on values that cannot be read.
    """
    hashing = hmac.new(key, digestmod="sha256") if key else hashlib.sha256()
    for part in _parts(plan):  # one at a time: all of them together are as large as the decoded plan
        hashing.update(_encoder.encode(part) + b"\n")
    return PlanDigest(hashing.hexdigest())


def shape_digest(plan: Plan) -> str:
    """SHA-256, in hexadecimal, over only addresses and actions."""
    resources = [[change.address, change.deposed, change.action.value, _origin(change)] for change in _ordered(plan)]
    outputs = [[output.name, output.action.value] for output in _changed_outputs(plan)]
    return hashlib.sha256(_encoder.encode([resources, outputs, _invocations(plan)])).hexdigest()


def resource_digest(change: ResourceChange | OutputChange, *, key: bytes) -> str:
    """An HMAC, in hexadecimal, over a resource's or output's change, including its values.

    Empty without a key: a plain hash would let anybody check a guessed password.
    """
    part = (
        ["output", change.name, change.action.value, *_values(change.change)]
        if isinstance(change, OutputChange)
        else _resource(change)
    )
    return _keyed(part, key)


def invocation_digest(invocation: ActionInvocation, *, key: bytes) -> str:
    """An HMAC, in hexadecimal, over a provider's action that the apply runs. Empty without a key."""
    return _keyed(_invocation_with_values(invocation), key)


def object_digest(change: ResourceChange, *, key: bytes) -> str:
    """An HMAC, in hexadecimal, over the id of the object before the change, or over all its values if it has no id.

    Empty without a key, and if there is no object.
    """
    before = decode_value(change.change.before, exact=True)
    if before is None:
        return ""
    id = before.get("id") if isinstance(before, dict) else None
    return _keyed(["object", before if id is None else id], key)


def _keyed(part: list[Any], key: bytes) -> str:
    return hmac.digest(key, _encoder.encode(part), "sha256").hex()[:_DIGITS] if key else ""


def _parts(plan: Plan) -> Iterator[list[Any]]:
    yield from map(_resource, _ordered(plan))
    for output in _changed_outputs(plan):
        yield ["output", output.name, output.action.value, *_values(output.change)]
    yield from sorted((_invocation_with_values(each) for each in plan.action_invocations), key=repr)


def _origin(change: ResourceChange) -> str | None:
    return change.previous_address if change.moved else None


def _ordered(plan: Plan) -> list[ResourceChange]:
    changes = [change for change in plan.resource_changes if change.changes]
    return sorted(changes, key=lambda change: (change.address, change.deposed or ""))


def _changed_outputs(plan: Plan) -> list[OutputChange]:
    return [output for output in plan.output_changes if output.action is not Action.NO_OP]


def _resource(change: ResourceChange) -> list[Any]:
    importing = change.importing
    return [
        "resource",
        change.address,
        change.deposed,
        change.action.value,
        _origin(change),
        None if importing is None else [importing.id, importing.identity, importing.unknown],
        *_values(change.change),
        sorted(map(list, change.replace_paths), key=repr),
    ]


def _invocations(plan: Plan) -> list[list[Any]]:
    return sorted(map(_invocation, plan.action_invocations))


def _invocation(invocation: ActionInvocation) -> list[Any]:
    trigger = invocation.lifecycle_action_trigger or ActionTrigger()
    return ["action", invocation.address, trigger.triggering_resource_address, trigger.action_trigger_event]


def _invocation_with_values(invocation: ActionInvocation) -> list[Any]:
    return [*_invocation(invocation), *_values(invocation.change)]


def _values(change: Change) -> list[Any]:
    return [decode_value(value, exact=True) for value in (change.before, change.after, change.after_unknown)]
