"""Draw the changed resources and their dependents as a graph."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from checks.plain_text import one_line
from checks.rendering.escape import html_text
from checks.report import RootReport
from checks.report.change_report import SECTIONS, Section
from checks.report.fold import block_address

MOST_NODES = 150
"""With more nodes, resources are folded by module, and those outside of any module by type."""

_CHARACTER, _HEIGHT, _GAP, _BETWEEN, _MARGIN = 7, 26, 12, 70, 16
_LONGEST_NAME = 46
_STYLE = """
text { font: 11px ui-monospace, SFMono-Regular, Menlo, monospace; fill: #1f2328; }
rect { fill: #f6f8fa; stroke: #818b98; stroke-width: 1.2; }
path { fill: none; stroke: #818b98; stroke-width: 1.1; }
.back { fill: #ffffff; stroke: none; }
.destroy rect { fill: #ffebe9; stroke: #cf222e; stroke-width: 2; }
.replace rect { fill: #ffe7d1; stroke: #bc4c00; stroke-width: 2; }
.change rect { fill: #fff8c5; stroke: #9a6700; }
.add rect { fill: #dafbe1; stroke: #1a7f37; }
.tags rect, .state rect, .read rect { fill: #ddf4ff; stroke: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  rect { fill: #151b23; stroke: #656c76; }
  path { stroke: #656c76; }
  .back { fill: #0d1117; }
  .destroy rect { fill: #4b1113; stroke: #f85149; }
  .replace rect { fill: #4d2309; stroke: #db6d28; }
  .change rect { fill: #3b2a00; stroke: #d29922; }
  .add rect { fill: #0f2d17; stroke: #3fb950; }
  .tags rect, .state rect, .read rect { fill: #0c2d6b; stroke: #4493f8; }
}
"""
_SIGNS: dict[Section, str] = {
    "destroy": "-", "replace": "-/+", "change": "~", "add": "+", "read": "<=", "tags": "~", "state": "=",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    name: str
    section: Section | None
    size: int

    @property
    def label(self) -> str:
        sign = f"{_SIGNS[self.section]} " if self.section else ""
        name = one_line(self.name)
        if len(name) > _LONGEST_NAME:
            name = f"{name[: _LONGEST_NAME // 2]}…{name[-_LONGEST_NAME // 2 + 1 :]}"
        return f"{sign}{name}{f' ×{self.size}' if self.size > 1 else ''}"

    @property
    def width(self) -> int:
        return len(self.label) * _CHARACTER + 16


def render_picture(root: RootReport) -> str | None:
    """The changes of one root module as an SVG document, with arrows from changed resources to their dependents.

    Colours show the actions, also in dark mode. None if nothing changes.
    """
    nodes, edges = _graph(root)
    if not nodes:
        return None
    columns = _columns(nodes, edges)
    places, width, height = _places(columns, nodes)
    arrows = [_arrow(places[start], places[end], nodes[start].width) for start, end in edges]
    boxes = [_box(nodes[name], *place) for name, place in places.items()]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>{html_text(f'Changes in {root.root_module} and their dependents')}</title>",
            f"<style>{_STYLE}</style>",
            '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0 L8 4 L0 8"/></marker></defs>',
            f'<rect class="back" width="{width}" height="{height}"/>',
            *arrows,
            *boxes,
            "</svg>\n",
        )
    )


def _graph(root: RootReport) -> tuple[dict[str, _Node], list[tuple[str, str]]]:
    """Nodes by name, and edges from a block to its dependents."""
    sections: dict[str, Section] = {}
    sizes: dict[str, int] = {}
    for change in root.changes:  # ordered by danger, so that a block's first section is its worst
        for address in change.instances or (change.address,):
            block = block_address(address)
            sections.setdefault(block, change.section)
            sizes[block] = sizes.get(block, 0) + 1
    names = {*sections, *(d.block for d in root.dependents), *(on for d in root.dependents for on in d.on)}
    edges = {(on, dependency.block) for dependency in root.dependents for on in dependency.on}
    if len(names) > MOST_NODES:
        return _fold_nodes(names, sections, sizes, edges)
    nodes = {name: _Node(name=name, section=sections.get(name), size=sizes.get(name, 1)) for name in sorted(names)}
    return nodes, sorted(edges)


def _fold_nodes(
    names: Iterable[str], sections: Mapping[str, Section], sizes: Mapping[str, int], edges: Iterable[tuple[str, str]]
) -> tuple[dict[str, _Node], list[tuple[str, str]]]:
    group_of = {name: _group(name) for name in sorted(names)}
    members: dict[str, list[str]] = {}
    for name, group in group_of.items():
        members.setdefault(group, []).append(name)
    ranked = sorted(members, key=lambda group: (_worst_section_rank(members[group], sections), group))[:MOST_NODES]
    nodes = {}
    for group in sorted(ranked):
        worst = _worst_section_rank(members[group], sections)
        section = SECTIONS[worst] if worst < len(SECTIONS) else None
        nodes[group] = _Node(name=group, section=section, size=sum(sizes.get(name, 1) for name in members[group]))
    pairs = {(group_of[start], group_of[end]) for start, end in edges}
    return nodes, sorted((start, end) for start, end in pairs if start != end and start in nodes and end in nodes)


def _worst_section_rank(names: Iterable[str], sections: Mapping[str, Section]) -> int:
    return min((SECTIONS.index(sections[name]) for name in names if name in sections), default=len(SECTIONS))


def _group(name: str) -> str:
    steps = name.split(".")
    if steps[0] == "module" and len(steps) > 2:
        return ".".join(steps[:2])
    return f"{'.'.join(steps[:2]) if steps[0] == 'data' else steps[0]}.*"


def _columns(nodes: Mapping[str, _Node], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Nodes in columns, each to the right of its dependencies. Folding can create cycles: an edge that closes one is
    ignored."""
    before: dict[str, list[str]] = {name: [] for name in nodes}
    for start, end in edges:
        before[end].append(start)
    depth: dict[str, int] = {}
    for name in nodes:
        _deepen(name, before, depth)
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in nodes:
        columns[depth[name]].append(name)
    columns[0].sort(key=lambda name: (_section_rank(nodes[name]), name))
    row = {name: index for index, name in enumerate(columns[0])}
    for column in columns[1:]:
        column.sort(key=lambda name: (_middle([row[other] for other in before[name] if other in row]), name))
        row |= {name: index for index, name in enumerate(column)}
    return columns


def _deepen(start: str, before: Mapping[str, Sequence[str]], depth: dict[str, int]) -> None:
    """Set the depth of a node and of all its dependencies: the length of the longest path to it."""
    stack, open_names = [start], set[str]()
    while stack:
        name = stack[-1]
        if name in depth:
            stack.pop()
            continue
        missing = [other for other in before[name] if other not in depth and other not in open_names]
        if name not in open_names and missing:
            open_names.add(name)
            stack += missing
            continue
        depth[name] = 1 + max((depth[other] for other in before[name] if other in depth), default=-1)
        stack.pop()


def _middle(rows: Sequence[int]) -> float:
    return sum(rows) / len(rows) if rows else 0.0


def _section_rank(node: _Node) -> int:
    return SECTIONS.index(node.section) if node.section else len(SECTIONS)


def _places(
    columns: Sequence[Sequence[str]], nodes: Mapping[str, _Node]
) -> tuple[dict[str, tuple[int, int]], int, int]:
    places: dict[str, tuple[int, int]] = {}
    tallest = max(map(len, columns))
    left = _MARGIN
    for column in columns:
        top = _MARGIN + (tallest - len(column)) * (_HEIGHT + _GAP) // 2
        for index, name in enumerate(column):
            places[name] = (left, top + index * (_HEIGHT + _GAP))
        left += max(nodes[name].width for name in column) + _BETWEEN
    return places, left - _BETWEEN + _MARGIN, 2 * _MARGIN + tallest * (_HEIGHT + _GAP) - _GAP


def _arrow(start: tuple[int, int], end: tuple[int, int], start_width: int) -> str:
    x1, y1, x2, y2 = start[0] + start_width, start[1] + _HEIGHT // 2, end[0], end[1] + _HEIGHT // 2
    bend = max(30, abs(x2 - x1) // 2)
    return f'<path d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" marker-end="url(#end)"/>'


def _box(node: _Node, x: int, y: int) -> str:
    return (
        f'<g class="{node.section or "same"}"><title>{html_text(node.name)}</title>'
        f'<rect x="{x}" y="{y}" width="{node.width}" height="{_HEIGHT}" rx="5"/>'
        f'<text x="{x + 8}" y="{y + 17}">{html_text(node.label)}</text></g>'
    )
