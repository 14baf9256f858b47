"""Collect the values that Terraform marks as sensitive, as texts for a mask.

Terraform does not track a value through a provider: a value that is marked in a resource's `input` is not marked in
its `output`. So a marked value is hidden everywhere. Literals of the configuration are the exception: providers mark
even parameters such as a region, and a value that is in git is no secret.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from msgspec import Raw

from checks.plain_text import number_text
from checks.plan.format import Change, Configuration, State, VariableValue, decode_part, decode_value
from checks.plan.marks import hidden_texts, shown
from checks.plan.sides import marked_part


def marked_values(changes: Iterable[Change], *, prior_state: Raw, configuration: Raw, variables: Raw) -> frozenset[str]:
    """Every string and number that is marked in these changes or in the state, except literals of the configuration.

    Also every string and number in the values of sensitive variables.
    """
    marked = frozenset(_marked_in_changes(changes)) | _marked_in_state(decode_part(prior_state, State))
    return without_literals(marked, configuration) | _sensitive_variables(configuration, variables)


def marked_in_state(state_json: bytes) -> frozenset[str]:
    """Every string and number that is marked in the output of `terraform show -json`, which prints the state.

    Raises PlanFormatError on bytes that are not a state.
    """
    return _marked_in_state(decode_part(Raw(state_json), State))


def without_literals(marked: frozenset[str], configuration: Raw) -> frozenset[str]:
    """The marked values without those that are literals in the configuration."""
    return marked - _literals(configuration) if marked else marked


def _marked_in_state(state: State | None) -> frozenset[str]:
    found: set[str] = set()
    values = State().values if state is None else state.values
    for resource in values.root_module.every_resource():
        if b"true" in bytes(resource.sensitive_values):
            value, marks = decode_value(resource.values), decode_value(resource.sensitive_values)
            found.update(hidden_texts(shown(value, marks)))
    for output in values.outputs.values():
        if output.sensitive:
            found.update(hidden_texts(shown(decode_value(output.value), True)))
    return frozenset(found)


def _marked_in_changes(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if change.marked:
            if b"true" in bytes(change.before_sensitive):
                yield from hidden_texts(marked_part(change.before, change.before_sensitive))
            if b"true" in bytes(change.after_sensitive):
                yield from hidden_texts(marked_part(change.after, change.after_sensitive, change.after_unknown))


def _sensitive_variables(configuration: Raw, variables: Raw) -> frozenset[str]:
    blocks = (decode_part(configuration, Configuration) or Configuration()).root_module.variables
    values = decode_part(variables, dict[str, VariableValue]) or {}
    sensitive = (name for name, block in blocks.items() if block.sensitive and name in values)
    hidden = (shown(decode_value(values[name].value), True) for name in sensitive)
    return frozenset(text for value in hidden for text in hidden_texts(value))


def _literals(configuration: Raw) -> frozenset[str]:
    return frozenset(_literals_in(decode_value(configuration)))


def _literals_in(configuration: Any) -> Iterator[str]:
    left = [(configuration, False)]
    while left:
        value, literal = left.pop()
        if isinstance(value, dict):
            left.extend((item, literal or key == "constant_value") for key, item in value.items())
        elif isinstance(value, list):
            left.extend((item, literal) for item in value)
        elif literal and isinstance(value, str):
            yield value
        elif literal and isinstance(value, int | Decimal):
            yield str(value) if isinstance(value, bool) else number_text(value)
