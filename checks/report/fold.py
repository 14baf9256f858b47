"""Fold equal changes of many instances into one, so that important ones are not buried."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from checks.report.change_report import AttributeChange, ChangeReport

_KEY = re.compile(r'\[(\d+|"(?:[^"\\]|\\.)*")\]')
_NUMBER = re.compile(r"(\d+)")
_NAMED_KEYS = 4
_MANY_INSTANCES = 6
_MOST_ADDRESSES = 16_384  # in the caches: each address is needed several times
_MOST_DIGITS = 30


def fold(changes: Iterable[ChangeReport]) -> list[ChangeReport]:
    """Fold equal changes of one block's instances, and equal changes of any resources' tags.

    Each group takes the position of its first member.
    """
    groups: dict[object, list[ChangeReport]] = {}
    for change in changes:
        groups.setdefault(_fold_key(change), []).append(change)
    return [group[0] if len(group) == 1 else _fold_group(group) for group in groups.values()]


def fold_names(changes: Iterable[ChangeReport]) -> list[ChangeReport]:
    """Fold the changes of many instances of one block for a list of names, even if their attributes differ.

    Fewer than six instances stay unfolded.
    """
    return [named for named, _ in group_names(changes)]


def group_names(changes: Iterable[ChangeReport]) -> list[tuple[ChangeReport, tuple[ChangeReport, ...]]]:
    """Like `fold_names`; each folded change comes with the changes that it represents."""
    groups: dict[object, list[ChangeReport]] = {}
    for change in changes:
        moves = (change.deposed, change.previous_address, change.importing)
        forced = tuple(attribute.path for attribute in change.attributes if attribute.forces_replacement)
        likeness = (block_address(change.address), change.action, change.marks, change.reason, moves, forced)
        groups.setdefault(likeness, []).append(change)
    named: list[tuple[ChangeReport, tuple[ChangeReport, ...]]] = []
    for group in groups.values():
        alone = [(change, (change,)) for change in group]
        named += alone if len(group) < _MANY_INSTANCES else [(_fold_group_by_name(group), tuple(group))]
    return named


@lru_cache(maxsize=_MOST_ADDRESSES)
def block_address(address: str) -> str:
    """An address without instance keys: `module.net["a"].aws_subnet.x[0]` is `module.net.aws_subnet.x`."""
    return _KEY.sub("", address) if "[" in address else address


def common_name(addresses: Sequence[str]) -> str:
    """One name for the instances of a block: `aws_subnet.private[0..5]`, `aws_iam_user.all["ann", "bob"]`."""
    keys = [_KEY.findall(address) for address in addresses]
    texts = _KEY.split(addresses[0])[::2]
    if len({len(found) for found in keys}) > 1:
        return block_address(addresses[0])
    columns = [list(dict.fromkeys(column)) for column in zip(*keys, strict=True)]
    varying = sum(len(column) > 1 for column in columns)
    named = [f"[{_range(column) if varying == 1 or len(column) == 1 else '*'}]" for column in columns]
    return "".join(text + key for text, key in zip(texts, [*named, ""], strict=True))


@lru_cache(maxsize=_MOST_ADDRESSES)
def natural_order(address: str) -> tuple[str | int, ...]:
    """A sort key that puts `x[2]` before `x[10]`: alternating texts and numbers."""
    texts = _NUMBER.split(address)
    parts: list[str | int] = [*texts]
    parts[1::2] = [int(digits[:_MOST_DIGITS]) for digits in texts[1::2]]
    return tuple(parts)


def _fold_key(change: ChangeReport) -> object:
    block = None if change.section == "tags" else block_address(change.address)
    if change.previous_address or change.importing or change.deposed:
        block = change.address  # it has an earlier address, an import id or a deposed object of its own: not folded
    likeness = (change.action, change.section, change.attributes, change.marks, change.reason, change.findings)
    return (block, change.deposed, *likeness)


def _fold_group(group: Sequence[ChangeReport]) -> ChangeReport:
    addresses = sorted((change.address for change in group), key=natural_order)
    same_block = len({block_address(address) for address in addresses}) == 1
    types = {change.type for change in group}
    return msgspec.structs.replace(
        group[0],
        address=common_name(addresses) if same_block else f"{len(addresses)} resources",
        type=group[0].type if len(types) == 1 else "",
        identity=_shared_identity(group),
        instances=tuple(addresses),
        several_blocks=not same_block,
        unchanged=min(change.unchanged for change in group),
        recomputed_from=_recomputed_from(group),
        declaration=group[0].declaration if same_block else None,
    )


def _recomputed_from(group: Sequence[ChangeReport]) -> tuple[AttributeChange, ...]:
    """The old values of all instances' recomputed attributes, each under its address unless all are equal."""
    if all(change.recomputed_from == group[0].recomputed_from for change in group):
        return group[0].recomputed_from
    return tuple(
        msgspec.structs.replace(attribute, path=f"{change.address}.{attribute.path}")
        for change in group
        for attribute in change.recomputed_from
    )


def _fold_group_by_name(group: Sequence[ChangeReport]) -> ChangeReport:
    addresses = [address for change in group for address in (change.instances or (change.address,))]
    ordered = tuple(sorted(addresses, key=natural_order))
    return msgspec.structs.replace(
        group[0], address=common_name(ordered), identity=_shared_identity(group), instances=ordered
    )


def _shared_identity(group: Sequence[ChangeReport]) -> tuple[str, ...]:
    others = [frozenset(change.identity) for change in group[1:]]
    return tuple(text for text in group[0].identity if all(text in other for other in others))


def _range(keys: list[str]) -> str:
    if not all(key.isdecimal() for key in keys):
        shown = ", ".join(keys[:_NAMED_KEYS])
        return shown if len(keys) <= _NAMED_KEYS else f"{shown}, … {len(keys) - _NAMED_KEYS} more"
    spans: list[list[int]] = []
    for number in sorted(map(int, keys)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in spans)
