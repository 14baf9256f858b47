"""Match the items of two lists: find those that belong together, were added, were removed, or only moved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from checks.plan.marks import UNKNOWN, Shown
from checks.report.compare import Effort, compare, longest_rising
from checks.report.equality import numbered, same
from checks.report.natural_keys import Item, all_objects, natural_names
from checks.report.set_order import in_set_order

KeyPath = tuple[str, ...]

SETS: frozenset[str] = frozenset({
    "allowed_cidr_blocks", "allowed_cidrs", "availability_zones", "cidr_blocks", "destination_ranges",
    "dns_servers_allowed", "ip_rules", "ipv6_cidr_blocks", "managed_policy_arns", "member", "members",
    "prefix_list_ids", "public_access_cidrs", "security_group_ids", "security_group_names", "security_groups",
    "source_address_prefixes", "source_ips", "source_ranges", "source_security_group_ids", "source_service_accounts",
    "source_tags", "subnet_ids", "subnets", "target_tags", "vpc_security_group_ids", "zones",
})  # fmt: skip
"""Attributes that some providers declare as lists although the order of their items means nothing."""


class Pair(NamedTuple):
    """The positions of one item before and after; None if it is absent there. `name` is its step in a path, as text."""

    old: int | None
    new: int | None
    name: str
    moved: bool = False


class Match(NamedTuple):
    """The items of two lists matched to each other, in reading order.

    `reordered`: whether only the order of the items differs, in a list whose order means nothing. `late` are the parts
    of items that are unknown before the apply; they do not influence the matching.
    """

    pairs: tuple[Pair, ...]
    reordered: bool = False
    late: tuple[KeyPath, ...] = ()


def match_items(name: str, before: Sequence[Shown], after: Sequence[Shown], effort: Effort) -> Match:
    """Match the items of the list attribute `name`; equal items are left out unless the list has late parts."""
    if all_objects(before) and all_objects(after):
        if (names := natural_names(before, after)) is not None:
            return _by_name(before, after, *names)
        late = _late_paths(before, after)
        if late:
            return _by_place(name, _without(before, late), _without(after, late), effort, late)
    return _by_place(name, before, after, effort, ())


def known(item: Shown, late: Sequence[KeyPath]) -> Shown:
    """An item without its late parts."""
    for path in late:
        item = _without_part(item, path)
    return item


def part(item: Shown, path: KeyPath) -> Shown:
    """The value at a path of keys in an item."""
    for key in path:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def _by_name(before: Sequence[Item], after: Sequence[Item], old_names: list[str], new_names: list[str]) -> Match:
    if len(before) == len(after) == 1 and old_names != new_names:
        return Match((Pair(0, 0, "[0]"),))  # the only item was renamed: a change, not a removal and an addition
    old = {name: place for place, name in enumerate(old_names)}
    new = {name: place for place, name in enumerate(new_names)}
    kept = [name for name in old_names if name in new]
    stay = longest_rising([new[name] for name in kept])
    moved = _fewest_moved(set(kept) - {kept[at] for at in stay}, {name for name in kept if old[name] != new[name]})
    late = _late_paths(before, after)
    if moved and in_set_order(before) and in_set_order(after):
        moved = set()
    places = old | new
    pairs = tuple(
        Pair(old.get(name), new.get(name), f"[{name}]", name in moved)
        for name in sorted(places, key=lambda name: (places[name], name))
        if name in moved or late or name not in old or name not in new or not same(before[old[name]], after[new[name]])
    )
    return Match(pairs, late=late)


def _by_place(
    name: str, before: Sequence[Shown], after: Sequence[Shown], effort: Effort, late: tuple[KeyPath, ...]
) -> Match:
    old, new = numbered(before, after)
    is_set = name in SETS or (len(old) != 1 and in_set_order(before) and in_set_order(after))
    if name in SETS and sorted(old) == sorted(new):
        return Match((), reordered=True)
    spans = compare(old, new, effort, fewest_moves=True)
    gone = [at for span in spans if not span.equal for at in range(span.old_start, span.old_end)]
    come = [to for span in spans if not span.equal for to in range(span.new_start, span.new_end)]
    moves = _moves(old, new, gone, come)
    if not late and len(old) == len(new) and len(moves) == len(come):  # nothing but the order differs
        places = {to: at for at, to in _permuted(old, new) if at != to}
        if len(places) <= len(moves):
            return Match(tuple(Pair(places[to], to, f"[{to}]", moved=not is_set) for to in sorted(places)))
    from_places, to_places = set(moves.values()), set(moves)
    pairs: list[Pair] = []
    for equal, old_start, old_end, new_start, new_end in spans:
        if equal:
            steps = range(old_end - old_start if late else 0)
            pairs += [Pair(old_start + step, new_start + step, f"[{new_start + step}]") for step in steps]
            continue
        left = [at for at in range(old_start, old_end) if at not in from_places]
        right = [to for to in range(new_start, new_end) if to not in to_places]
        pairs += [Pair(at, to, f"[{to}]") for at, to in zip(left, right, strict=False)]
        pairs += [Pair(at, None, f"[{at}]") for at in left[len(right) :]]
        pairs += [Pair(None, to, f"[{to}]") for to in right[len(left) :]]
        kept = [to for to in range(new_start, new_end) if to in to_places and (late or not is_set)]
        pairs += [Pair(moves[to], to, f"[{to}]", moved=not is_set) for to in kept]
    return Match(tuple(pairs), late=late)


def _moves(old: Sequence[int], new: Sequence[int], gone: Sequence[int], come: Sequence[int]) -> dict[int, int]:
    """The earlier position of each moved item, by its new position."""
    places: dict[int, list[int]] = {}
    for at in reversed(gone):
        places.setdefault(old[at], []).append(at)
    return {to: left.pop() for to in come if (left := places.get(new[to]))}


def _fewest_moved(moved: set[str], elsewhere: set[str]) -> set[str]:
    """The items to report as moved: those out of order or those whose index changed, whichever are fewer."""
    return elsewhere if moved and len(elsewhere) <= len(moved) else moved


def _permuted(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each item's earlier and new position; equal items stay in place if they can."""
    places: dict[int, list[int]] = {}
    for at in reversed(range(len(old))):
        if old[at] != new[at]:
            places.setdefault(old[at], []).append(at)
    for to, number in enumerate(new):
        yield (to if old[to] == number else places[number].pop()), to


def _late_paths(before: Sequence[Item], after: Sequence[Item]) -> tuple[KeyPath, ...]:
    """The parts that are unknown in several of the new items."""
    if not before or len(after) < 2:
        return ()
    counts: dict[KeyPath, int] = {}
    for item in after:
        for path in _unknown_paths(item, ()):
            counts[path] = counts.get(path, 0) + 1
    return tuple(path for path, count in sorted(counts.items()) if count > 1)


def _unknown_paths(item: Mapping[str, Shown], start: KeyPath) -> Iterator[KeyPath]:
    for key, value in item.items():
        if value is UNKNOWN:
            yield (*start, key)
        elif isinstance(value, dict):
            yield from _unknown_paths(value, (*start, key))


def _without(items: Sequence[Item], late: Sequence[KeyPath]) -> list[Shown]:
    return [known(item, late) for item in items]


def _without_part(item: Shown, path: KeyPath) -> Shown:
    if not isinstance(item, dict) or path[0] not in item:
        return item
    if len(path) == 1:
        return {key: value for key, value in item.items() if key != path[0]}
    return {**item, path[0]: _without_part(item[path[0]], path[1:])}
