"""The names of the events that Planward can log, read from its source."""

import ast
from functools import cache
from pathlib import Path

import ghapp


@cache
def logged_events() -> frozenset[str]:
    """Every name that is passed to `log.LEVEL`."""
    names = set[str]()
    for path in Path(ghapp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log")), args=[ast.Constant(value=str(name)), *_]):
                    names.add(name)
    return frozenset(names)


def require_event(name: str) -> None:
    """Refuse a name that Planward never logs: a test that expects no such event would always pass."""
    assert name in logged_events(), f"Planward logs no event {name!r}"
