"""Circles in what the config says comes before what."""

from collections.abc import Collection, Mapping
from typing import TypeVar

_Name = TypeVar("_Name", bound=str)


def find_cycle(graph: Mapping[_Name, Collection[_Name]]) -> list[_Name]:
    """The first circle of a graph, its first member again at its end; empty if there is none."""
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
