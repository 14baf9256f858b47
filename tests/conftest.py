"""Fixtures of several rooms: one OpenBao and one PostgreSQL serve a whole session."""

import os

import pytest

pytest_plugins = ["tests.openbao", "tests.postgres", "tests.databases"]


AGAIN = (
    "tests/stories/",
    "tests/ghapp/test_listening.py",
    "tests/ghapp/test_process_limits.py",
    "tests/ghapp/test_durable.py",
)
"""They run several processes against the clock: what a busy machine broke is tried twice more, and shown as rerun."""
FAULTS = "tests/stories/faults/"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Try again what runs against the clock; stories of faults run on SQLite, and elsewhere where that is asked for."""
    everywhere = config.getoption("database") or "PLANWARD_TEST_EVERY_POINT" in os.environ
    elsewhere = pytest.mark.skip(reason="on PostgreSQL by --database postgresql or PLANWARD_TEST_EVERY_POINT=1")
    for item in items:
        if item.nodeid.startswith(AGAIN):
            item.add_marker(pytest.mark.flaky(reruns=2))
        kind = getattr(item, "callspec", None)
        if not everywhere and item.nodeid.startswith(FAULTS) and kind and "postgresql" in kind.params.values():
            item.add_marker(elsewhere)
