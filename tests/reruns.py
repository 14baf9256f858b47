"""A test that fails is a fault. One with a known cause that cannot be fixed here is marked by itself, and tried again.

`@pytest.mark.sometimes_fails(because="…", at_most="1 run in 200")` says why, and how often it may happen. No other test
is tried again: it fails when it fails, and so does `.ci/run`. What failed at first is printed at the end, even if the
second try passed.
"""

import pytest

_WORDS = {"because", "at_most"}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of this file."""
    config.addinivalue_line(
        "markers", "sometimes_fails(because, at_most): try it once more; why, and how often it fails"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have what is marked tried once more. Fails the collection on a mark without its words, and on any other rerun."""
    for item in items:
        if item.get_closest_marker("flaky") is not None:
            raise pytest.UsageError(f"{item.nodeid}: mark it sometimes_fails, with the cause and a bound")
        mark = item.get_closest_marker("sometimes_fails")
        if mark is not None and (mark.args or mark.kwargs.keys() != _WORDS or not all(mark.kwargs.values())):
            raise pytest.UsageError(f"{item.nodeid}: sometimes_fails needs because= and at_most=, and nothing else")
        if mark is not None and item.config.pluginmanager.hasplugin("rerunfailures"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why each of the tests that were tried again failed at first: otherwise its cause is never found."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"failed at first: {report.nodeid}")
        terminalreporter.line(report.longreprtext)
