"""Values in Terraform's notation: masked, complete, on one line."""

import re
from functools import lru_cache
from json.encoder import encode_basestring

from checks.plain_text import number_text
from checks.plan.marks import UNKNOWN, Hidden, Shown
from checks.sensitive import Mask

SENSITIVE = "(sensitive)"
KNOWN_AFTER_APPLY = "(known after apply)"
_MOST_NAMES = 4_096
_LONGEST_PLAIN = 100
_NOT_PLAIN = re.compile(r"\s*[\[{]|[A-Za-z0-9+/]{16,}={0,2}\s*$")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_quoted = encode_basestring  # in C: `json.dumps` takes ten times as long


def literal(value: Shown, mask: Mask) -> str:
    """A value in Terraform's notation."""
    text = _literal(value, mask)
    return mask.text(text) if isinstance(value, list | dict) else text


def plain_literal(value: Shown, mask: Mask) -> str | None:
    """The literal of a boolean, an integer, or a short ASCII text that is neither a document nor encoded; else None."""
    if isinstance(value, str):
        if len(value) > _LONGEST_PLAIN or not (value.isascii() and value.isprintable()) or _NOT_PLAIN.match(value):
            return None
        return _quoted(mask.text(value))
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return _literal(value, mask) if isinstance(value, int) else None


def step(key: str | int | float) -> str:
    """One step of an attribute's path: `.name`, `["a key"]` or `[0]`."""
    return _named_step(key) if isinstance(key, str) else f"[{key}]"


@lru_cache(maxsize=_MOST_NAMES)
def _named_step(key: str) -> str:
    return f".{key}" if _IDENTIFIER.fullmatch(key) else f"[{_quoted(key)}]"


def _literal(value: Shown, mask: Mask) -> str:
    if isinstance(value, str):
        return _quoted(mask.text(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Hidden):
        return SENSITIVE
    if value is UNKNOWN:
        return KNOWN_AFTER_APPLY
    if isinstance(value, list):
        return f"[{', '.join([_literal(item, mask) for item in value])}]"
    if isinstance(value, dict):
        items = [f"{_key(mask.text(key))} = {_literal(value[key], mask)}" for key in sorted(value)]
        return f"{{ {', '.join(items)} }}" if value else "{}"
    return SENSITIVE if isinstance(mask.value(value), str) else number_text(value)


def _key(key: str) -> str:
    return key if _IDENTIFIER.fullmatch(key) else _quoted(key)
