"""Fixtures of several rooms: one OpenBao and one PostgreSQL serve a whole session."""

import pytest

pytest_plugins = ["tests.openbao", "tests.postgres", "tests.databases", "tests.distribution"]


AGAIN = (
    "tests/stories/",
    "tests/ghapp/test_listening.py",
    "tests/ghapp/test_process_limits.py",
    "tests/ghapp/test_durable.py",
    "tests/ghapp/test_git.py",
    "tests/ghapp/test_terraform.py",
)
"""They run several processes against the clock: what a busy machine broke is tried twice more, and shown as rerun."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try again what runs against the clock."""
    for item in items:
        if item.config.pluginmanager.hasplugin("rerunfailures") and item.nodeid.startswith(AGAIN):
            item.add_marker(pytest.mark.flaky(reruns=2))
