"""Read the references of the configuration's expressions from the plan JSON, without their values.

https://developer.hashicorp.com/terraform/internals/json-format#expression-representation
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from checks.plan.format import NOT_UNDERSTOOD, decode_value

_NOTHING = Raw(b"null")
_OF_ITSELF = ("count.", "each.", "self.", "path.", "terraform.")


class Block(msgspec.Struct, frozen=True):
    """A `resource` or `data` block of the configuration. `address` is within its module."""

    address: str
    expressions: Raw = _NOTHING
    count_expression: Raw = _NOTHING
    for_each_expression: Raw = _NOTHING
    depends_on: tuple[str, ...] = ()

    def references(self) -> dict[str, tuple[str, ...]]:
        """The references of each attribute, by its path without indices; only the most specific ones."""
        return expression_references(decode_value(self.expressions))

    def all_references(self) -> set[str]:
        """Everything that the block refers to, including its `count`, `for_each` and `depends_on`."""
        values = map(decode_value, (self.expressions, self.count_expression, self.for_each_expression))
        found = {source for value in values for sources in expression_references(value).values() for source in sources}
        return found | set(self.depends_on)


class Output(msgspec.Struct, frozen=True):
    """An `output` block."""

    expression: Raw = _NOTHING
    depends_on: tuple[str, ...] = ()

    def all_references(self) -> set[str]:
        """Everything that the output refers to."""
        found = expression_references(decode_value(self.expression)).values()
        return {source for sources in found for source in sources} | set(self.depends_on)


class ModuleCall(msgspec.Struct, frozen=True):
    """A `module` block with the module that it calls."""

    module: "Module"
    expressions: Raw = _NOTHING
    count_expression: Raw = _NOTHING
    for_each_expression: Raw = _NOTHING
    depends_on: tuple[str, ...] = ()

    def references(self) -> dict[str, tuple[str, ...]]:
        """The references of each of the module's arguments."""
        return expression_references(decode_value(self.expressions))


class Module(msgspec.Struct, frozen=True):
    """A module of the plan's configuration."""

    resources: tuple[Block, ...] = ()
    module_calls: dict[str, ModuleCall] = {}
    outputs: dict[str, Output] = {}


class _Configuration(msgspec.Struct, frozen=True):
    root_module: Module = Module()


def read_modules(configuration: Raw) -> Module:
    """The root module of a plan's `configuration`; an empty module if the plan has none that can be read."""
    try:
        read = msgspec.json.decode(configuration, type=_Configuration | None)
    except NOT_UNDERSTOOD:
        return Module()
    return read.root_module if read is not None else Module()


def blocks(module: Module, prefix: str = "") -> Iterator[tuple[str, Block]]:
    """Every block of a module and of its child modules, by address without instance keys."""
    for block in module.resources:
        yield prefix + block.address, block
    for name, call in module.module_calls.items():
        yield from blocks(call.module, f"{prefix}module.{name}.")


def expression_references(value: Any) -> dict[str, tuple[str, ...]]:
    """The references in an "expression representation", by the path of the attribute whose expression has them."""
    found: dict[str, dict[str, None]] = {}
    for path, sources in _walk(value, ""):
        found.setdefault(path, {}).update(dict.fromkeys(_most_specific(sources)))
    return {path: tuple(sources) for path, sources in found.items()}


def _walk(value: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    elif isinstance(value, Mapping):
        sources = value.get("references")
        if isinstance(sources, list):
            yield path, [source for source in sources if isinstance(source, str) and not source.startswith(_OF_ITSELF)]
        elif "constant_value" not in value:
            for key in sorted(value):
                yield from _walk(value[key], f"{path}.{key}" if path else str(key))


def _most_specific(sources: list[str]) -> list[str]:
    """Drop references that only repeat part of another: Terraform lists `aws_vpc.main` beside `aws_vpc.main.id`."""
    return [
        source
        for source in sources
        if not any(other != source and other.startswith((f"{source}.", f"{source}[")) for other in sources)
    ]
