"""Directories for tools other than Terraform: Terragrunt's units and Pulumi's projects.

A change to them affects no root module. If they were ignored, nothing would be planned and the check would be green.
"""

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from checks.configuration.repository_paths import TOP, directory_of

_TERRAGRUNT = frozenset({"terragrunt.hcl", "terragrunt.hcl.json", "terragrunt.stack.hcl"})
_PULUMI = frozenset({"Pulumi.yaml", "Pulumi.yml"})
_HCL = (".hcl", ".tf", ".tofu", ".tf.json", ".tofu.json", ".tfvars", ".tfvars.json")
_VALUES = (".yaml", ".yml", ".json")
_PROSE = (".md", ".txt", ".rst", ".adoc")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTool:
    """A directory for another tool, and the file that shows this."""

    tool: Literal["Terragrunt", "Pulumi"]
    file: str

    @property
    def dir(self) -> str:
        """The directory of a unit or a project."""
        return directory_of(self.file)


def find_other_tools(paths: Collection[str]) -> tuple[OtherTool, ...]:
    """The other tools' directories in a tree, in the order of the paths; hidden directories are ignored."""
    return tuple(_found(sorted(paths)))


def _found(paths: Collection[str]) -> Iterator[OtherTool]:
    for path in paths:
        name = posixpath.basename(path)
        if any(part.startswith(".") for part in path.split("/")[:-1]):
            continue
        if name in _TERRAGRUNT:
            yield OtherTool(tool="Terragrunt", file=path)
        elif name in _PULUMI:
            yield OtherTool(tool="Pulumi", file=path)


def touched_other_tool(
    tools: Collection[OtherTool], changed: Collection[str], *, root_modules: Collection[str], touches_any: bool
) -> OtherTool | None:
    """The first of these directories that a change affects, as far as that can be known without the tool.

    A changed file affects a Terragrunt unit if it is an HCL, YAML or JSON file in the unit's directory. If this is the
    repository's root, only the unit's own file counts. A changed file affects a Pulumi project if it is in or below
    the project's directory. If this is the repository's root, paths that begin with "." do not count. Prose never
    counts, nor do files in one of the `root_modules`, unless the tool has the same directory.

    If the change touches no root module (`touches_any` is false), files that Terragrunt's units may share count, too:
    HCL files anywhere, and YAML and JSON files in a directory above a unit, except the repository's root.
    """
    own = set(root_modules) - {tool.dir for tool in tools}
    outside = [path for path in sorted(changed) if directory_of(path) not in own and not path.endswith(_PROSE)]
    for tool in tools:
        if any(_touches(path, tool) for path in outside):
            return tool
    for tool in () if touches_any else tools:
        if tool.tool == "Terragrunt" and any(_is_shared_with(path, tool) for path in outside):
            return tool
    return None


def _touches(path: str, tool: OtherTool) -> bool:
    match tool.tool:
        case "Terragrunt":
            return path == tool.file or (directory_of(path) == tool.dir != TOP and path.endswith((*_HCL, *_VALUES)))
        case "Pulumi":
            return (tool.dir == TOP and not path.startswith(".")) or path.startswith(f"{tool.dir}/")
        case _ as never:
            assert_never(never)


def _is_shared_with(path: str, tool: OtherTool) -> bool:
    if path.endswith(_HCL):
        return True
    above = directory_of(path)
    return path.endswith(_VALUES) and above != TOP and tool.dir.startswith(f"{above}/")
