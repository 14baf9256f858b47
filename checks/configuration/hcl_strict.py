"""Read configuration with python-hcl2, into the same `Document` as the other parser."""

from collections.abc import Iterator
from typing import Any

import hcl2
from hcl2.rules.abstract import LarkRule
from hcl2.rules.base import AttributeRule, BlockRule, BodyRule
from hcl2.rules.containers import ObjectElemRule, ObjectRule, TupleRule
from hcl2.rules.expressions import ExprTermRule
from hcl2.rules.literal_rules import FloatLitRule, IdentifierRule, IntLitRule, LiteralValueRule
from hcl2.rules.strings import StringRule
from lark.exceptions import LarkError, UnexpectedInput

from checks.configuration.hcl_strings import unescape
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

_LITERAL_PARTS = frozenset({"STRING_CHARS", "ESCAPED_INTERPOLATION", "ESCAPED_DIRECTIVE"})


def read_hcl_strict(text: str) -> Document:
    """Read HCL that has no errors. Never raises: with a `problem` the document is empty.

    It is slow, some 100 KB a second, and refuses a few files in a thousand that Terraform accepts.
    """
    try:
        body = hcl2.parses(text).body
        return Document(attributes=dict(_attributes(body)), blocks=tuple(_blocks(body)))
    except UnexpectedInput as error:
        line = max(error.line, 1) if isinstance(error.line, int) else 1
        return Document(problem=SyntaxProblem(line=line, message="not valid HCL at this line"))
    except (LarkError, RuntimeError, ValueError, LookupError, TypeError, AttributeError):
        # The library's bugs: RecursionError on long expressions, RuntimeError on names that it considers duplicates.
        return Document(problem=SyntaxProblem(line=1, message="not valid HCL"))


def _blocks(body: BodyRule) -> Iterator[Block]:
    for rule in body.children:
        if isinstance(rule, BlockRule):
            # The library counts a comment or a line break before the brace as a label.
            words = [each for each in rule.labels if isinstance(each, IdentifierRule | StringRule)]
            name, *labels = (_label(each) for each in words)
            yield Block(
                type=name,
                labels=tuple(labels),
                start_line=_meta(rule).line,
                end_line=_meta(rule).end_line,
                attributes=dict(_attributes(rule.body)),
                blocks=tuple(_blocks(rule.body)),
            )


def _attributes(body: BodyRule) -> Iterator[tuple[str, Attribute]]:
    for rule in body.children:
        if isinstance(rule, AttributeRule):
            yield _word(rule.identifier), Attribute(value=_value(rule.expression), line=_meta(rule).line)


def _label(rule: IdentifierRule | StringRule) -> str:
    if isinstance(rule, StringRule):
        text = _string(rule)
        return text if isinstance(text, str) else ""
    return _word(rule)


def _value(rule: LarkRule) -> Literal | Computed:
    match rule:
        case ExprTermRule() if not rule.parentheses:
            return _value(rule.expression)
        case StringRule():
            return _string(rule)
        case IntLitRule() | FloatLitRule():
            return read_number(str(rule.token.value))
        case LiteralValueRule():
            return {"true": True, "false": False}.get(str(rule.token.value))
        case TupleRule():
            items = [_value(element) for element in rule.elements]
            literals = [item for item in items if not isinstance(item, Computed)]
            return literals if len(literals) == len(items) else COMPUTED
        case ObjectRule():
            return dict(entry for element in rule.elements for entry in _entry(element))
        case _:
            return COMPUTED


def _entry(element: ObjectElemRule) -> Iterator[tuple[str, Literal]]:
    key: Any = element.key.children[0]
    name = _word(key) if isinstance(key, IdentifierRule) else _value(key)
    value = _value(element.expression)
    if isinstance(name, str) and not isinstance(value, Computed):
        yield name, value


def _string(rule: StringRule) -> Literal | Computed:
    parts = [part.content for part in rule.string_parts]
    if any(part.lark_name() not in _LITERAL_PARTS for part in parts):
        return COMPUTED
    return unescape("".join(str(part.value) for part in parts))


def _word(rule: IdentifierRule) -> str:
    return str(rule.token.value)


def _meta(rule: LarkRule) -> Any:
    """The position of a rule. Accesses a private attribute, since `with_meta` has no effect in python-hcl2 8.1."""
    return rule._meta
