"""Which tests are tried again."""

import pytest

pytest_plugins = ["pytester"]

ONCE_MORE = """
    import pytest
    tries = []

    {mark}
    def test_it():
        tries.append(1)
        assert len(tries) == 2
"""


def outcomes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mark: str) -> dict[str, int]:
    """How a test ends that fails at first, with this mark."""
    pytester.makeconftest('pytest_plugins = ["tests.reruns"]')
    pytester.makepyfile(ONCE_MORE.format(mark=mark))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = pytester.runpytest_inprocess("-p", "rerunfailures", "-p", "no:cacheprovider")
    return found.parseoutcomes() if found.ret < pytest.ExitCode.INTERNAL_ERROR else {"refused": 1}


def test_a_test_that_is_not_marked_is_tried_once(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(pytester, monkeypatch, "") == {"failed": 1}


def test_one_that_is_marked_with_a_cause_and_a_bound_is_tried_once_more(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = '@pytest.mark.sometimes_fails(because="its clock is coarse", at_most="1 run in 200")'
    assert outcomes(pytester, monkeypatch, mark) == {"passed": 1, "rerun": 1}


@pytest.mark.parametrize(
    "mark",
    ["@pytest.mark.flaky(reruns=2)", "@pytest.mark.sometimes_fails", '@pytest.mark.sometimes_fails(because="chance")'],
)
def test_any_other_mark_is_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    assert outcomes(pytester, monkeypatch, mark) == {"refused": 1}


def test_why_a_test_failed_at_first_is_printed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeconftest('pytest_plugins = ["tests.reruns"]')
    mark = '@pytest.mark.sometimes_fails(because="its clock is coarse", at_most="1 run in 200")'
    pytester.makepyfile(ONCE_MORE.format(mark=mark))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    found = pytester.runpytest_inprocess("-p", "rerunfailures", "-p", "no:cacheprovider")
    found.stdout.fnmatch_lines(["*failed at first: *::test_it*", "*assert len(tries) == 2*", "*1 passed, 1 rerun*"])
