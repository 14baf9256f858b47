"""A state as printed by `terraform show -json`."""

import msgspec

from checks.plan.format import NOT_UNDERSTOOD, State, require_few_parts
from checks.plan.format import not_understood as _not_understood

_decoder = msgspec.json.Decoder(State)


def count_resources(state_json: bytes) -> int:
    """The number of managed objects in a state; 0 if there is no state yet. Raises PlanFormatError."""
    require_few_parts(state_json)
    try:
        state = _decoder.decode(state_json)
    except NOT_UNDERSTOOD as error:
        raise _not_understood(error) from None
    return sum(resource.mode == "managed" for resource in state.values.root_module.every_resource())
