"""Read YAML into values that know their position, so that every complaint has a line.

ruamel.yaml reads it as YAML 1.2; in YAML 1.1 the key `on` would be `true`, and `no` would be `false`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import RoundTripScanner, Scanner

from ghapp.repository_config.model import ConfigInvalid, Position, Problem

MAX_CONFIG_BYTES: Final = 256 * 1024
MAX_TEXT_LENGTH: Final = 4_000
MAX_VALUES: Final = 100_000
"""The most values, including those behind aliases: a few lines of nested aliases can stand for billions."""
_LONGEST = 500
_MOST_NESTED = 100
_TAG = "tag:yaml.org,2002:"
_UNIMPLEMENTED = "is not implemented in this version of Planward"
_NOTHING: Mapping[str, str] = {}
_KINDS = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "timestamp": "a date",
    "map": "a mapping",
    "seq": "a list",
}


@dataclass(slots=True)
class Complaints:
    """Collects the errors in one file, and the positions of its keys."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    unimplemented: list[Problem] = field(default_factory=list)
    """Valid parts of the config that this version does not implement."""
    positions: dict[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the file. If it has the wrong type, the methods that read it record a complaint and return None."""

    node: Node
    key: str
    complaints: Complaints
    key_position: Position

    @property
    def position(self) -> Position:
        return _position(self.node)

    def refuse(self, message: str, *, at: Position | None = None) -> None:
        """Complain about this value, at its own position or at another."""
        self.complaints.problems.append(self._problem(message, at or self.position))

    def refuse_unimplemented(self, message: str, *, at: Position) -> None:
        """Complain that this version of Planward does not implement this."""
        self.complaints.unimplemented.append(self._problem(message, at))

    def _problem(self, message: str, position: Position) -> Problem:
        return Problem(
            path=self.complaints.path,
            line=position.line,
            column=position.column,
            key=printable(self.key),
            message=printable(message),
        )

    def refuse_below(self, key: str, message: str) -> None:
        """Complain about a key under this value, at the key's position if the file has it."""
        dotted = f"{self.key}.{key}"
        position = self.complaints.positions.get(dotted, self.key_position)
        Value(self.node, dotted, self.complaints, position).refuse(message, at=position)

    @property
    def kind(self) -> str:
        """The value's YAML type: str, int, float, bool, null, timestamp, map, seq or a foreign tag."""
        tag = str(self.node.tag)
        return tag[len(_TAG) :] if tag.startswith(_TAG) else tag

    @property
    def is_null(self) -> bool:
        return self.kind == "null"

    def text(self, wanted: str = "a string") -> str | None:
        """The value as a string that is not empty."""
        if not (isinstance(self.node, ScalarNode) and self.kind == "str"):
            self._refuse_kind(wanted)
            return None
        text = str(self.node.value)
        if not text.strip():
            self.refuse(f"must be {wanted}, but is empty")
            return None
        if len(text) > MAX_TEXT_LENGTH:
            self.refuse(f"is longer than {MAX_TEXT_LENGTH:,} characters; make it shorter")
            return None
        if not text.isprintable():
            self.refuse("has a character that cannot be printed")
            return None
        return text

    def boolean(self) -> bool | None:
        """The value as `true` or `false`."""
        if isinstance(self.node, ScalarNode) and self.kind == "bool":
            word = str(self.node.value).lower()
            if word in ("true", "false"):
                return word == "true"
        self._refuse_kind("true or false")
        return None

    def whole_number(self, least: int, most: int) -> int | None:
        """The value as an integer from `least` to `most`."""
        wanted = f"a whole number from {least} to {most}"
        text = str(self.node.value) if isinstance(self.node, ScalarNode) and self.kind == "int" else ""
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            self._refuse_kind(wanted)
            return None
        if not least <= int(text) <= most:
            self.refuse(f"must be {wanted}, not {int(text)}")
            return None
        return int(text)

    def choice(self, words: Collection[str], later: Collection[str] = ()) -> str | None:
        """The value as one of these words. The words in `later` are not implemented yet."""
        wanted = f"one of {', '.join(words)}"
        if not (isinstance(self.node, ScalarNode) and self.kind == "str"):
            self._refuse_kind(wanted)
            return None
        text = str(self.node.value)
        if text in words:
            return text
        if text in later:
            usable = " or ".join(words) if len(words) < 3 else f"one of {', '.join(words)}"
            self.refuse_unimplemented(f"{text} {_UNIMPLEMENTED}; use {usable}", at=self.position)
            return None
        self.refuse(f'must be {wanted}, not "{text}"{did_you_mean(text, words)}')
        return None

    def list(self, wanted: str) -> tuple[Value, ...] | None:
        """The members of the list."""
        if not isinstance(self.node, SequenceNode):
            self._refuse_kind(wanted)
            return None
        members = tuple(
            Value(node, f"{self.key}[{index}]", self.complaints, _position(node))
            for index, node in enumerate(self.node.value)
        )
        self.complaints.positions.update((member.key, member.position) for member in members)
        return members

    def mapping(
        self,
        wanted: str,
        known: Collection[str] | None = None,
        *,
        elsewhere: Mapping[str, str] = _NOTHING,
        later: Collection[str] = (),
    ) -> Mapping[str, Value] | None:
        """The entries of a mapping with string keys, each once.

        Keys in `elsewhere` are refused with the reason that it gives, and keys in `later` as not implemented. With
        `known`, all other keys that are not in it are refused as unknown.
        """
        if not isinstance(self.node, MappingNode):
            self._refuse_kind(wanted)
            return None
        entries: dict[str, Value] = {}
        for name, entry in self._entries(self.node):
            if name in elsewhere:
                entry.refuse(elsewhere[name], at=entry.key_position)
            elif name in later:
                entry.refuse_unimplemented(f"{_UNIMPLEMENTED}; remove the key", at=entry.key_position)
            elif known is not None and name not in known:
                entry.refuse(f"unknown key{did_you_mean(name, known) or _known_keys(known)}", at=entry.key_position)
            elif name in entries:
                first = entries[name].key_position.line
                entry.refuse(f"occurs twice, first in line {first}; keep one of them", at=entry.key_position)
            else:
                entries[name] = entry
                self.complaints.positions[entry.key] = entry.key_position
        return entries

    def _entries(self, node: MappingNode) -> Iterator[tuple[str, Value]]:
        for key_node, value_node in node.value:
            position = _position(key_node)
            if not isinstance(key_node, ScalarNode):
                self.refuse("has a key that is not a string; write each key as one word", at=position)
                continue
            name = str(key_node.value)
            dotted = f"{self.key}.{name}" if self.key else name
            yield name, Value(value_node, dotted, self.complaints, position)

    def _refuse_kind(self, wanted: str) -> None:
        found = _KINDS.get(self.kind, f"the tag {self.kind}")
        quotes = isinstance(self.node, ScalarNode) and wanted.startswith(("a string", "one of")) and not self.is_null
        if self.is_null and not self.node.value:
            self.refuse(f"must be {wanted}, but is empty; leave the key out to use the default")
        else:
            self.refuse(f"must be {wanted}, found {found}{'; put it in quotes' if quotes else ''}")


def parse_document(content: bytes, complaints: Complaints) -> Value | None:
    """Parse one YAML document; None if it is empty. Raises ConfigInvalid on bytes that are not YAML."""
    if len(content) > MAX_CONFIG_BYTES:
        raise _invalid(
            complaints, Position(line=1, column=1), f"is larger than {MAX_CONFIG_BYTES // 1024} KiB; make it smaller"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        position = Position(line=before.count(b"\n") + 1, column=error.start - before.rfind(b"\n"))
        raise _invalid(complaints, position, "is not UTF-8; save the file in that encoding") from error
    try:
        node = yaml_reader("rt").compose(text)
        if node is not None and _count(node, {}) > MAX_VALUES:
            message = f"has more than {MAX_VALUES:,} values, counting those behind its aliases; use fewer aliases"
            raise _invalid(complaints, Position(line=1, column=1), message)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(line=mark.line + 1, column=mark.column + 1) if mark else Position(line=1, column=1)
        raise _invalid(complaints, position, f"is not YAML: {_describe_yaml_error(error)}") from error
    except YAMLError as error:
        raise _invalid(complaints, _unprintable(text), "is not YAML: a character that YAML does not allow") from error
    except (AssertionError, LookupError, ValueError) as error:  # ruamel.yaml's exceptions for unknown versions
        raise _invalid(complaints, Position(line=1, column=1), "is not YAML 1.2; remove lines with %YAML") from error
    except RecursionError as error:
        raise _invalid(complaints, Position(line=1, column=1), "is nested too deeply") from error
    document = None if node is None else Value(node, "", complaints, _position(node))
    return None if document is None or document.is_null else document


def _count(node: Node, known: dict[int, int]) -> int:
    """The number of values, including those behind aliases; a recursive alias is expanded once."""
    if id(node) not in known:
        members = node.value if isinstance(node, SequenceNode | MappingNode) else ()
        known[id(node)] = 1 + len(members)
        inner = (part for member in members for part in (member if isinstance(member, tuple) else (member,)))
        known[id(node)] = 1 + sum(_count(part, known) for part in inner)
    return known[id(node)]


class _ShallowScanner(Scanner):
    """A scanner that refuses many nested brackets: ruamel.yaml takes seconds for a few kilobytes of them."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803 - ruamel.yaml's name
        if len(self.flow_context) >= _MOST_NESTED:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass, to_push)


class _ShallowRoundTripScanner(_ShallowScanner, RoundTripScanner):
    """The same for a document that is read with its comments."""


def yaml_reader(kind: Literal["rt", "safe"]) -> YAML:
    """A reader of YAML 1.2, without ruamel.yaml's warning about redefined anchors, which YAML allows.

    It raises RecursionError for a document that is nested too deeply.
    """
    reader = YAML(typ=kind, pure=True)
    reader.Scanner = _ShallowRoundTripScanner if kind == "rt" else _ShallowScanner
    reader.composer.warn_double_anchors = False
    return reader


def did_you_mean(word: str, words: Collection[str]) -> str:
    """`; did you mean "branch"?` if one of `words` is similar, otherwise empty."""
    near = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def printable(text: str) -> str:
    """A text on one line of limited length, for people: unprintable characters are escaped."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)


def _known_keys(known: Collection[str]) -> str:
    return f"; known here: {', '.join(known)}"


def _position(node: Node) -> Position:
    mark = node.start_mark
    return Position(line=mark.line + 1, column=mark.column + 1)


def _describe_yaml_error(error: MarkedYAMLError) -> str:
    message = str(error.problem or error.context)
    if message.startswith("but "):  # the second half of a sentence, whose first half is the context
        message = f"{error.context}, {message}"
    return " ".join(message.split())


def _unprintable(text: str) -> Position:
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if character not in "\t\r\x85" and not character.isprintable() and not character.isspace():
                return Position(line=number, column=column)
    return Position(line=1, column=1)


def _invalid(complaints: Complaints, position: Position, message: str) -> ConfigInvalid:
    problem = Problem(path=complaints.path, line=position.line, column=position.column, key="", message=message)
    return ConfigInvalid((problem,))
