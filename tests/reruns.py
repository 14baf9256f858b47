"""A failing test is a bug. Only a test whose failure has a known cause that cannot be fixed here is tried once more.

`@pytest.mark.sometimes_fails(because="…", at_most="1 run in 200")` says why, and how often it may fail. No other test
is tried again: it fails when it fails, and so does `.ci/run`. The first failure of a test is printed at the end, even
if the second try passed.
"""

import pytest

_WORDS = {"because", "at_most"}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of this file."""
    config.addinivalue_line(
        "markers", "sometimes_fails(because, at_most): try it once more; why, and how often it fails"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have marked tests tried once more. Raises UsageError for a mark without both words or any other rerun."""
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
