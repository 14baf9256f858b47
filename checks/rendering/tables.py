"""Added and removed list items as rows of a table, if that is shorter or narrower than lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.report.change_report import AttributeChange

_PART = re.compile(r'(?P<list>.+)(?P<key>\["(?:[^"\\]|\\.)*"\]|\[\d+\])(?:\.(?P<column>[A-Za-z_][\w-]*))?')
_COLUMN = re.compile(r"[A-Za-z_][\w-]*")
_BRACKET = re.compile(r"\]")
_WIDEST = 110
_LONGEST_PATH = 200
_TOO_WIDE = 80  # wider lines get a scroll bar
_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An item with its sign, and its cells by column."""

    sign: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Items of the list `name`: the first column is the item's key."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def lines(self) -> Iterator[tuple[str, str]]:
        """A sign and a text for each line, the heading first."""
        widths = [max(len(cell) for cell in column) for column in zip(self.columns, *self._cells(), strict=True)]
        yield " ", _align(self.columns, widths)
        yield from ((row.sign, _align(row.cells, widths)) for row in self.rows)

    @property
    def width(self) -> int:
        return max(len(text) for _, text in self.lines())

    def _cells(self) -> list[tuple[str, ...]]:
        return [row.cells for row in self.rows]


def with_tables(attributes: Sequence[AttributeChange]) -> Iterator[AttributeChange | Table]:
    """The attributes, with tables in place of added and removed items."""
    items = _items(attributes)
    tables = _tables(items, attributes)
    seen: set[str] = set()
    for number, attribute in enumerate(attributes):
        name = items.get(number)
        if name is None or name not in tables:
            yield attribute
        elif name not in seen:
            seen.add(name)
            yield tables[name]


def _items(attributes: Sequence[AttributeChange]) -> dict[int, str]:
    """The list's name for each attribute of an added or removed list item, by the attribute's position."""
    lists: dict[int, str] = {}
    items: dict[int, str] = {}
    for number, attribute in enumerate(attributes):
        match = _PART.fullmatch(attribute.path) if "[" in attribute.path[:_LONGEST_PATH] else None
        if match is not None and len(attribute.path) <= _LONGEST_PATH and _is_cell(attribute, match["column"]):
            lists[number], items[number] = match["list"], match["list"] + match["key"]
    # If some parts of an item are not cells, the item is not in the table at all.
    whole = {items[number]: True for number in items}
    for number, attribute in enumerate(attributes):
        if number not in items:
            for end in _BRACKET.finditer(attribute.path):
                whole.pop(attribute.path[: end.end()], None)
    return {number: lists[number] for number in lists if items[number] in whole}


def _is_cell(attribute: AttributeChange, column: str | None) -> bool:
    value = attribute.new if attribute.old is None else attribute.old
    one_sided = (attribute.old is None) != (attribute.new is None)
    if not one_sided or value is None or attribute.lines or attribute.note or attribute.forces_replacement:
        return False
    return column is not None or _cells_of(value) is not None


def _tables(items: dict[int, str], attributes: Sequence[AttributeChange]) -> dict[str, Table]:
    rows: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
    lines: dict[str, list[int]] = {}
    for number, name in items.items():
        attribute = attributes[number]
        match = _PART.fullmatch(attribute.path)
        assert match is not None
        sign, value = ("+", attribute.new) if attribute.old is None else ("-", attribute.old)
        assert value is not None
        cells = {match["column"]: value} if match["column"] else _cells_of(value) or {}
        rows.setdefault(name, {}).setdefault((sign, match["key"]), {}).update(cells)
        lines.setdefault(name, []).append(len(attribute.path) + len(value) + len(" = "))
    tables = {name: _table(name, found) for name, found in rows.items()}
    return {
        name: table
        for name, table in tables.items()
        if len(table.columns) > 2
        and (len(table.rows) > 1 or not table.rows[0].cells[0].isdecimal())
        and table.width <= _WIDEST
        and (len(table.rows) < len(lines[name]) or table.width < max(lines[name]) > _TOO_WIDE)
    }


def _table(name: str, found: dict[tuple[str, str], dict[str, str]]) -> Table:
    columns = tuple(sorted({column for cells in found.values() for column in cells}))
    rows = (
        Row(sign=sign, cells=(key[1:-1], *(cells.get(column, "") for column in columns)))
        for (sign, key), cells in found.items()
    )
    return Table(name=name, columns=(name, *columns), rows=tuple(rows))


def _cells_of(value: str) -> dict[str, str] | None:
    """The parts of an object written on one line; None for anything else."""
    if not (value.startswith("{ ") and value.endswith(" }")):
        return None
    cells: dict[str, str] = {}
    for part in _split(value[2:-2]):
        column, equals, cell = part.partition(" = ")
        if not equals or not _COLUMN.fullmatch(column):
            return None
        cells[column] = cell
    return cells


def _split(text: str) -> Iterator[str]:
    """The parts between commas outside brackets and strings."""
    depth, start, quoted, position = 0, 0, False, 0
    while position < len(text):
        character = text[position]
        if quoted:
            position += character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and not depth:
            yield text[start:position].strip()
            start = position + 1
        position += 1
    yield text[start:].strip()


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * _GAP).join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
