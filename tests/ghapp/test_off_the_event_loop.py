"""Functions whose time grows with input from outside are never called on the event loop."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

GHAPP = Path(__file__).parents[2] / "ghapp"
SERVED = sorted(path for room in ("facts", "flows", "git", "terraform", "web") for path in (GHAPP / room).rglob("*.py"))
SIZED_BY_OTHERS = frozenset(
    {
        "configure_root_modules",
        "files_to_read",
        "find_other_tools",
        "layers",
        "marked_in_state",
        "not_supported",
        "read_config",
        "read_line_ranges",
        "read_plan",
        "render",
        "render_check_run",
        "render_comment",
        "render_html",
        "render_picture",
        "roots_with_pictures",
        "sensitive_values",
        "sensitive_values_of_state",
        "summarize",
        "touched",
        "unlisted_tools",
    }
)


def called_on_the_loop(source: str) -> Iterator[str]:
    """The functions that coroutines call directly, not those that they pass to a thread or call in inner functions."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.AsyncFunctionDef):
            yield from _called(function.body)


def _called(nodes: list[ast.stmt] | list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield from _called(list(ast.iter_child_nodes(node)))


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.relative_to(GHAPP).as_posix())
def test_no_coroutine_directly_calls_a_function_whose_input_size_others_control(path: Path) -> None:
    assert SIZED_BY_OTHERS.isdisjoint(called_on_the_loop(path.read_text()))


def test_a_call_in_a_thread_and_one_on_the_loop_are_distinguished() -> None:
    source = "async def f(x):\n    await to_thread(render, x)\n    await to_thread(lambda: x.touched())\n    return {}"
    assert "touched" not in set(called_on_the_loop(source.format("x")))
    assert "render" not in set(called_on_the_loop(source.format("x")))
    assert "render" in set(called_on_the_loop(source.format("[render(each) for each in x]")))
    assert "touched" in set(called_on_the_loop(source.format("x.touched()")))
