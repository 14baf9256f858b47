"""Which parameters a slow test runs with."""

import pytest

pytest_plugins = ["pytester"]

THREE = """
    import pytest

    {mark}
    @pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
    def test_it(method):
        pass
"""


def outcomes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *arguments: str, mark: str = '"squash"'
) -> dict[str, int]:
    """How the three tests end with this mark and these arguments."""
    pytester.makeconftest('pytest_plugins = ["tests.databases", "tests.variants"]')
    pytester.makepyfile(test_three=THREE.format(mark=f"@pytest.mark.by_default({mark})"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
    return found.parseoutcomes() if found.ret < pytest.ExitCode.INTERNAL_ERROR else {"refused": 1}


def test_by_default_it_runs_with_the_named_parameters(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcomes(pytester, monkeypatch) == {"passed": 1, "deselected": 2}


@pytest.mark.parametrize("argument", ["--every", "test_three.py::test_it"])
def test_for_a_release_or_where_it_is_named_it_runs_with_all(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    assert outcomes(pytester, monkeypatch, argument) == {"passed": 3}


@pytest.mark.parametrize("mark", ["", '"fast-forward"', '"merge", "squash", "rebase"'])
def test_a_mark_that_names_no_parameter_another_or_all_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    assert outcomes(pytester, monkeypatch, mark=mark) == {"refused": 1}
