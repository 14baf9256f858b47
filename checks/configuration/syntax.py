"""The format in which every reader returns configuration: blocks, attributes, literal values.

Two HCL parsers and a JSON parser produce it; the code that uses it (`inspect_file.py`) does not know which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

Literal: TypeAlias = str | int | float | bool | list["Literal"] | dict[str, "Literal"] | None
"""A literal value in the text, with nothing for Terraform to compute."""


class Computed(Enum):
    """An expression that only Terraform can evaluate; the single member can be compared with `is`."""

    COMPUTED = auto()


COMPUTED: Final = Computed.COMPUTED


_LARGEST_INT: Final = 2**63


def read_number(digits: str) -> int | float | Computed:
    """The number that digits stand for; COMPUTED if it does not fit into 64 bits, which nobody needs."""
    try:
        number = int(digits) if digits.lstrip("-").isdecimal() and len(digits) < 20 else float(digits)
    except ValueError:
        return COMPUTED
    return number if -_LARGEST_INT <= number < _LARGEST_INT else COMPUTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`name = expression`; `value` is COMPUTED unless the expression is a literal.

    A map counts as a literal even if some of its entries are computed: these are left out.
    """

    value: Literal | Computed
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block. Its labels have no quotes. Its lines count from 1, and `end_line` is the last one."""

    type: str
    labels: tuple[str, ...]
    start_line: int
    end_line: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple["Block", ...] = ()

    def literal(self, name: str) -> Literal | Computed:
        """The attribute's value: None if it is missing, COMPUTED if it is an expression."""
        attribute = self.attributes.get(name)
        return None if attribute is None else attribute.value


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxProblem:
    """Why a text is not configuration, as text for people, and the line (from 1) of the error."""

    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The top level of one text. With a `problem` it is the readable part, possibly nothing."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    problem: SyntaxProblem | None = None


INSPECTED: Final = frozenset({"terraform", "module", "variable", "data"})
"""The types of top-level blocks whose content is used; for the others the labels and lines suffice."""
