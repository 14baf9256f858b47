"""The reasons why a change deserves care: it loses data, grants permissions, or opens something to the network."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from ahocorasick_rs import AhoCorasick

from checks.plan.marks import Shown
from checks.report.change_report import AttributeChange, Section
from checks.report.danger_policy import opened_statements
from checks.report.danger_table import (
    ALL_RIGHTS,
    EXPOSING,
    EXPOSING_OF_TYPE,
    IAM_ATTRIBUTES,
    IAM_PREFIXES,
    IAM_SUFFIXES,
    MIRRORS,
    NETWORK_TYPES,
    SCRATCH,
    STAMPS,
    STATEFUL,
    TAGS,
    UNPROTECTING,
    WIPES,
    WORLD,
    WORLD_ATTRIBUTES,
)
from checks.report.literal import SENSITIVE

_KIND_OF_TYPE = {type_: kind for kind, types in STATEFUL.items() for type_ in types}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
# A string without a closing quote extends to the end of the text. If it did not match, the search would start again at
# each escaped quote in it, which takes quadratic time.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)', re.DOTALL)
_INNER = re.compile(r'\b([A-Za-z_]\w*+) = (\[[^\]]*+(?:\]|\Z)|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|\w+)', re.DOTALL)
_WIPES = [re.compile(wipe.replace("SCRATCH", SCRATCH), re.MULTILINE) for wipe in WIPES.values()]
_MAY_WIPE = AhoCorasick(list(WIPES))  # for most texts, this one search replaces thirty expressions
_MAY_ALLOW = AhoCorasick(list(ALL_RIGHTS))
_COMMAND_END = re.compile(r'[;&|"\\\n]')
# A command continues on the next line after a backslash. A value in quotes has `\t` for a tab.
_INSIDE_COMMAND = re.compile(r"\\\n\s*|\\t")
_LONGEST_COMMAND = 500
_MAY_OPEN = frozenset({*WORLD_ATTRIBUTES, *EXPOSING, *(name for _, name in EXPOSING_OF_TYPE)})
_OUTWARD = {"type": '"egress"', "direction": '"Outbound"'}
_WORLD_PARTS = 8  # an eighth of all addresses, in any number of networks, counts as the world
_CACHED_TYPES = 1_024
_CACHED_PATHS = 4_096  # thousands of resources have the same attributes

OPENS = "opens to the world"
WIPES_DATA = "wipes data"
RIGHTS = "permissions"
NETWORK = "network"
UNGUARDED = "removes a safeguard"
EVERYTHING = "allows every action"
# Rank 0, the most dangerous, is the loss of a resource that holds data.
_DANGER_RANKS = {WIPES_DATA: 1, OPENS: 2, EVERYTHING: 3, UNGUARDED: 4, RIGHTS: 5, NETWORK: 6}


def marks(
    type_: str, section: Section, attributes: Sequence[AttributeChange], before: Shown = None, after: Shown = None
) -> tuple[str, ...]:
    """The reasons why one change deserves care, as texts, the most serious first; empty if there are none.

    `attributes` are the differences between `before` and `after`. Both values are needed to judge policies by their
    meaning.
    """
    found = _marks(type_, section, attributes, *_judge_policies(attributes, before, after))
    return tuple(sorted(found, key=lambda mark: danger_rank((mark,))))


def danger_rank(marks: Sequence[str]) -> int:
    """The rank, within its section, of a change that has these marks: the smaller, the more dangerous."""
    return min((_DANGER_RANKS.get(mark, 0) for mark in marks), default=len(_DANGER_RANKS) + 1)


def is_noise(attributes: Iterable[AttributeChange]) -> bool:
    """Whether only tags and version stamps change."""
    names = {_top_level_name(attribute.path) for attribute in attributes}
    return bool(names) and all(name in TAGS or name in STAMPS for name in names)


def without_repetitions(attributes: Sequence[AttributeChange]) -> tuple[AttributeChange, ...]:
    """Leave out computed attributes that only repeat another one (`tags_all` beside `tags`)."""
    if MIRRORS.keys().isdisjoint([_top_level_name(attribute.path) for attribute in attributes]):
        return tuple(attributes)
    said = {(attribute.path, attribute.old, attribute.new) for attribute in attributes}
    return tuple(attribute for attribute in attributes if not _repeats_another(attribute, said))


def _judge_policies(attributes: Sequence[AttributeChange], before: Shown, after: Shown) -> tuple[bool, bool]:
    """Whether some policy now grants something to everybody, and whether some policy now allows every action."""
    changed = {_top_level_name(each.path) for each in attributes if each.lines or each.new == SENSITIVE}
    if not changed:
        return False, False
    old, new = (side if isinstance(side, dict) else {} for side in (before, after))
    found = [opened_statements(old.get(name), new.get(name)) for name in changed]
    return any(everybody for everybody, _ in found), any(everything for _, everything in found)


def _marks(
    type_: str, section: Section, attributes: Sequence[AttributeChange], everybody: bool, everything: bool
) -> Iterator[str]:
    if section in ("destroy", "replace") and (kind := _KIND_OF_TYPE.get(type_)):
        yield kind
    if section in ("tags", "state", "read"):
        return
    added = [attribute for attribute in attributes if attribute.new is not None or attribute.lines]
    texts = _new_texts(added)
    if _may_wipe(texts) and any(map(_adds_wiping_command, added)):
        yield WIPES_DATA
    opens = everybody or (_opens_to_the_world(type_, added) and not _is_outgoing(type_, added))
    if opens:
        yield OPENS
    names = {_top_level_name(attribute.path) for attribute in attributes}
    if not UNPROTECTING.keys().isdisjoint(names) and any(map(_removes_safeguard, added)):
        yield UNGUARDED
    if everything or (_MAY_ALLOW.find_matches_as_indexes("\n".join(texts)) and any(map(_allows_all, added))):
        yield EVERYTHING
    elif _gives_rights(type_) or not IAM_ATTRIBUTES.isdisjoint(names):
        yield RIGHTS
    if type_ in NETWORK_TYPES and not opens:
        yield NETWORK


def _new_texts(attributes: Iterable[AttributeChange]) -> list[str]:
    """The texts of the new values; for a diff by lines, all lines of the new text that it shows."""
    texts: list[str] = []
    for attribute in attributes:
        if attribute.new is not None:
            texts.append(attribute.new)
        texts += [line for line in attribute.lines if not line.startswith("-")]
    return texts


def _may_wipe(texts: Iterable[str]) -> bool:
    """Whether any of these texts may contain a command that erases data: one search for all of them."""
    commands = "\n".join([text for text in texts if " " in text or "(" in text or "\\t" in text])
    return bool(commands) and bool(_MAY_WIPE.find_matches_as_indexes(commands.lower()))


@lru_cache(maxsize=_CACHED_TYPES)
def _gives_rights(type_: str) -> bool:
    """Whether resources of this type are about permissions."""
    return type_.startswith(IAM_PREFIXES) or type_.endswith(IAM_SUFFIXES)


def _is_outgoing(type_: str, attributes: Sequence[AttributeChange]) -> bool:
    """Whether a firewall rule is about outgoing traffic: opening that to the world is normal."""
    return type_.endswith("_egress_rule") or any(
        attribute.new == _OUTWARD[attribute.path] for attribute in attributes if attribute.path in _OUTWARD
    )


def _opens_to_the_world(type_: str, attributes: Sequence[AttributeChange]) -> bool:
    networks: set[str] = set()
    for attribute in attributes:
        if attribute.new is None or attribute.path.startswith("egress"):
            continue
        if not (_may_open(attribute.path) or attribute.new.startswith("{")):
            continue
        for name, value in _named_values(attribute.path, attribute.new):
            if name not in _MAY_OPEN:
                continue
            if value in EXPOSING.get(name, ()) or value in EXPOSING_OF_TYPE.get((type_, name), ()):
                return True
            if name in WORLD_ATTRIBUTES:
                named = _QUOTED.findall(value)
                if not WORLD.isdisjoint(named):
                    return True
                networks.update(named)
    return bool(networks) and _is_much_of_the_world(networks)


def _is_much_of_the_world(texts: Collection[str]) -> bool:
    """Whether these networks together cover an eighth or more of all IPv4 or all IPv6 addresses."""
    if sum(map(_share_of_addresses, texts)) * _WORLD_PARTS < 0.99:
        return False  # the usual case, decided without collapsing the networks
    networks = {network for text in texts if (network := _read_network(text)) is not None}
    v4 = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    v6 = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return (
        sum(network.num_addresses for network in v4) * _WORLD_PARTS >= 2**32
        or sum(network.num_addresses for network in v6) * _WORLD_PARTS >= 2**128
    )


@lru_cache(maxsize=_CACHED_PATHS)
def _share_of_addresses(text: str) -> float:
    """The share of all IPv4 or IPv6 addresses that a network covers; 0 if the text is not a network."""
    network = _read_network(text)
    return 0.0 if network is None else network.num_addresses / 2**network.max_prefixlen


@lru_cache(maxsize=_CACHED_PATHS)
def _read_network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _adds_wiping_command(attribute: AttributeChange) -> bool:
    """Whether the change adds a command that erases data."""
    if attribute.lines:
        new, old = _side(attribute.lines, "+"), _side(attribute.lines, "-")
    else:
        new, old = attribute.new or "", attribute.old or ""
    wiping = _wiping_commands(new)
    return bool(wiping) and not wiping <= _wiping_commands(old)


def _side(lines: Sequence[str], sign: str) -> str:
    """The old ("-") or new ("+") text of a diff by lines."""
    return "\n".join([line[1:] for line in lines if line.startswith((sign, " "))])


def _wiping_commands(text: str) -> set[str]:
    """The commands in a text that erase data.

    Each one ends before the next `;`, `&`, `|`, `"` or backslash, at the end of its line, or after 500 characters.
    """
    if not _may_wipe((text,)):
        return set()
    text = _INSIDE_COMMAND.sub(" ", text)
    found: set[str] = set()
    for wipe in _WIPES:
        for match in wipe.finditer(text):
            rest = _COMMAND_END.split(text[match.end() : match.start() + _LONGEST_COMMAND], maxsplit=1)[0]
            found.add(" ".join(f"{match.group()}{rest}".split()))
    return found


def _allows_all(attribute: AttributeChange) -> bool:
    new = attribute.new
    if new is None or not _MAY_ALLOW.find_matches_as_indexes(new):
        return False
    return not ALL_RIGHTS.isdisjoint(_QUOTED.findall(new))


def _named_values(path: str, new: str) -> Iterator[tuple[str, str]]:
    """The attribute's own name and value, and if it is an object on one line, the names and values inside."""
    if name := _last_name(path):
        yield name, new
    if new.startswith("{"):
        yield from _INNER.findall(new)


def _removes_safeguard(attribute: AttributeChange) -> bool:
    taken_away = UNPROTECTING.get(_top_level_name(attribute.path))
    return taken_away is not None and attribute.old is not None and taken_away == attribute.new


def _repeats_another(attribute: AttributeChange, said: set[tuple[str, str | None, str | None]]) -> bool:
    top = _top_level_name(attribute.path)
    original = MIRRORS.get(top)
    return original is not None and (original + attribute.path[len(top) :], attribute.old, attribute.new) in said


@lru_cache(maxsize=_CACHED_PATHS)
def _may_open(path: str) -> bool:
    """Whether the table lists the attribute as one that may open something to the world."""
    return _last_name(path) in _MAY_OPEN


@lru_cache(maxsize=_CACHED_PATHS)
def _last_name(path: str) -> str:
    names = _NAME.findall(_QUOTED.sub("", path))
    return names[-1] if names else ""


@lru_cache(maxsize=_CACHED_PATHS)
def _top_level_name(path: str) -> str:
    match = _NAME.match(path)
    return match[0] if match else path
