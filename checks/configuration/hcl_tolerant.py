"""Read configuration with tree-sitter-hcl: fast, with positions, and despite errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import tree_sitter
import tree_sitter_hcl

from checks.configuration.hcl_strings import unescape
from checks.configuration.syntax import (
    COMPUTED,
    INSPECTED,
    Attribute,
    Block,
    Computed,
    Document,
    Literal,
    SyntaxProblem,
    read_number,
)

_LANGUAGE = tree_sitter.Language(tree_sitter_hcl.language())

_DEEPEST = 20
"""The maximum nesting of blocks or values. Terraform's own blocks nest four levels; hostile files nest thousands."""


_BEGINS_BLOCK = re.compile(rb'^[A-Za-z_][\w-]*(?:[ \t]+(?:"[^"\n]*"|[A-Za-z_][\w-]*))*[ \t]*\{', re.MULTILINE)
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")
"""A template in a label: the grammar accepts it as text, but Terraform refuses it."""


@dataclass(frozen=True, slots=True)
class _Text:
    """Bytes that were parsed, and their first line in the file."""

    content: bytes
    first_line: int = 1

    def root(self) -> tree_sitter.Node:
        return tree_sitter.Parser(_LANGUAGE).parse(self.content).root_node

    def of(self, node: tree_sitter.Node) -> str:
        return self.content[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def start_line(self, node: tree_sitter.Node) -> int:
        return node.start_point.row + self.first_line

    def end_line(self, node: tree_sitter.Node) -> int:
        return node.end_point.row + self.first_line


def read_hcl_tolerant(content: bytes) -> Document:
    """Read HCL, even with errors: intact blocks beside an error are returned, with the first error as `problem`.

    Never raises. Only blocks of the types in INSPECTED are read with their content.
    """
    text = _Text(content)
    root = text.root()
    if root.has_error:
        return Document(blocks=tuple(_parse_blocks_separately(content)), problem=_problem(root))
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    problem: SyntaxProblem | None = None
    for body in root.children:
        if body.type == "body":
            attributes |= _attributes(body, text)
            blocks += _blocks(body, text)
        elif body.type == "object":
            # The grammar also accepts a lone `{…}`, like a JSON object; Terraform refuses it.
            problem = SyntaxProblem(line=text.start_line(body), message="a block or an attribute is expected here")
    return Document(attributes=attributes, blocks=tuple(blocks), problem=problem)


def _parse_blocks_separately(content: bytes) -> Iterator[Block]:
    """The blocks of a text with errors, each parsed alone if it begins at the start of a line.

    Otherwise the grammar would drop everything after an error. If it dropped a module call, the module would look as if
    nobody called it.
    """
    starts = [match.start() for match in _BEGINS_BLOCK.finditer(content)]
    line, counted = 1, 0
    for start, end in pairwise([*starts, len(content)]):
        line, counted = line + content.count(b"\n", counted, start), start
        text = _Text(content[start:end], line)
        bodies = [node for node in text.root().children if node.type == "body"]
        yield from [block for body in bodies for block in _blocks(body, text)][:1]


def _blocks(body: tree_sitter.Node, text: _Text, depth: int = 0) -> list[Block]:
    return [_block(node, text, depth) for node in body.children if node.type == "block"]


def _block(node: tree_sitter.Node, text: _Text, depth: int) -> Block:
    name = ""
    labels: list[str] = []
    attributes: dict[str, Attribute] = {}
    blocks: tuple[Block, ...] = ()
    for child in node.children:
        kind = child.type
        if kind == "identifier" and not name:
            name = text.of(child)
        elif kind == "identifier":
            labels.append(text.of(child))
        elif kind == "string_lit":
            labels.append("" if _TEMPLATE.search(text.of(child)) else _string(child, text))
        elif kind == "body" and depth < _DEEPEST and (depth or name in INSPECTED):
            attributes = _attributes(child, text)
            blocks = tuple(_blocks(child, text, depth + 1))
    return Block(
        type=name,
        labels=tuple(labels),
        start_line=text.start_line(node),
        end_line=text.end_line(node),
        attributes=attributes,
        blocks=blocks,
    )


def _attributes(body: tree_sitter.Node, text: _Text) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for node in body.children:
        if node.type != "attribute":
            continue
        children = node.children
        value = COMPUTED if node.has_error else _value(children[-1], text, _DEEPEST)
        found[text.of(children[0])] = Attribute(value=value, line=text.start_line(node))
    return found


def _value(node: tree_sitter.Node, text: _Text, levels: int) -> Literal | Computed:
    """The value of a literal expression; COMPUTED if it is not literal, or nested too deeply."""
    children = [child for child in node.children if child.type != "comment"]
    match node.type:
        case "expression" | "literal_value" | "collection_value" if levels and len(children) == 1:
            return _value(children[0], text, levels - 1)
        case "string_lit":
            return _string(node, text)
        case "numeric_lit":
            return read_number(text.of(node))
        case "bool_lit":
            return text.of(node) == "true"
        case "null_lit":
            return None
        case "tuple" if levels:
            return _literals_or_computed(
                _value(child, text, levels - 1) for child in children if child.type == "expression"
            )
        case "object" if levels:
            return _object([child for child in children if child.type == "object_elem"], text, levels - 1)
        case _:
            return COMPUTED


def _literals_or_computed(values: Iterator[Literal | Computed]) -> Literal | Computed:
    literals: list[Literal] = []
    for value in values:
        if isinstance(value, Computed):
            return COMPUTED
        literals.append(value)
    return literals


def _object(elements: list[tree_sitter.Node], text: _Text, levels: int) -> Literal | Computed:
    """A map's literal entries; computed entries are left out, so that the others can be used."""
    found: dict[str, Literal] = {}
    for element in elements:
        expressions = [child for child in element.children if child.type == "expression"]
        if len(expressions) != 2:
            return COMPUTED
        name, value = _key(expressions[0], text), _value(expressions[1], text, levels)
        if name is not None and not isinstance(value, Computed):
            found[name] = value
    return found


def _key(expression: tree_sitter.Node, text: _Text) -> str | None:
    """A map's key: a bare word stands for itself; None if it is computed."""
    inner = expression.children[0] if len(expression.children) == 1 else None
    if inner is not None and inner.type == "variable_expr":
        return text.of(inner)
    value = _value(expression, text, 3)
    return value if isinstance(value, str) else None


def _string(node: tree_sitter.Node, text: _Text) -> str:
    """The value of a string without interpolation.

    It is cut out between the quotes, because the grammar's own node for it lacks leading spaces.
    """
    children = node.children
    start, end = (children[0].end_byte, children[-1].start_byte) if len(children) > 1 else (0, 0)
    return unescape(text.content[start:end].decode("utf-8", "replace"))


def _problem(root: tree_sitter.Node) -> SyntaxProblem:
    """Describe the first error in the text."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_missing or node.is_error:
            closing = node.is_missing and node.type in ("}", "]", ")")
            message = f"{node.type} is missing here" if closing else "not valid HCL from this line on"
            return SyntaxProblem(line=node.start_point.row + 1, message=message)
        pending += reversed([child for child in node.children if child.has_error])
    return SyntaxProblem(line=1, message="not valid HCL")
