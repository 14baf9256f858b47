"""How xdist gives the tests to its processes: whole files, the long ones first, so that no long one is left at the end.

PostgreSQL stories do not run with the rest of their file. One process runs all PostgreSQL stories that share a line, so
that only one process starts it. With `--every`, one process runs those of one file.
The tests that take user ids of the machine run in one process, too.
"""

from typing import Any

import pytest

_LINES, _FAULTS = "tests/stories/", "tests/stories/faults/"
_LONG_FIRST = (_FAULTS, _LINES, "tests/test_linear_patterns.py", "tests/ghapp/")
_OWN_LINE = "tests/stories/faults/test_between.py"
_UIDS = ("tests/ghapp/sandbox/", "tests/ghapp/git/sandbox/")
"""Their tests take user ids, and some expect that nobody else does so at the same time."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the hooks that need xdist, if xdist is active."""
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Distribution())


def unit_of(nodeid: str, *, every: bool) -> str:
    """Return the name of a test's unit. The tests of one unit run one after the other in one process."""
    path, _, name = nodeid.partition("::")
    if path.startswith(_UIDS):
        return "user ids"
    if not path.startswith(_LINES) or path == _OWN_LINE or "[postgresql" not in name:
        return path
    return f"{path if every else _FAULTS if path.startswith(_FAULTS) else _LINES} on PostgreSQL"


class _Distribution:
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Order the units; the order within each stays."""
        if hasattr(config, "workerinput"):
            items.sort(key=lambda item: _rank(item.nodeid))

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Give the units out in this order."""
        from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

        class Units(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                return unit_of(nodeid, every=config.getoption("every"))

        setattr(config.option, "loadscopereorder", False)  # noqa: B010 - else the unit with the most tests is first
        return Units(config, log)


def _rank(nodeid: str) -> int:
    return next((rank for rank, path in enumerate(_LONG_FIRST) if nodeid.startswith(path)), len(_LONG_FIRST))
