"""The shape in which every reader of configuration hands over what it read: blocks, attributes, literal values.

Two grammars and JSON stand behind it; what asks the questions (`file_facts.py`) does not know which of them answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

Literal: TypeAlias = str | int | float | bool | list["Literal"] | dict[str, "Literal"] | None
"""A value that stands in the text as such, without anything for Terraform to work out."""


class Computed(Enum):
    """An expression that only Terraform can work out; one member, so that `is` tells it from every literal."""

    COMPUTED = auto()


COMPUTED: Final = Computed.COMPUTED


_LARGEST_INT: Final = 2**63


def read_number(digits: str) -> int | float | Computed:
    """The number that digits stand for; COMPUTED for one that 64 bits do not hold, which nobody asks for."""
    try:
        number = int(digits) if digits.lstrip("-").isdecimal() and len(digits) < 20 else float(digits)
    except ValueError:
        return COMPUTED
    return number if -_LARGEST_INT <= number < _LARGEST_INT else COMPUTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`name = expression`; `value` is COMPUTED unless the whole expression is a literal."""

    value: Literal | Computed
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block with its labels without quotes; lines count from 1 and are inclusive."""

    type: str
    labels: tuple[str, ...]
    start_line: int
    end_line: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple["Block", ...] = ()

    def literal(self, name: str) -> Literal | Computed:
        """The attribute's value: None where it is missing, COMPUTED where it is an expression."""
        attribute = self.attributes.get(name)
        return None if attribute is None else attribute.value


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxProblem:
    """Why a text is not configuration, in words for people, and the line (from 1) at which that shows."""

    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one text holds at its top. With a `problem` it is what could be read in spite of it, possibly nothing."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    problem: SyntaxProblem | None = None


INSPECTED: Final = frozenset({"terraform", "module", "variable", "data"})
"""The types of top-level blocks into which anybody looks; of the others the labels and lines suffice."""
