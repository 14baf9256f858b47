"""Read configuration written as JSON, with the lines of its blocks.

https://developer.hashicorp.com/terraform/language/syntax/json
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from checks.configuration.syntax import (
    COMPUTED,
    Attribute,
    Block,
    Computed,
    Document,
    Literal,
    SyntaxProblem,
    read_number,
)

_LABELS: Final = {
    "resource": 2,
    "data": 2,
    "ephemeral": 2,
    "module": 1,
    "variable": 1,
    "output": 1,
    "check": 1,
    "backend": 1,
}
"""The number of labels of each block type that has any and is read here; in JSON, labels are ordinary keys."""

_NESTED: Final = {
    "terraform": frozenset({"backend", "cloud", "required_providers"}),
    "cloud": frozenset({"workspaces"}),
}
"""The keys inside a block that are blocks and not attributes."""

_DEEPEST: Final = 100
_DECODER = json.JSONDecoder()
_LINE_END = re.compile("\n")
_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


@dataclass(frozen=True, slots=True)
class _Node:
    """A JSON value and its start and end, in characters."""

    value: "str | int | float | bool | Computed | list[_Node] | dict[str, tuple[int, _Node]] | None"
    start: int
    end: int


class _Refused(Exception):
    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def read_tf_json(content: bytes) -> Document:
    """Read `.tf.json`. Never raises: a file that cannot be read gives an empty document with a `problem`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Document(problem=SyntaxProblem(line=line, message="not valid UTF-8"))
    lines = _Lines(text)
    try:
        root = _read_document(text)
    except _Refused as refused:
        return Document(problem=SyntaxProblem(line=lines.of(refused.at), message=f"not valid JSON: {refused}"))
    blocks: list[Block] = []
    for members in _objects(root):
        for name, (at, node) in members.items():
            if name != "//":
                blocks += _blocks(name, _LABELS.get(name, 0), (), at, node, lines)
    return Document(blocks=tuple(blocks))


class _Lines:
    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in _LINE_END.finditer(text)]

    def of(self, offset: int) -> int:
        return bisect_left(self._ends, offset) + 1


def _blocks(
    name: str, labels_left: int, labels: tuple[str, ...], at: int, node: _Node, lines: _Lines
) -> Iterator[Block]:
    for members in _objects(node):
        if labels_left:
            for label, (label_at, inner) in members.items():
                if label != "//":
                    yield from _blocks(name, labels_left - 1, (*labels, label), label_at, inner, lines)
            continue
        nested: list[Block] = []
        attributes: dict[str, Attribute] = {}
        for key, (key_at, inner) in members.items():
            if key in _NESTED.get(name, ()):
                nested += _blocks(key, _LABELS.get(key, 0), (), key_at, inner, lines)
            else:
                attributes[key] = Attribute(value=_literal(inner), line=lines.of(key_at))
        yield Block(
            type=name,
            labels=labels,
            start_line=lines.of(at),
            end_line=lines.of(node.end - 1),
            attributes=attributes,
            blocks=tuple(nested),
        )


def _objects(node: _Node) -> Iterator[dict[str, tuple[int, _Node]]]:
    """The objects in a node, where Terraform accepts either one object or a list of them."""
    if isinstance(node.value, dict):
        yield node.value
    elif isinstance(node.value, list):
        for item in node.value:
            yield from _objects(item)


def _literal(node: _Node) -> Literal | Computed:
    value = node.value
    if isinstance(value, str):
        return COMPUTED if _TEMPLATE.search(value) else value.replace("$${", "${").replace("%%{", "%{")
    if isinstance(value, list):
        items: list[Literal] = []
        for item in value:
            literal = _literal(item)
            if isinstance(literal, Computed):
                return COMPUTED
            items.append(literal)
        return items
    if isinstance(value, dict):
        entries = {key: _literal(inner) for key, (_, inner) in value.items()}
        return {key: entry for key, entry in entries.items() if not isinstance(entry, Computed)}
    return value


def _read_document(text: str) -> _Node:
    root = _read(text, _skip(text, 0), _DEEPEST)
    end = _skip(text, root.end)
    if end != len(text):
        raise _Refused("there is more text after the value", end)
    if not isinstance(root.value, dict | list):
        raise _Refused("it has to be an object", root.start)
    return root


def _read(text: str, at: int, levels: int) -> _Node:
    if not levels:
        raise _Refused("nested too deeply", at)
    first = text[at : at + 1]
    if first == '"':
        value, end = _read_string(text, at)
        return _Node(value, at, end)
    if first == "{":
        return _read_object(text, at, levels)
    if first == "[":
        return _read_list(text, at, levels)
    for word, meaning in _WORDS.items():
        if text.startswith(word, at):
            return _Node(meaning, at, at + len(word))
    number = _NUMBER.match(text, at)
    if number is None:
        raise _Refused("a value is expected here" if first else "it ends too early", at)
    return _Node(read_number(number.group()), at, number.end())


def _read_object(text: str, at: int, levels: int) -> _Node:
    members: dict[str, tuple[int, _Node]] = {}
    start, at = at, _skip(text, at + 1)
    while text[at : at + 1] != "}":
        if members:
            at = _skip(text, _expect(text, at, ","))
        name_at = at
        name, at = _read_string(text, at)
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        node = _read(text, at, levels - 1)
        members[name] = (name_at, node if name not in members else _merged(members[name][1], node))
        at = _skip(text, node.end)
    return _Node(members, start, at + 1)


def _merged(first: _Node, second: _Node) -> _Node:
    """Both values of a name that occurs twice: Terraform treats each as a block."""
    return _Node([first, second], first.start, second.end)


def _read_list(text: str, at: int, levels: int) -> _Node:
    items: list[_Node] = []
    start, at = at, _skip(text, at + 1)
    while text[at : at + 1] != "]":
        if items:
            at = _skip(text, _expect(text, at, ","))
        items.append(_read(text, at, levels - 1))
        at = _skip(text, items[-1].end)
    return _Node(items, start, at + 1)


def _read_string(text: str, at: int) -> tuple[str, int]:
    _expect(text, at, '"')
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _Refused(error.msg, error.pos) from None
    # JSON can contain half of a surrogate pair, which is not a character and cannot be stored.
    return str(value).encode("utf-8", "replace").decode(), end


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise _Refused(f"{character} is expected here" if at < len(text) else "it ends too early", at)
    return at + 1


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
