"""The names of the events that Planward can log, read from its source."""

import ast
from functools import cache
from pathlib import Path

import ghapp


@cache
def _sources() -> tuple[str, ...]:
    return tuple(path.read_text() for path in Path(ghapp.__file__).parent.rglob("*.py"))


@cache
def is_logged(name: str) -> bool:
    """Whether this name is passed to `log.LEVEL`. Only files that contain it are parsed."""
    for source in _sources():
        for node in ast.walk(ast.parse(source)) if f'"{name}"' in source else ():
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log")), args=[ast.Constant(value=str(found)), *_]):
                    if found == name:
                        return True
    return False


def require_event(name: str) -> None:
    """Refuse a name that Planward never logs: a test that expects no such event would always pass."""
    assert is_logged(name), f"Planward logs no event {name!r}"
