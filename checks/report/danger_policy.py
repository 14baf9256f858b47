"""The effect of an IAM policy's statements, judged by their meaning, not their notation."""

import json
from collections.abc import Iterator
from typing import Any

from checks.plan.marks import Hidden, Shown

_EVERYBODY = "*"
_EVERY_ACTION = frozenset({"*", "*:*"})


def opened_statements(before: Shown, after: Shown) -> tuple[bool, bool]:
    """Whether new statements allow something to everybody, and whether new ones allow every action.

    A policy marked as sensitive is judged, too: the report names its effect without showing the policy.
    """
    if not any(map(_may_be_policy, _texts(after))):
        return False, False
    old = {json.dumps(statement, sort_keys=True) for statement in _allowing(before)}
    new = [each for each in _allowing(after) if json.dumps(each, sort_keys=True) not in old]
    return any(map(_allows_everybody, new)), any(map(_allows_every_action, new))


def _allowing(value: Shown) -> Iterator[dict[str, Any]]:
    for text in _texts(value):
        if _may_be_policy(text):
            yield from _statements(text)


def _may_be_policy(text: str) -> bool:
    return '"Statement"' in text and text.lstrip().startswith("{")


def _statements(text: str) -> Iterator[dict[str, Any]]:
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        return
    for statement in _listed(policy.get("Statement")):
        if isinstance(statement, dict) and statement.get("Effect") == "Allow":
            yield statement


def _allows_everybody(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    named = principal.values() if isinstance(principal, dict) else [principal]
    return "NotPrincipal" in statement or any(_EVERYBODY in _listed(each) for each in named)


def _allows_every_action(statement: dict[str, Any]) -> bool:
    actions = {action for action in _listed(statement.get("Action")) if isinstance(action, str)}
    return "NotAction" in statement or not _EVERY_ACTION.isdisjoint(actions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: Shown) -> Iterator[str]:
    left: list[Shown] = [value]
    while left:
        match left.pop():
            case str() as text:
                yield text
            case Hidden() as hidden:
                yield from hidden.texts()
            case dict() as items:
                left.extend(items.values())
            case list() as items:
                left.extend(items)
