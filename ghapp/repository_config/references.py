"""Check references in the config: they must exist and must not form a cycle."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from ghapp.repository_config.document import did_you_mean

_Name = TypeVar("_Name", bound=str)


def find_cycle(graph: Mapping[_Name, Collection[_Name]]) -> list[_Name]:
    """The first cycle of a graph, with its first member repeated at the end; empty if there is none."""
    done: set[_Name] = set()
    for start in graph:
        trail = [(start, list(graph[start]))] if start not in done else []
        while trail:
            name, left = trail[-1]
            if not left:
                done.add(name)
                trail.pop()
                continue
            following = left.pop(0)
            on_trail = [each for each, _ in trail]
            if following in on_trail:
                return [*on_trail[on_trail.index(following) :], following]
            if following not in done and following in graph:
                trail.append((following, list(graph[following])))
    return []


def unknown_environment(name: str, environments: Collection[str]) -> str | None:
    """The error if a name is not one of these environments; None if it is one."""
    if name in environments:
        return None
    near = did_you_mean(name, environments) or (
        f"; choose one of: {', '.join(environments)}" if environments else "; no other environment has a branch"
    )
    return f'there is no environment "{name}"{near}'
