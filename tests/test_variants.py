"""Which parameters a slow test runs with, and which tests stand in for one that is left out by default."""

import ast
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TOP = Path(__file__).parents[1]

THREE = """
    import pytest

    {mark}
    @pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
    def test_it(method):
        pass
"""


def outcomes(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    mark: str = '@pytest.mark.by_default("squash")',
) -> dict[str, int]:
    """How the three tests end with this mark and these arguments."""
    pytester.makeconftest('pytest_plugins = ["tests.databases", "tests.variants"]')
    pytester.makepyfile(test_three=THREE.format(mark=mark))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
    return found.parseoutcomes() if found.ret != pytest.ExitCode.USAGE_ERROR else {"refused": 1}


def test_by_default_it_runs_with_the_named_parameters(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcomes(pytester, monkeypatch) == {"passed": 1, "deselected": 2}


@pytest.mark.parametrize("argument", ["--every", "test_three.py::test_it"])
def test_for_a_release_or_where_it_is_named_it_runs_with_all(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    assert outcomes(pytester, monkeypatch, argument) == {"passed": 3}


ELSEWHERE = '@pytest.mark.only_with_every("tests/test_quick.py::test_it")'


def test_by_default_it_does_not_run_if_others_hold_its_claim(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcomes(pytester, monkeypatch, mark=ELSEWHERE) == {"deselected": 3}


@pytest.mark.parametrize("argument", ["--every", "test_three.py::test_it"])
def test_for_a_release_or_if_named_it_runs_although_others_test_its_claim(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    assert outcomes(pytester, monkeypatch, argument, mark=ELSEWHERE) == {"passed": 3}


@pytest.mark.parametrize(
    "mark",
    [
        "@pytest.mark.by_default()",
        '@pytest.mark.by_default("fast-forward")',
        '@pytest.mark.by_default("merge", "squash", "rebase")',
        "@pytest.mark.only_with_every",
        '@pytest.mark.only_with_every("tests/test_quick.py")',
    ],
)
def test_a_mark_that_names_no_unknown_or_all_parameters_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    assert outcomes(pytester, monkeypatch, mark=mark) == {"refused": 1}


def test_the_tests_that_hold_the_claim_of_one_left_out_exist_and_always_run() -> None:
    tests = {
        f"{path.relative_to(TOP).as_posix()}::{node.name}": _marks(node)
        for path in (TOP / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    }
    holding = {name: marks["only_with_every"] for name, marks in tests.items() if "only_with_every" in marks}
    assert {each for names in holding.values() for each in names} - tests.keys() == set()
    assert {each for names in holding.values() for each in names if "only_with_every" in tests[each]} == set()


def _marks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, list[str]]:
    """The marks of a test that are written as calls, each with its literal arguments."""
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    return {
        call.func.attr: [str(each.value) for each in call.args if isinstance(each, ast.Constant)]
        for call in calls
        if isinstance(call.func, ast.Attribute)
    }
