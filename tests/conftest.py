"""Fixtures of several rooms: one OpenBao and one PostgreSQL serve a whole session."""

import pytest

pytest_plugins = ["tests.openbao", "tests.postgres"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """On PostgreSQL the work is done by a process of its own."""
    parser.addoption("--database", choices=("sqlite", "postgresql"), help="run every story there, and there alone")
