"""The structures in the plan JSON of Terraform and OpenTofu that Planward reads.

Values stay undecoded (`msgspec.Raw`): most resources of a big plan do not change, so a report needs only a small part
of, say, 300 MB. Unknown properties are skipped, as the format's compatibility promise requires.

https://developer.hashicorp.com/terraform/internals/json-format
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from checks.errors import PlanFormatError

DEEPEST = 100
_SHALLOW = 2 * DEEPEST
"""In bytes: no smaller value can be nested deeper than DEEPEST, since each level takes two bytes."""

MOST_PARTS = 1_000_000
"""The limit for the parts of one value: decoding it is one call, which blocks the process."""
_MOST_LISTS = 2_000_000
_LISTS_A_MB = 30_000
"""The limit for the lists and maps of a whole plan, per megabyte, for the same reason. Terraform writes 20,000.

A plan of any size may have `_MOST_LISTS`.
"""

NULL = Raw(b"null")
NOTHING = Raw(b"false")
EVERYTHING = Raw(b"true")

Path = tuple[str | int | float, ...]


class Importing(Struct, frozen=True, gc=False):
    """The existing object that an `import` block adds to the state."""

    id: str | None = None
    undecoded_identity: Raw = msgspec.field(name="identity", default=NULL)
    unknown: bool = False

    @property
    def identity(self) -> dict[str, Any] | None:
        """The object's identity in the provider's format. Raises PlanFormatError."""
        value = decode_value(self.undecoded_identity)
        if value is not None and not isinstance(value, dict):
            raise PlanFormatError("not a Terraform plan in JSON form: an identity that is not an object")
        return value


class Change(Struct, frozen=True, gc=False):
    """The format's "change representation". Where marks are missing, as before Terraform 0.15, everything is hidden."""

    actions: tuple[str, ...]
    before: Raw = NULL
    after: Raw = NULL
    after_unknown: Raw = NOTHING
    before_sensitive: Raw = EVERYTHING
    after_sensitive: Raw = EVERYTHING
    replace_paths: tuple[Path, ...] = ()
    importing: Importing | None = None
    generated_config: str | None = None

    @property
    def marked(self) -> bool:
        """Whether it has Terraform's marks of sensitive values at all."""
        return self.before_sensitive is not EVERYTHING and self.after_sensitive is not EVERYTHING

    def __repr__(self) -> str:
        return f"Change({'-'.join(self.actions)})"


class ResourceValues(Struct, frozen=True):
    """A resource of the "values representation"; its values stay undecoded."""

    mode: str = "managed"
    values: Raw = NULL
    sensitive_values: Raw = NOTHING


class OutputValue(Struct, frozen=True):
    """An output of a state."""

    sensitive: bool = False
    value: Raw = NULL


class ModuleValues(Struct, frozen=True):
    """A module of the "values representation"."""

    resources: tuple[ResourceValues, ...] = ()
    child_modules: tuple["ModuleValues", ...] = ()

    def holds_resources(self) -> bool:
        """Whether this module or a child module has a managed resource."""
        managed = any(resource.mode == "managed" for resource in self.resources)
        return managed or any(module.holds_resources() for module in self.child_modules)

    def every_resource(self) -> Iterator[ResourceValues]:
        """The resources of this module and of its child modules."""
        yield from self.resources
        for module in self.child_modules:
            yield from module.every_resource()


class StateValues(Struct, frozen=True):
    outputs: dict[str, OutputValue] = {}
    root_module: ModuleValues = ModuleValues()


class State(Struct, frozen=True):
    """The "state representation": of `prior_state`, and of `terraform show -json` without a plan file."""

    values: StateValues = StateValues()


class VariableValue(Struct, frozen=True):
    """A root module's variable with its value. Whether it is sensitive is only in the configuration."""

    value: Raw = NULL


class VariableBlock(Struct, frozen=True):
    sensitive: bool = False


class _RootModule(Struct, frozen=True):
    variables: dict[str, VariableBlock] = {}


class Configuration(Struct, frozen=True):
    """The "configuration representation", only as far as it says which variables of the root module are sensitive."""

    root_module: _RootModule = _RootModule()


_NESTED = (dict, list)  # as a constant, since `dict | list` is built at each call


def decode_value(raw: Raw, *, exact: bool = False) -> Any:
    """Decode an undecoded part of a plan JSON into a Python value.

    Fractions become Decimals, since Terraform's numbers are more precise than Python's floats; with `exact` they stay
    Raw, with all their digits. Raises PlanFormatError, also on values with more than MOST_PARTS parts, and on values
    nested deeper than DEEPEST. So callers need not count levels.
    """
    if len(raw) > MOST_PARTS and sum(map(bytes(raw).count, (b"[", b"{", b","))) > MOST_PARTS:
        raise PlanFormatError(
            f"the plan contains a value with more than {MOST_PARTS:,} parts: split this value into smaller ones"
        )
    try:
        value = _EXACT.decode(raw) if exact else _VALUE.decode(raw)
    except NOT_UNDERSTOOD as error:
        raise not_understood(error) from None
    if len(raw) <= _SHALLOW or not isinstance(value, _NESTED):
        return value
    text = bytes(raw)
    if text.count(b"[") + text.count(b"{") > DEEPEST and _levels(value) > DEEPEST:
        raise PlanFormatError(f"a plan with values nested deeper than {DEEPEST} levels: make them flatter")
    return value


def decode_plainly(raw: Raw) -> Any:
    """The value as Python's own JSON module reads it, to compare it with other programs' JSON.

    Raises PlanFormatError.
    """
    decode_value(raw)  # only for its limits
    return msgspec.json.decode(raw)


def _levels(value: Any) -> int:
    levels, items = 0, [value]
    while items := [item for item in items if isinstance(item, dict | list)]:
        levels += 1
        items = [inner for item in items for inner in (item.values() if isinstance(item, dict) else item)]
    return levels


def require_few_parts(plan_json: bytes) -> None:
    """Raise PlanFormatError on far more lists and maps than Terraform writes into a plan of that size."""
    most = max(_MOST_LISTS, len(plan_json) * _LISTS_A_MB // 1_000_000)
    if len(plan_json) > most and plan_json.count(b"[") + plan_json.count(b"{") > most:
        raise PlanFormatError(f"a plan of more than {most:,} lists and maps: split the root module into smaller ones")


_Part = TypeVar("_Part")


def decode_part(raw: Raw, kind: type[_Part]) -> _Part | None:
    """A part of a plan JSON as the given type, None if it is null. Raises PlanFormatError."""
    try:
        return msgspec.json.decode(raw, type=kind | None)
    except NOT_UNDERSTOOD as error:
        raise not_understood(error) from None


NOT_UNDERSTOOD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation)
"""The exceptions that decoding raises. None of their texts quotes a value."""

_VALUE = msgspec.json.Decoder(float_hook=Decimal)
_EXACT = msgspec.json.Decoder(float_hook=lambda digits: Raw(digits.encode()))


def not_understood(error: Exception) -> PlanFormatError:
    """The same error as an exception of this package."""
    return PlanFormatError(f"not a Terraform plan in JSON form: {error}")
