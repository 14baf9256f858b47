"""Reading configuration through tree-sitter-hcl: fast, with positions, and in spite of errors."""

from collections.abc import Iterator

import tree_sitter
import tree_sitter_hcl

from checks.hcl_strings import unescape
from checks.syntax import COMPUTED, INSPECTED, Attribute, Block, Computed, Document, Literal, SyntaxProblem

_LANGUAGE = tree_sitter.Language(tree_sitter_hcl.language())

_DEEPEST = 20
"""Levels of blocks or of values that are looked into; Terraform's own go to four, hostile files to thousands."""


def read_hcl_tolerant(content: bytes) -> Document:
    """Read HCL, past errors too: what stands whole beside an error is still given, with the first error as `problem`.

    Never raises. Only blocks of the types in INSPECTED are given with what is in them.
    """
    root = tree_sitter.Parser(_LANGUAGE).parse(content).root_node
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    problem: SyntaxProblem | None = None
    for body in root.children:
        if body.type == "body":
            attributes |= _attributes(body, content)
            blocks += (_block(node, content, depth=0) for node in body.children if node.type == "block")
        elif body.type == "object":
            # The grammar takes a lone `{…}` too, which is how JSON begins, and which Terraform refuses.
            problem = SyntaxProblem(line=body.start_point.row + 1, message="a block or an attribute is expected here")
    if root.has_error:
        problem = _problem(root)
    return Document(attributes=attributes, blocks=tuple(blocks), problem=problem)


def _block(node: tree_sitter.Node, content: bytes, *, depth: int) -> Block:
    name = ""
    labels: list[str] = []
    attributes: dict[str, Attribute] = {}
    blocks: tuple[Block, ...] = ()
    for child in node.children:
        kind = child.type
        if kind == "identifier" and not name:
            name = _text(child, content)
        elif kind == "identifier":
            labels.append(_text(child, content))
        elif kind == "string_lit":
            labels.append(_string(child, content))
        elif kind == "body" and depth < _DEEPEST and (depth or name in INSPECTED):
            attributes = _attributes(child, content)
            blocks = tuple(_block(inner, content, depth=depth + 1) for inner in child.children if inner.type == "block")
    return Block(
        type=name,
        labels=tuple(labels),
        start_line=node.start_point.row + 1,
        end_line=node.end_point.row + 1,
        attributes=attributes,
        blocks=blocks,
    )


def _attributes(body: tree_sitter.Node, content: bytes) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for node in body.children:
        if node.type != "attribute":
            continue
        children = node.children
        value = COMPUTED if node.has_error else _value(children[-1], content, _DEEPEST)
        found[_text(children[0], content)] = Attribute(value=value, line=node.start_point.row + 1)
    return found


def _value(node: tree_sitter.Node, content: bytes, levels: int) -> Literal | Computed:
    """The literal that an expression is; COMPUTED where it is not one, or one that is nested too deeply."""
    children = [child for child in node.children if child.type != "comment"]
    match node.type:
        case "expression" | "literal_value" | "collection_value" if levels and len(children) == 1:
            return _value(children[0], content, levels - 1)
        case "string_lit":
            return _string(node, content)
        case "numeric_lit":
            return _number(_text(node, content))
        case "bool_lit":
            return _text(node, content) == "true"
        case "null_lit":
            return None
        case "tuple" if levels:
            return _all(_value(child, content, levels - 1) for child in children if child.type == "expression")
        case "object" if levels:
            return _object([child for child in children if child.type == "object_elem"], content, levels - 1)
        case _:
            return COMPUTED


def _all(values: Iterator[Literal | Computed]) -> Literal | Computed:
    literals: list[Literal] = []
    for value in values:
        if isinstance(value, Computed):
            return COMPUTED
        literals.append(value)
    return literals


def _object(elements: list[tree_sitter.Node], content: bytes, levels: int) -> Literal | Computed:
    """A map's literal entries; entries that Terraform has to work out are left out, so that the others can be read."""
    found: dict[str, Literal] = {}
    for element in elements:
        expressions = [child for child in element.children if child.type == "expression"]
        if len(expressions) != 2:
            return COMPUTED
        name, value = _key(expressions[0], content), _value(expressions[1], content, levels)
        if name is not None and not isinstance(value, Computed):
            found[name] = value
    return found


def _key(expression: tree_sitter.Node, content: bytes) -> str | None:
    """A map's key: a bare word stands for itself; None where it is worked out."""
    inner = expression.children[0] if len(expression.children) == 1 else None
    if inner is not None and inner.type == "variable_expr":
        return _text(inner, content)
    value = _value(expression, content, 3)
    return value if isinstance(value, str) else None


def _string(node: tree_sitter.Node, content: bytes) -> str:
    """A string without interpolation, taken from the bytes between its quotes: the grammar drops leading blanks."""
    children = node.children
    start, end = (children[0].end_byte, children[-1].start_byte) if len(children) > 1 else (0, 0)
    return unescape(content[start:end].decode("utf-8", "replace"))


def _number(text: str) -> Literal | Computed:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return COMPUTED


def _problem(root: tree_sitter.Node) -> SyntaxProblem:
    """The first error of the tree in the order of the text, in words."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_missing or node.is_error:
            closing = node.is_missing and node.type in ("}", "]", ")")
            message = f"{node.type} is missing here" if closing else "not valid HCL from this line on"
            return SyntaxProblem(line=node.start_point.row + 1, message=message)
        pending += reversed([child for child in node.children if child.has_error])
    return SyntaxProblem(line=1, message="not valid HCL")


def _text(node: tree_sitter.Node, content: bytes) -> str:
    return content[node.start_byte : node.end_byte].decode("utf-8", "replace")
