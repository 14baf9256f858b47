"""What a plan does, as one short text: equal for plans that do the same, different for all others."""

import hashlib
import hmac
from typing import Any, NewType

import msgspec

from checks.action import Action
from checks.plan import ActionTrigger, Plan
from checks.plan_format import Change
from checks.resource_change import OutputChange, ResourceChange

PlanDigest = NewType("PlanDigest", str)

# Numbers with a fraction keep their digits: Terraform's are more precise than Python's.
_decoder = msgspec.json.Decoder(float_hook=lambda digits: msgspec.Raw(digits.encode()))
_encoder = msgspec.json.Encoder(order="deterministic")


def digest(plan: Plan, *, key: bytes = b"") -> PlanDigest:
    """SHA-256, in hexadecimal, over what the plan does with all its unmasked values, whatever their order in the file.

    Drift, timestamps, and the version of Terraform are left out: they do not change what applying does. With `key`
    it is an HMAC: what is stored must not let anyone try out passwords, which a plain hash beside a masked report
    would.
    """
    return PlanDigest(_hash([*map(_resource, _ordered(plan)), *_outputs(plan), *_invocations(plan)], key))


def shape_digest(plan: Plan) -> str:
    """SHA-256, in hexadecimal, over addresses and actions alone."""
    resources = [["resource", c.address, c.deposed, c.action.value, c.previous_address] for c in _ordered(plan)]
    outputs = [["output", output.name, output.action.value] for output in _changed_outputs(plan)]
    return _hash([*resources, *outputs, *_invocations(plan)], b"")


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
        change.previous_address,
        None if importing is None else [importing.id, importing.identity, importing.unknown],
        *_values(change.change),
        sorted(map(list, change.replace_paths), key=repr),
    ]


def _outputs(plan: Plan) -> list[list[Any]]:
    return [["output", output.name, output.action.value, *_values(output.change)] for output in _changed_outputs(plan)]


def _invocations(plan: Plan) -> list[list[Any]]:
    return sorted(
        ["action", invocation.address, trigger.triggering_resource_address, trigger.action_trigger_event]
        for invocation in plan.action_invocations
        for trigger in [invocation.lifecycle_action_trigger or ActionTrigger()]
    )


def _values(change: Change) -> list[Any]:
    return [_decoder.decode(value) for value in (change.before, change.after, change.after_unknown)]


def _hash(content: list[Any], key: bytes) -> str:
    canonical = _encoder.encode(content)
    return hmac.digest(key, canonical, "sha256").hex() if key else hashlib.sha256(canonical).hexdigest()
