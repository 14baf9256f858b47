"""The dependents of changed blocks: the part of a plan's dependency graph that a reviewer needs."""

from collections.abc import Collection, Iterator, Mapping

import msgspec
from msgspec import Raw

from checks.plan.configuration import Module, blocks, read_modules
from checks.plan.format import NOT_UNDERSTOOD
from checks.report.fold import block_address

_MOST = 5_000
_MOST_REDUCED = 500


class Dependency(msgspec.Struct, frozen=True):
    """A block and its dependencies, by addresses without instance keys."""

    block: str
    on: tuple[str, ...]


def dependents(configuration: Raw, prior_state: Raw, changed: Collection[str]) -> tuple[Dependency, ...]:
    """Every block that depends, directly or not, on one of the `changed` ones.

    Its dependencies are given only if they are changed or depend on a changed block. Uses the configuration's
    references and also the dependencies in the state, since references through locals are not in the plan JSON.
    """
    edges = _edges(read_modules(configuration))
    if edges:
        for block, known in _state_edges(prior_state):
            if block in edges:
                edges[block].update(known)
    reverse: dict[str, set[str]] = {}
    for block, on in edges.items():
        for other in on:
            reverse.setdefault(other, set()).add(block)
    reached, waiting = set(changed), sorted(changed)
    while waiting:
        for block in sorted(reverse.get(waiting.pop(), ())):
            if block not in reached:
                reached.add(block)
                waiting.append(block)
    near = {block: (edges.get(block, set()) & reached) - {block} for block in reached}
    if len(near) <= _MOST_REDUCED:
        near = _reduced(near)
    return tuple(Dependency(block, tuple(sorted(near[block]))) for block in sorted(near) if near[block])[:_MOST]


def _reduced(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Remove edges that a longer path already implies: the state lists indirect dependencies like direct ones."""
    far: dict[str, set[str]] = {}
    for block in sorted(edges):
        waiting, seen = list(edges[block]), set[str]()
        while waiting:
            beyond = edges.get(waiting.pop(), set()) - seen
            seen |= beyond
            waiting += beyond
        far[block] = seen
    return {block: on - far[block] or on for block, on in edges.items()}


def _edges(root: Module) -> dict[str, set[str]]:
    scopes = dict(_scopes(root, "", None, {}))
    known = {address for address, _ in blocks(root)}
    return {
        prefix + block.address: {
            found for source in block.all_references() for found in _resolve(source, prefix, scopes, known, frozenset())
        }
        for prefix, (module, _, _) in scopes.items()
        for block in module.resources
    }


_Scope = tuple[Module, str | None, Mapping[str, tuple[str, ...]]]
"""A module, the address prefix of its caller, and the references in the arguments of the call."""


def _scopes(
    module: Module, prefix: str, parent: str | None, arguments: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, _Scope]]:
    yield prefix, (module, parent, arguments)
    for name, call in module.module_calls.items():
        yield from _scopes(call.module, f"{prefix}module.{name}.", prefix, call.references())


def _resolve(
    source: str, prefix: str, scopes: Mapping[str, _Scope], known: Collection[str], seen: frozenset[tuple[str, str]]
) -> Iterator[str]:
    """The blocks that a reference leads to, through variables to the caller and through outputs into modules."""
    if (source, prefix) in seen:
        return
    seen |= {(source, prefix)}
    steps = block_address(source).split(".")
    _, parent, arguments = scopes[prefix]
    if steps[0] == "var" and parent is not None and len(steps) > 1:
        for argument, sources in arguments.items():
            if argument.split(".")[0] == steps[1]:
                for further in sources:
                    yield from _resolve(further, parent, scopes, known, seen)
    elif steps[0] == "module" and len(steps) > 1:
        yield from _resolve_module(steps, prefix, scopes, known, seen)
    else:
        address = prefix + ".".join(steps[: 3 if steps[0] == "data" else 2])
        if address in known:
            yield address


def _resolve_module(
    steps: list[str],
    prefix: str,
    scopes: Mapping[str, _Scope],
    known: Collection[str],
    seen: frozenset[tuple[str, str]],
) -> Iterator[str]:
    inner = f"{prefix}module.{steps[1]}."
    if inner not in scopes:
        return
    outputs = scopes[inner][0].outputs
    named = [outputs[steps[2]]] if len(steps) > 2 and steps[2] in outputs else outputs.values()
    for output in named:
        for further in sorted(output.all_references()):
            yield from _resolve(further, inner, scopes, known, seen)


class _Resource(msgspec.Struct, frozen=True):
    address: str = ""
    depends_on: tuple[str, ...] = ()


class _Values(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()
    child_modules: tuple["_Values", ...] = ()


class _StateValues(msgspec.Struct, frozen=True):
    root_module: _Values = _Values()


class _State(msgspec.Struct, frozen=True):
    values: _StateValues = _StateValues()


def _state_edges(prior_state: Raw) -> Iterator[tuple[str, Iterator[str]]]:
    try:
        state = msgspec.json.decode(prior_state, type=_State | None)
    except NOT_UNDERSTOOD:
        return
    waiting = [state.values.root_module] if state is not None else []
    while waiting:
        module = waiting.pop()
        waiting += module.child_modules
        for resource in module.resources:
            yield block_address(resource.address), map(block_address, resource.depends_on)
